/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/relay/uid_pool.h"

bool uid_pool_next(struct uid_pool *pool, uid_t *out)
{
	for (size_t i = 0; i < UID_POOL_SIZE; i++) {
		size_t slot = (pool->next + i) % UID_POOL_SIZE;

		if (pool->owner[slot])
			continue;
		pool->next = (slot + 1) % UID_POOL_SIZE;
		*out = pool->first + (uid_t)slot;
		return true;
	}
	return false;
}

void uid_pool_give(struct uid_pool *pool, uid_t uid, pid_t owner)
{
	if (uid >= pool->first && uid - pool->first < UID_POOL_SIZE)
		pool->owner[uid - pool->first] = owner;
}

void uid_pool_free_of(struct uid_pool *pool, pid_t owner)
{
	for (size_t i = 0; i < UID_POOL_SIZE; i++) {
		if (pool->owner[i] == owner) {
			pool->owner[i] = 0;
			return;
		}
	}
}
