/* SPDX-License-Identifier: Apache-2.0 */
/* pool_version.h - a short name for what a pool, or all of them, are defined as: who wants to
 * change them says which they looked at, so that nobody overwrites what another has changed
 * meanwhile. */
#ifndef GENKAN_API_POOL_VERSION_H
#define GENKAN_API_POOL_VERSION_H

#include "db/store.h"

#define POOL_VERSION_SIZE 17

void pool_version(const struct pool *pool, char out[POOL_VERSION_SIZE]);
void pool_version_of_all(const struct store_pool_list *list, char out[POOL_VERSION_SIZE]);

#endif
