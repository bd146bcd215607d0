/* SPDX-License-Identifier: Apache-2.0 */
/* entitlement.h - which pools a user may use, and why. Pure. */
#ifndef GENKAN_POOL_ENTITLEMENT_H
#define GENKAN_POOL_ENTITLEMENT_H

#include "pool/pool.h"
#include "pool/reason.h"

/* A group the user is in, directly or through other groups; the directory resolves nesting. */
struct pool_group {
	const char *name;	/* cn */
	const char *dn;		/* NULL when unknown */
};

struct entitlement {
	size_t pool;			/* index into `pools` */
	enum reason why;		/* REASON_ENTITLED_GROUP or REASON_ENTITLED_USER */
	const char *principal;		/* the pool's entry that matched; borrowed from the pool */
};

/* Entitled pools in the order of `pools`, one entry each; `out` has room for `pool_count`. Names
 * and DNs are compared without regard to ASCII letter case, as directories do. Returns the
 * count. A pool that names nobody entitles nobody. */
size_t pool_entitlements(const struct pool *pools, size_t pool_count, const char *user_name,
			 const struct pool_group *groups, size_t group_count,
			 struct entitlement *out);

#endif
