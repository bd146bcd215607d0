/* SPDX-License-Identifier: Apache-2.0 */
/* ldap_entry.h - an entry of the directory as our values. No I/O: the entry is already here. */
#ifndef GENKAN_DIRECTORY_LDAP_ENTRY_H
#define GENKAN_DIRECTORY_LDAP_ENTRY_H

#include <ldap.h>
#include "broker/directory/directory.h"

/* The first value as text: -ENOENT without one, -EINVAL when it is too long, holds a NUL or is not
 * UTF-8. */
int ldap_entry_text(LDAP *ld, LDAPMessage *entry, const char *attribute, char *out,
		    size_t size) MUST_CHECK;
/* Id, name, display name, number. The error names the attribute that is missing or bad. */
int ldap_entry_person(LDAP *ld, LDAPMessage *entry, const struct directory_config *config,
		      struct directory_person *out, struct error *err) MUST_CHECK;
/* Whether `text` is a value of the attribute as it is written, but for ASCII letter case. */
bool ldap_entry_is_called(LDAP *ld, LDAPMessage *entry, const char *attribute, const char *text);
/* Locked or switched off, in the ways of OpenLDAP's ppolicy, 389 DS and Active Directory. */
bool ldap_entry_is_disabled(LDAP *ld, LDAPMessage *entry);
/* The attributes that ldap_entry_is_disabled reads, NULL-ended. */
extern const char *const ldap_entry_state_attributes[];

/* Groups named by a memberOf-like attribute: values are DNs, the name is the first RDN's value. */
void ldap_entry_add_member_of(LDAP *ld, LDAPMessage *entry, const char *attribute,
			      struct directory_person *person);
/* One found group entry. */
void ldap_entry_add_group(LDAP *ld, LDAPMessage *entry, const char *name_attribute,
			  struct directory_person *person);

#endif
