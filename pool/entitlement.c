/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/entitlement.h"

#include <string.h>

static bool same_name(const char *a, const char *b)
{
	return span_equal_fold(span_text(a), span_text(b));
}

/* An entry with '=' is a DN and only ever matches DNs, so a group cannot be named into another's
 * place. */
static bool in_group(const char *entry, const struct pool_group *group)
{
	if (strchr(entry, '='))
		return group->dn && same_name(entry, group->dn);
	return same_name(entry, group->name);
}

static bool entitled(const struct pool *pool, const char *user_name,
		     const struct pool_group *groups, size_t group_count, struct entitlement *out)
{
	for (size_t i = 0; i < pool->user_count; i++) {
		if (!same_name(pool->users[i], user_name))
			continue;
		out->why = REASON_ENTITLED_USER;
		out->principal = pool->users[i];
		return true;
	}
	for (size_t i = 0; i < pool->group_count; i++) {
		for (size_t g = 0; g < group_count; g++) {
			if (!in_group(pool->groups[i], &groups[g]))
				continue;
			out->why = REASON_ENTITLED_GROUP;
			out->principal = pool->groups[i];
			return true;
		}
	}
	return false;
}

size_t pool_entitlements(const struct pool *pools, size_t pool_count, const char *user_name,
			 const struct pool_group *groups, size_t group_count,
			 struct entitlement *out)
{
	size_t count = 0;

	for (size_t i = 0; i < pool_count; i++) {
		struct entitlement found = { .pool = i };

		if (entitled(&pools[i], user_name, groups, group_count, &found))
			out[count++] = found;
	}
	return count;
}
