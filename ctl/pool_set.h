/* SPDX-License-Identifier: Apache-2.0 */
/* pool_set.h - the pools of a site as the broker has them, and sending others. */
#ifndef GENKAN_CTL_POOL_SET_H
#define GENKAN_CTL_POOL_SET_H

#include "ctl/ctl.h"
#include "pool/pool.h"

struct pool_set {
	struct pool *pools;
	char (*versions)[24]; /* of each */
	size_t count;
	char version[24]; /* of all of them */
};
void pool_set_done(struct pool_set *set);
DEFINE_OWNED_VALUE(pool_set_done, struct pool_set);

int pool_set_load(struct ctl *ctl, struct pool_set *out, struct error *err) MUST_CHECK;
/* The index, or -1. */
int pool_set_find(const struct pool_set *set, const char *name);

/* All pools of the site from now on; `seen`: the version that is replaced, or "". */
int pool_set_put(struct ctl *ctl, const struct pool *pools, size_t count, const char *seen,
		 bool dry_run, json_t **answer, struct error *err) MUST_CHECK;
/* One pool; the others stay as they are. */
int pool_set_put_one(struct ctl *ctl, const struct pool *pool, const char *seen, json_t **answer,
		     struct error *err) MUST_CHECK;

/* "create sales", a line for each that is not "none"; `none` when there is none. */
void pool_set_print_changes(const json_t *changes, const char *none);

#endif
