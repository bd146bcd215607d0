/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/directory/ldap_entry.h"

#include <errno.h>
#include <strings.h>

#include "broker/directory/ldap_link.h"
#include "common/base/text.h"

DEFINE_OWNED(ldap_value_free_len, struct berval *);

#define AD_ACCOUNT_DISABLED 0x0002	/* MS-ADTS 2.2.16, userAccountControl */

#define AD_NEVER INT64_MAX
#define AD_EPOCH_S INT64_C(11644473600)	/* 1601 to 1970 */
#define LOCKED_BY_ADMIN "000001010000Z"	/* draft-behera-ldap-password-policy 5.3.3 */

const char *const ldap_entry_state_attributes[] = {
	"pwdAccountLockedTime", "nsAccountLock",  "userAccountControl",
	"accountExpires",	"shadowExpire", NULL,
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

static int read_id(LDAP *ld, LDAPMessage *entry, const char *attribute, char *out, size_t size,
		   struct error *err)
{
	if (strcasecmp(attribute, "objectGUID") != 0)
		return must_have(ld, entry, attribute, out, size, err);

	OWNED(ldap_value_free_len) struct berval **values =
		ldap_get_values_len(ld, entry, attribute);
	char text[GUID_TEXT_SIZE];

	if (!values || !values[0] ||
	    guid_text(span_of(values[0]->bv_val, values[0]->bv_len), text) < 0)
		return error_set(err, EINVAL, "the entry has no usable %s", attribute);
	return str_copy(out, size, text);
}

int ldap_entry_person(LDAP *ld, LDAPMessage *entry, const struct directory_config *config,
		      struct directory_person *out, struct error *err)
{
	int rc = read_id(ld, entry, config->attr_id, out->id, sizeof(out->id), err);

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

static bool is_disabled(LDAP *ld, LDAPMessage *entry)
{
	char text[64];

	if (ldap_entry_text(ld, entry, "pwdAccountLockedTime", text, sizeof(text)) == 0 &&
	    strcmp(text, LOCKED_BY_ADMIN) == 0)
		return true;
	if (ldap_entry_text(ld, entry, "nsAccountLock", text, sizeof(text)) == 0 &&
	    strcasecmp(text, "true") == 0)
		return true;
	return number_or(ld, entry, "userAccountControl", 0) & AD_ACCOUNT_DISABLED;
}

/* accountExpires: 100 ns since 1601, 0 and the largest are never. shadowExpire: days since 1970. */
static bool is_expired(LDAP *ld, LDAPMessage *entry, int64_t now_s)
{
	int64_t ad = number_or(ld, entry, "accountExpires", AD_NEVER);
	int64_t days = number_or(ld, entry, "shadowExpire", -1);

	if (ad != 0 && ad != AD_NEVER && ad / 10000000 - AD_EPOCH_S <= now_s)
		return true;
	return days > 0 && days <= now_s / 86400;
}

enum directory_verdict ldap_entry_state(LDAP *ld, LDAPMessage *entry, int64_t now_s)
{
	if (is_disabled(ld, entry))
		return DIRECTORY_DISABLED;
	return is_expired(ld, entry, now_s) ? DIRECTORY_EXPIRED : DIRECTORY_OK;
}

void ldap_entry_sid(LDAP *ld, LDAPMessage *entry, char out[SID_TEXT_SIZE])
{
	OWNED(ldap_value_free_len) struct berval **values =
		ldap_get_values_len(ld, entry, "objectSid");

	if (!values || !values[0] ||
	    sid_text(span_of(values[0]->bv_val, values[0]->bv_len), out) < 0)
		out[0] = '\0';
}

void ldap_entry_primary_sid(LDAP *ld, LDAPMessage *entry, char out[SID_TEXT_SIZE])
{
	OWNED(ldap_value_free_len) struct berval **values =
		ldap_get_values_len(ld, entry, "objectSid");
	int64_t rid = number_or(ld, entry, "primaryGroupID", -1);

	if (rid < 0 || rid > UINT32_MAX || !values || !values[0] ||
	    sid_sibling(span_of(values[0]->bv_val, values[0]->bv_len), (uint32_t)rid, out) < 0)
		out[0] = '\0';
}

static bool has_group(const struct directory_person *person, const char *dn)
{
	for (size_t i = 0; i < person->group_count; i++)
		if (strcasecmp(person->groups[i].dn, dn) == 0)
			return true;
	return false;
}

bool directory_person_add_group(struct directory_person *person, const char *name, const char *dn)
{
	size_t count = person->group_count;

	if (has_group(person, dn))
		return true;
	if (count >= DIRECTORY_MAX_GROUPS)
		return false;
	if ((count & (count - 1)) == 0)	/* grows at 0, 1, 2, 4, 8 ... */
		person->groups = xrealloc(person->groups,
					  (count ? 2 * count : 1) * sizeof(person->groups[0]));
	person->groups[person->group_count++] = (struct pool_group){
		.name = xstrdup(name),
		.dn = xstrdup(dn),
	};
	return true;
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
			directory_person_add_group(person, name, dn);
	}
}

int ldap_entry_group(LDAP *ld, LDAPMessage *entry, const char *name_attribute, char **dn,
		     char name[256])
{
	OWNED(ldap_memfree) char *found = ldap_get_dn(ld, entry);

	if (!found || ldap_entry_text(ld, entry, name_attribute, name, 256) < 0)
		return -ENOENT;
	*dn = STEAL(found);
	return 0;
}
