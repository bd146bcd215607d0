/* SPDX-License-Identifier: Apache-2.0 */
/* Carries out what the planner says for all pools, and gives spares to those who wait. */
#include "db/store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include "common/base/cleanup.h"
#include "pool/planner.h"
#include "pool/schedule.h"

/* A spare that failed stays for so long: what makes it fail would make its successor fail, too. */
#define KEEP_FAILED_MS 60000

struct work {
	struct store *store;
	const struct store_replenish *how;
	struct store_pool_list pools;
	struct planner_pool *plans;	/* one for each pool */
	bool *stuck;			/* no host took the pool's last order */
	int64_t memory_free_bytes;
	int64_t changed;
};

static void work_done(struct work *w)
{
	store_pool_list_done(&w->pools);
	free(w->plans);
	free(w->stuck);
}
DEFINE_OWNED_VALUE(work_done, struct work);

static int failed_lately(struct store *store, const char *pool, int64_t since_ms, int64_t *out,
			 struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_FAILED_LATELY);
	int rc;

	query_text(&q, pool);
	query_int(&q, since_ms);
	if ((rc = query_row(&q, err)) < 0)
		return rc;
	*out = get_int(&q);
	return query_sound(&q, err);
}

static int kept_places(struct store *store, const char *pool, int64_t now_ms, int64_t *out,
		       struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_KEPT_COUNT);
	int rc;

	query_text(&q, pool);
	query_int(&q, now_ms);
	if ((rc = query_row(&q, err)) < 0)
		return rc;
	*out = get_int(&q);
	return query_sound(&q, err);
}

/* What the planner is told of one pool. */
static int look_at(struct work *w, size_t i, struct error *err)
{
	const struct pool *pool = &w->pools.items[i];
	struct store_pool_count count;
	int64_t lately = 0, memory_free_bytes = 0, need_bytes = 0, kept = 0;
	bool possible = false;
	int rc;

	if ((rc = store_count_pool(w->store, pool->name, &count, err)) < 0 ||
	    (rc = kept_places(w->store, pool->name, w->how->now_ms, &kept, err)) < 0 ||
	    (rc = failed_lately(w->store, pool->name, w->how->now_ms - KEEP_FAILED_MS, &lately,
				err)) < 0 ||
	    (rc = store_hosts_room(w->store, pool, w->how->silent_before_ms, w->how->now_ms,
				   &memory_free_bytes, &need_bytes, &possible, err)) < 0)
		return rc;
	if (memory_free_bytes > w->memory_free_bytes)
		w->memory_free_bytes = memory_free_bytes;
	w->plans[i].wanted = (struct planner_wanted){
		.max = pool->size_max,
		.spare = schedule_spare(pool, w->how->week_minute) + kept,
		.start = pool->size_start,
		.grow = pool->size_grow,
		.waiting = count.waiting,
		.memory_bytes = need_bytes,
		.paused = !possible,
	};
	/* One that failed lately counts as if it were there: it is not replaced yet. */
	w->plans[i].present = (struct planner_present){
		.assigned = count.assigned,
		.spare_ready = count.spare_ready + count.spare_coming + lately,
		.spare_failed = count.failed - lately,
		.leaving = count.leaving,
		.starting = count.starting,
	};
	return 0;
}

static int let_go(struct work *w, size_t i, struct error *err)
{
	const struct planner_actions *a = &w->plans[i].actions;
	const char *pool = w->pools.items[i].name;
	int64_t now_ms = w->how->now_ms;
	int rc = store_let_spares_go(w->store, pool, true, now_ms - KEEP_FAILED_MS,
				     a->destroy_failed, now_ms, err);

	if (rc < 0)
		return rc;
	w->changed += rc;
	rc = store_let_spares_go(w->store, pool, false, INT64_MAX, a->destroy_spare, now_ms, err);
	if (rc < 0)
		return rc;
	w->changed += rc;
	return 0;
}

/* No room or no image: the pool's other turns are passed over, and the next call tries again. */
static int order(struct work *w, size_t i, struct error *err)
{
	char id[STORE_ID_SIZE];
	enum reason reason = REASON_OK;
	int rc;

	if (w->stuck[i])
		return 0;
	rc = store_desktop_order(w->store, &w->pools.items[i], w->how->silent_before_ms,
				 w->how->now_ms, id, &reason, err);
	if (rc < 0)
		return rc;
	w->stuck[i] = reason != REASON_OK;
	w->changed += reason == REASON_OK;
	return 0;
}

/* Spares to those in line, first come, first served. */
static int serve_line(struct work *w, const char *pool, struct error *err)
{
	char user_key[STORE_KEY_SIZE], id[STORE_ID_SIZE];
	int rc;

	while ((rc = store_line_next(w->store, pool, user_key, err)) == 0 &&
	       (rc = store_spare_find(w->store, pool, w->how->silent_before_ms, id, err)) == 0) {
		if ((rc = store_assign(w->store, id, user_key, pool, w->how->now_ms, err)) < 0)
			return rc;
		w->changed++;
	}
	return rc == -ENOENT ? 0 : rc;
}

static int carry_out(struct work *w, struct error *err)
{
	OWNED(free) size_t *turns = xcalloc(POOL_DESKTOPS_MAX, sizeof(*turns));
	size_t count = planner_plan_site(w->plans, w->pools.count, w->memory_free_bytes, turns,
					 POOL_DESKTOPS_MAX);
	int rc = 0;

	for (size_t i = 0; i < w->pools.count && rc == 0; i++)
		rc = let_go(w, i, err);
	for (size_t t = 0; t < count && rc == 0; t++)
		rc = order(w, turns[t], err);
	for (size_t i = 0; i < w->pools.count && rc == 0; i++)
		if (w->plans[i].wanted.waiting)
			rc = serve_line(w, w->pools.items[i].name, err);
	return rc;
}

int store_pools_replenish(struct store *store, const struct store_replenish *how, int64_t *changed,
			  struct error *err)
{
	OWNED(work_done) struct work w = { .store = store, .how = how };
	OWNED(tx_done) struct tx tx = { 0 };
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = store_line_purge(store, how->now_ms, err)) < 0 ||
	    (rc = store_pools(store, &w.pools, err)) < 0)
		return rc;
	w.plans = xcalloc(w.pools.count + 1, sizeof(*w.plans));
	w.stuck = xcalloc(w.pools.count + 1, sizeof(*w.stuck));
	for (size_t i = 0; i < w.pools.count; i++)
		if ((rc = look_at(&w, i, err)) < 0)
			return rc;
	if ((rc = carry_out(&w, err)) < 0 || (rc = store_purge_deleted(store, err)) < 0 ||
	    (rc = tx_commit(&tx, err)) < 0)
		return rc;
	*changed = w.changed;
	return 0;
}
