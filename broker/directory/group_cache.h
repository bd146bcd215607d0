/* SPDX-License-Identifier: Apache-2.0 */
/* group_cache.h - which groups a group is in, remembered for a short while.
 *
 * Who is in a group is asked at every login; which groups are in which others changes seldom and is
 * the same for everybody. Bounded in time and in number. Any thread. */
#ifndef GENKAN_DIRECTORY_GROUP_CACHE_H
#define GENKAN_DIRECTORY_GROUP_CACHE_H

#include "common/base/cleanup.h"
#include "pool/entitlement.h"

#define GROUP_CACHE_MAX 10000	/* groups */

struct group_cache;

struct group_cache *group_cache_new(int64_t keep_ms);	/* 0: remembers nothing */
void group_cache_free(struct group_cache *cache);
DEFINE_OWNED(group_cache_free, struct group_cache);

/* Calls `fn` for each parent of the group; false: not known (any more). */
typedef void group_cache_fn(void *arg, const char *name, const char *dn);
bool group_cache_parents(struct group_cache *cache, const char *dn, int64_t now_ms,
			 group_cache_fn *fn, void *arg);
/* Copies. */
void group_cache_put(struct group_cache *cache, const char *dn, const struct pool_group *parents,
		     size_t count, int64_t now_ms);

#endif
