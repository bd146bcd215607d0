/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/directory/profile.h"

#include <errno.h>

/* LDAP_MATCHING_RULE_IN_CHAIN (MS-ADTS 3.1.1.3.4.4.3): the server walks nested groups itself. */
#define IN_CHAIN "member:1.2.840.113556.1.4.1941:"

#define NAMED_GROUPS                                                                               \
	"(&(objectClass=groupOfNames)(member={dn}))"                                               \
	"(&(objectClass=groupOfUniqueNames)(uniqueMember={dn}))"

struct profile {
	const char *name;
	const char *user_filter, *group_filter, *primary_filter, *parent_filter, *member_of;
	const char *attr_user, *attr_name, *attr_uid_number, *attr_id, *attr_group;
};

static const struct profile profiles[] = {
	{
		.name = "rfc2307bis",
		.user_filter = "(&(objectClass=person)(uid={user}))",
		.group_filter = "(|" NAMED_GROUPS "(&(objectClass=posixGroup)(memberUid={user})))",
		.primary_filter = "(&(objectClass=posixGroup)(gidNumber={gid}))",
		/* By class: an attribute that is not indexed would make the server read every
		 * entry. */
		.parent_filter = "(|" NAMED_GROUPS ")",
		.member_of = "memberOf",
		.attr_user = "uid",
		.attr_name = "displayName",
		.attr_uid_number = "uidNumber",
		.attr_id = "entryUUID",
		.attr_group = "cn",
	},
	{
		.name = "rfc2307",
		.user_filter = "(&(objectClass=posixAccount)(uid={user}))",
		.group_filter = "(&(objectClass=posixGroup)(memberUid={user}))",
		.primary_filter = "(&(objectClass=posixGroup)(gidNumber={gid}))",
		.parent_filter = "",
		.member_of = "",
		.attr_user = "uid",
		.attr_name = "displayName",
		.attr_uid_number = "uidNumber",
		.attr_id = "entryUUID",
		.attr_group = "cn",
	},
	{
		.name = "ad",
		.user_filter = "(&(objectCategory=person)(objectClass=user)(sAMAccountName={user}))",
		.group_filter = "(&(objectClass=group)(" IN_CHAIN "={dn}))",
		.primary_filter = "(&(objectClass=group)(objectSid={sid}))",
		/* what the primary group is in: it is not among its members' chain */
		.parent_filter = "(&(objectClass=group)(" IN_CHAIN "={dn}))",
		.member_of = "",
		.attr_user = "sAMAccountName",
		.attr_name = "displayName",
		.attr_uid_number = "uidNumber",
		.attr_id = "objectGUID",
		.attr_group = "cn",
	},
};

static void settle(char **setting, const char *value)
{
	if (strcmp(*setting, PROFILE_VALUE) != 0)
		return;
	free(*setting);
	*setting = xstrdup(value);
}

int directory_profile_apply(struct directory_config *config, struct error *err)
{
	const struct profile *p = NULL;

	for (size_t i = 0; i < ARRAY_LEN(profiles); i++)
		if (strcmp(profiles[i].name, config->profile) == 0)
			p = &profiles[i];
	if (!p)
		return error_set(err, EINVAL,
				 "directory.profile: must be rfc2307, rfc2307bis or ad");
	config->is_ad = strcmp(p->name, "ad") == 0;
	settle(&config->user_filter, p->user_filter);
	settle(&config->group_filter, p->group_filter);
	settle(&config->primary_filter, p->primary_filter);
	settle(&config->parent_filter, p->parent_filter);
	settle(&config->member_of, p->member_of);
	settle(&config->attr_user, p->attr_user);
	settle(&config->attr_name, p->attr_name);
	settle(&config->attr_uid_number, p->attr_uid_number);
	settle(&config->attr_id, p->attr_id);
	settle(&config->attr_group, p->attr_group);
	return 0;
}
