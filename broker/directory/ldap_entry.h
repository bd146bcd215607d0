/* SPDX-License-Identifier: Apache-2.0 */
/* ldap_entry.h - an entry of the directory as our values. No I/O: the entry is already here. */
#ifndef GENKAN_DIRECTORY_LDAP_ENTRY_H
#define GENKAN_DIRECTORY_LDAP_ENTRY_H

#include <ldap.h>
#include "broker/directory/directory.h"
#include "broker/directory/identity.h"

/* The first value as text: -ENOENT without one, -EINVAL when it is too long, holds a NUL or is not
 * UTF-8. */
int ldap_entry_text(LDAP *ld, LDAPMessage *entry, const char *attribute, char *out,
		    size_t size) MUST_CHECK;
/* Id, name, display name, number. The error names the attribute that is missing or bad. */
int ldap_entry_person(LDAP *ld, LDAPMessage *entry, const struct directory_config *config,
		      struct directory_person *out, struct error *err) MUST_CHECK;
/* Whether `text` is a value of the attribute as it is written, but for ASCII letter case. */
bool ldap_entry_is_called(LDAP *ld, LDAPMessage *entry, const char *attribute, const char *text);
/* OK, or switched off or run out, in the ways of OpenLDAP's ppolicy, 389 DS, shadow accounts and
 * Active Directory. Locks after wrong passwords are not looked at: they must not end sessions. */
enum directory_verdict ldap_entry_state(LDAP *ld, LDAPMessage *entry, int64_t now_s);
/* The attributes that ldap_entry_state reads, NULL-ended. */
extern const char *const ldap_entry_state_attributes[];

/* Binary SIDs as text; "" when there is none. */
void ldap_entry_sid(LDAP *ld, LDAPMessage *entry, char out[SID_TEXT_SIZE]);
void ldap_entry_primary_sid(LDAP *ld, LDAPMessage *entry, char out[SID_TEXT_SIZE]);

/* Groups named by a memberOf-like attribute: values are DNs, the name is the first RDN's value. */
void ldap_entry_add_member_of(LDAP *ld, LDAPMessage *entry, const char *attribute,
			      struct directory_person *person);
/* One found group entry: -ENOENT when it has no usable name. */
int ldap_entry_group(LDAP *ld, LDAPMessage *entry, const char *name_attribute, char **dn,
		     char name[256]) MUST_CHECK;
/* Unless it is there already; false: there are DIRECTORY_MAX_GROUPS. */
bool directory_person_add_group(struct directory_person *person, const char *name, const char *dn);

#endif
