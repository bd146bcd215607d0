/* SPDX-License-Identifier: Apache-2.0 */
/* uid_pool.h - a user id for each session process, shared with no other that runs.
 *
 * Pure. Ids are handed out in turn, so that one is not soon used again. */
#ifndef GENKAN_RELAY_UID_POOL_H
#define GENKAN_RELAY_UID_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define UID_POOL_SIZE 16384

struct uid_pool {	/* zero but for `first` */
	uid_t first;
	size_t next;
	pid_t owner[UID_POOL_SIZE];	/* 0: free */
};

/* False when every one is in use. uid_pool_give() follows once the process has its number. */
bool uid_pool_next(struct uid_pool *pool, uid_t *out);
void uid_pool_give(struct uid_pool *pool, uid_t uid, pid_t owner);
/* The process is gone. */
void uid_pool_free_of(struct uid_pool *pool, pid_t owner);

#endif
