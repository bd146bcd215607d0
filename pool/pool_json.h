/* SPDX-License-Identifier: Apache-2.0 */
/* pool_json.h - a pool on the wire between genkanctl and the broker (POOL in the API description).
 * Member names and nesting are those of the pool file; sizes are whole bytes. */
#ifndef GENKAN_POOL_POOL_JSON_H
#define GENKAN_POOL_POOL_JSON_H

#include "common/data/json.h"
#include "pool/pool.h"

/* A new reference. */
json_t *pool_to_json(const struct pool *pool);
/* Reads and checks (pool_check); unknown members are refused here, unlike in messages between
 * programs, because what an admin wrote must not be half understood. */
int pool_from_json(const json_t *object, struct pool *out, struct error *err) MUST_CHECK;

/* {"sound":"allow",...} and back; absent items are denied. */
json_t *policy_to_json(const struct pool_policy *policy);
int policy_from_json(const json_t *object, struct pool_policy *out, struct error *err) MUST_CHECK;

#endif
