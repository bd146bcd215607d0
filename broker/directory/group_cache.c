/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/directory/group_cache.h"

#include <ctype.h>
#include <pthread.h>
#include <uthash.h>

struct known_group {
	char *dn;			/* in lower case */
	struct pool_group *parents;
	size_t count;
	int64_t until_ms;
	UT_hash_handle hh;
};

struct group_cache {
	pthread_mutex_t lock;
	int64_t keep_ms;
	struct known_group *groups;	/* oldest first: uthash keeps the order they came in */
};

struct group_cache *group_cache_new(int64_t keep_ms)
{
	struct group_cache *cache = xnew(struct group_cache);

	pthread_mutex_init(&cache->lock, NULL);
	cache->keep_ms = keep_ms;
	return cache;
}

static void forget(struct group_cache *cache, struct known_group *group)
{
	HASH_DEL(cache->groups, group);
	for (size_t i = 0; i < group->count; i++) {
		free((char *)(uintptr_t)group->parents[i].name);
		free((char *)(uintptr_t)group->parents[i].dn);
	}
	free(group->parents);
	free(group->dn);
	free(group);
}

void group_cache_free(struct group_cache *cache)
{
	struct known_group *group, *next;

	if (!cache)
		return;
	HASH_ITER(hh, cache->groups, group, next)
		forget(cache, group);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

static char *folded(const char *dn)
{
	char *text = xstrdup(dn);

	for (char *c = text; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return text;
}

bool group_cache_parents(struct group_cache *cache, const char *dn, int64_t now_ms,
			 group_cache_fn *fn, void *arg)
{
	OWNED(free) char *key = folded(dn);
	struct known_group *group;

	pthread_mutex_lock(&cache->lock);
	HASH_FIND_STR(cache->groups, key, group);
	if (group && group->until_ms <= now_ms) {
		forget(cache, group);
		group = NULL;
	}
	for (size_t i = 0; group && i < group->count; i++)
		fn(arg, group->parents[i].name, group->parents[i].dn);
	pthread_mutex_unlock(&cache->lock);
	return group != NULL;
}

void group_cache_put(struct group_cache *cache, const char *dn, const struct pool_group *parents,
		     size_t count, int64_t now_ms)
{
	struct known_group *group = xnew(struct known_group), *old;

	group->dn = folded(dn);
	group->parents = xcalloc(count + 1, sizeof(group->parents[0]));
	for (size_t i = 0; i < count; i++)
		group->parents[i] = (struct pool_group){ xstrdup(parents[i].name),
							 xstrdup(parents[i].dn) };
	group->count = count;
	group->until_ms = now_ms + cache->keep_ms;

	pthread_mutex_lock(&cache->lock);
	HASH_FIND_STR(cache->groups, group->dn, old);
	if (old)
		forget(cache, old);
	HASH_ADD_KEYPTR(hh, cache->groups, group->dn, strlen(group->dn), group);
	if (HASH_COUNT(cache->groups) > GROUP_CACHE_MAX)
		forget(cache, cache->groups);
	pthread_mutex_unlock(&cache->lock);
}
