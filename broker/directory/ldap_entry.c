/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/directory/ldap_entry.h"

#include <errno.h>
#include <strings.h>

#include "broker/directory/ldap_link.h"
#include "common/base/text.h"

DEFINE_OWNED(ldap_value_free_len, struct berval *);

#define AD_ACCOUNT_DISABLED 0x0002	/* MS-ADTS 2.2.16, userAccountControl */

const char *const ldap_entry_state_attributes[] = {
	"pwdAccountLockedTime", "nsAccountLock", "userAccountControl", NULL,
};

static int berval_text(const struct berval *value, char *out, size_t size)
{
	struct span text = span_of(value->bv_val, value->bv_len);

	if (text.len == 0 || text.len >= size || memchr(text.ptr, 0, text.len) || !utf8_valid(text))
		return -EINVAL;
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return 0;
}

int ldap_entry_text(LDAP *ld, LDAPMessage *entry, const char *attribute, char *out, size_t size)
{
	OWNED(ldap_value_free_len) struct berval **values =
		ldap_get_values_len(ld, entry, attribute);

	if (!values || !values[0])
		return -ENOENT;
	return berval_text(values[0], out, size);
}

static int must_have(LDAP *ld, LDAPMessage *entry, const char *attribute, char *out, size_t size,
		     struct error *err)
{
	int rc = ldap_entry_text(ld, entry, attribute, out, size);

	if (rc == -ENOENT)
		return error_set(err, EINVAL, "the entry has no %s", attribute);
	if (rc < 0)
		return error_set(err, EINVAL, "the entry's %s is not usable text", attribute);
	return 0;
}

static int64_t number_or(LDAP *ld, LDAPMessage *entry, const char *attribute, int64_t fallback)
{
	char text[24], *end;

	if (!*attribute || ldap_entry_text(ld, entry, attribute, text, sizeof(text)) < 0)
		return fallback;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	return errno || *end ? fallback : value;
}

int ldap_entry_person(LDAP *ld, LDAPMessage *entry, const struct directory_config *config,
		      struct directory_person *out, struct error *err)
{
	int rc = must_have(ld, entry, config->attr_id, out->id, sizeof(out->id), err);

	if (rc == 0)
		rc = must_have(ld, entry, config->attr_user, out->user, sizeof(out->user), err);
	if (rc < 0)
		return rc;
	if (ldap_entry_text(ld, entry, config->attr_name, out->display_name,
			    sizeof(out->display_name)) < 0 &&
	    ldap_entry_text(ld, entry, "cn", out->display_name, sizeof(out->display_name)) < 0)
		memcpy(out->display_name, out->user, sizeof(out->user));
	out->uid_number = number_or(ld, entry, config->attr_uid_number, -1);
	return 0;
}

bool ldap_entry_is_called(LDAP *ld, LDAPMessage *entry, const char *attribute, const char *text)
{
	OWNED(ldap_value_free_len) struct berval **values =
		ldap_get_values_len(ld, entry, attribute);

	for (size_t i = 0; values && values[i]; i++)
		if (span_equal_fold(span_of(values[i]->bv_val, values[i]->bv_len), span_text(text)))
			return true;
	return false;
}

bool ldap_entry_is_disabled(LDAP *ld, LDAPMessage *entry)
{
	char text[64];

	if (ldap_entry_text(ld, entry, "pwdAccountLockedTime", text, sizeof(text)) == 0)
		return true;
	if (ldap_entry_text(ld, entry, "nsAccountLock", text, sizeof(text)) == 0 &&
	    strcasecmp(text, "true") == 0)
		return true;
	return number_or(ld, entry, "userAccountControl", 0) & AD_ACCOUNT_DISABLED;
}

static bool has_group(const struct directory_person *person, const char *dn)
{
	for (size_t i = 0; i < person->group_count; i++)
		if (strcasecmp(person->groups[i].dn, dn) == 0)
			return true;
	return false;
}

static void add_group(struct directory_person *person, const char *name, const char *dn)
{
	if (person->group_count >= DIRECTORY_MAX_GROUPS || has_group(person, dn))
		return;
	person->groups = xrealloc(person->groups,
				  (person->group_count + 1) * sizeof(person->groups[0]));
	person->groups[person->group_count++] = (struct pool_group){
		.name = xstrdup(name),
		.dn = xstrdup(dn),
	};
}

/* "cn=staff,ou=groups,..." -> "staff" */
static int first_rdn_value(const char *dn, char *out, size_t size)
{
	LDAPDN parsed = NULL;
	int rc = -EINVAL;

	if (ldap_str2dn(dn, &parsed, LDAP_DN_FORMAT_LDAP) != LDAP_SUCCESS)
		return rc;
	if (parsed && parsed[0] && parsed[0][0])
		rc = berval_text(&parsed[0][0]->la_value, out, size);
	ldap_dnfree(parsed);
	return rc;
}

void ldap_entry_add_member_of(LDAP *ld, LDAPMessage *entry, const char *attribute,
			      struct directory_person *person)
{
	OWNED(ldap_value_free_len) struct berval **values =
		ldap_get_values_len(ld, entry, attribute);

	for (size_t i = 0; values && values[i] && i < DIRECTORY_MAX_GROUPS; i++) {
		char dn[1024], name[256];

		if (berval_text(values[i], dn, sizeof(dn)) == 0 &&
		    first_rdn_value(dn, name, sizeof(name)) == 0)
			add_group(person, name, dn);
	}
}

void ldap_entry_add_group(LDAP *ld, LDAPMessage *entry, const char *name_attribute,
			  struct directory_person *person)
{
	OWNED(ldap_memfree) char *dn = ldap_get_dn(ld, entry);
	char name[256];

	if (dn && ldap_entry_text(ld, entry, name_attribute, name, sizeof(name)) == 0)
		add_group(person, name, dn);
}
