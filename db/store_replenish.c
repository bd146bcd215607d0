/* SPDX-License-Identifier: Apache-2.0 */
/* Carries out what the planner says for all pools, and gives spares to those who wait. */
#include "db/store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/base/cleanup.h"
#include "pool/planner.h"
#include "pool/schedule.h"

/* A spare that failed stays for so long: what makes it fail would make its successor fail, too. */
#define KEEP_FAILED_MS 60000

/* One pool, its push included. */
struct site_pool {
	struct store_push push;
	struct store_image_counts images;
	int64_t order_next;	/* so many of what is ordered are of the publication that is tried */
	int64_t short_by;	/* spares that are wanted and neither there nor coming */
	int64_t wanted_next, wanted_current;
	bool stuck;		/* no host took the pool's last order */
};

struct work {
	struct store *store;
	const struct store_replenish *how;
	struct store_pool_list pools;
	struct planner_pool *plans;	/* one for each pool */
	struct site_pool *site;		/* the same */
	struct store_site_room *room;
	int64_t memory_free_bytes;
	int64_t changed;
};

static void work_done(struct work *w)
{
	for (size_t i = 0; w->site && i < w->pools.count; i++)
		store_image_counts_done(&w->site[i].images);
	store_pool_list_done(&w->pools);
	store_site_room_free(w->room);
	free(w->plans);
	free(w->site);
}
DEFINE_OWNED_VALUE(work_done, struct work);

/* ------------------------------------------------------------------------------- publications */

/* A step of the push; what was refused and is still coming up is given up at once. */
static int step(struct work *w, size_t i, struct error *err)
{
	const struct pool *pool = &w->pools.items[i];
	struct store_push *push = &w->site[i].push;
	enum rollout_event event = ROLLOUT_NOTHING;
	int rc = store_push_step(w->store, pool, w->how->now_ms, push, &event, err);

	if (rc == 0 && push->refused_sha256[0])
		rc = store_let_image_go(w->store, pool->name, push->refused_sha256, false,
					POOL_DESKTOPS_MAX, w->how->now_ms, err);
	if (rc < 0)
		return rc;
	w->changed += rc;
	return store_image_counts(w->store, pool->name, &w->site[i].images, err);
}

static const struct store_image_count *count_of(const struct site_pool *site, const char *sha256)
{
	static const struct store_image_count none;

	for (size_t i = 0; i < site->images.count; i++)
		if (*sha256 && strcmp(site->images.items[i].sha256, sha256) == 0)
			return &site->images.items[i];
	return &none;
}

static int64_t wanted_of(const struct site_pool *site, const char *sha256)
{
	if (strcmp(sha256, site->push.current_sha256) == 0)
		return site->wanted_current;
	return strcmp(sha256, site->push.next_sha256) == 0 ? site->wanted_next : 0;
}

static int64_t excess(const struct site_pool *site, const struct store_image_count *image)
{
	int64_t more = image->up - wanted_of(site, image->sha256);

	return more > 0 ? more : 0;
}

static int64_t bounded(int64_t v, int64_t most)
{
	return v < 0 ? 0 : v > most ? most : v;
}

/* How the pool's spares are to be spread over its publications, and what of that is to be done. */
static void spread(const struct pool *pool, struct site_pool *site, struct planner_pool *plan)
{
	const struct store_image_count *next = count_of(site, site->push.next_sha256);
	int64_t spares = planner_spares(&plan->wanted, &plan->present);
	int64_t share = rollout_share(plan->present.assigned + spares, pool->rollout_canary);

	if (!site->push.next_sha256[0])
		share = 0;
	site->wanted_next = bounded(share - next->assigned, spares);
	site->wanted_current = spares - site->wanted_next;
	site->order_next = bounded(share - next->assigned - next->up - next->coming, share);
	site->short_by = spares - plan->present.spare_ready;
	for (size_t i = 0; i < site->images.count; i++) {
		plan->present.spare_up += site->images.items[i].up;
		plan->present.stale += excess(site, &site->images.items[i]);
	}
}

/* While a publication is tried there is a spare of it, also in a pool that keeps none. */
static int64_t spares_wanted(const struct work *w, size_t i)
{
	const struct site_pool *site = &w->site[i];
	int64_t spares = schedule_spare(&w->pools.items[i], w->how->week_minute);
	bool trial = site->push.next_sha256[0] &&
		     count_of(site, site->push.next_sha256)->assigned == 0;

	return spares == 0 && trial ? 1 : spares;
}

/* ------------------------------------------------------------------------------------ planning */

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

/* Whether a desktop of what is in use, or of what is tried, could start somewhere. Asked only where
 * the plan depends on it: it takes a look at all hosts. */
static int look_for_room(struct work *w, size_t i, struct error *err)
{
	const struct store_push *push = &w->site[i].push;
	const char *const images[] = { push->current_sha256, push->next_sha256 };
	struct planner_pool *plan = &w->plans[i];
	bool possible = false;

	if (!planner_needs_room(&plan->wanted, &plan->present))
		return 0;
	plan->wanted.memory_bytes = 0;
	for (size_t k = 0; k < ARRAY_LEN(images); k++) {
		int64_t free_bytes = 0, bytes = 0;
		bool here = false;
		int rc = store_hosts_room(w->room, &w->pools.items[i], images[k], &free_bytes,
					  &bytes, &here, err);
		if (rc < 0)
			return rc;
		possible |= here;
		if (bytes > plan->wanted.memory_bytes)
			plan->wanted.memory_bytes = bytes;
		if (free_bytes > w->memory_free_bytes)
			w->memory_free_bytes = free_bytes;
	}
	plan->wanted.paused = !possible;
	return 0;
}

/* What the planner is told of one pool. */
static int look_at(struct work *w, size_t i, struct error *err)
{
	const struct pool *pool = &w->pools.items[i];
	struct store_pool_count count;
	int64_t lately = 0, kept = 0;
	int rc;

	if ((rc = step(w, i, err)) < 0 ||
	    (rc = store_count_pool(w->store, pool->name, &count, err)) < 0 ||
	    (rc = kept_places(w->store, pool->name, w->how->now_ms, &kept, err)) < 0 ||
	    (count.failed > 0 &&
	     (rc = failed_lately(w->store, pool->name, w->how->now_ms - KEEP_FAILED_MS, &lately,
				 err)) < 0))
		return rc;
	w->plans[i].wanted = (struct planner_wanted){
		.max = pool->size_max,
		.spare = spares_wanted(w, i) + kept,
		.start = pool->size_start,
		.grow = pool->size_grow,
		.waiting = count.waiting,
	};
	w->plans[i].present = (struct planner_present){
		.assigned = count.assigned,
		.spare_ready = count.spare_ready + count.spare_coming,
		.spare_failed = count.failed - lately,
		.failed_lately = lately,
		.leaving = count.leaving,
		.starting = count.starting,
	};
	spread(pool, &w->site[i], &w->plans[i]);
	return look_for_room(w, i, err);
}

/* -------------------------------------------------------------------------------- carrying out */

static int let_stale_go(struct work *w, size_t i, struct error *err)
{
	struct site_pool *site = &w->site[i];
	int64_t left = w->plans[i].actions.destroy_stale;

	for (size_t k = 0; k < site->images.count && left > 0; k++) {
		const struct store_image_count *image = &site->images.items[k];
		int64_t more = bounded(excess(site, image), left);
		int rc = store_let_image_go(w->store, w->pools.items[i].name, image->sha256, true,
					    more, w->how->now_ms, err);
		if (rc < 0)
			return rc;
		w->changed += rc;
		left -= rc;
	}
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
	if ((rc = let_stale_go(w, i, err)) < 0)
		return rc;
	rc = store_let_spares_go(w->store, pool, false, INT64_MAX, a->destroy_spare, now_ms, err);
	if (rc < 0)
		return rc;
	w->changed += rc;
	return 0;
}

static int order_one(struct work *w, size_t i, const char *sha256, enum reason *reason,
		     struct error *err)
{
	char id[STORE_ID_SIZE];
	int rc = store_desktop_order(w->store, w->room, &w->pools.items[i], sha256, w->how->now_ms,
				     id, reason, err);

	if (rc == 0 && *reason == REASON_OK) {
		w->site[i].short_by--;
		w->changed++;
	}
	return rc;
}

/* No room or no image: the pool's other turns are passed over, and the next call tries again. What
 * is tried may be held up anywhere without holding up what the pool needs. */
static int order(struct work *w, size_t i, struct error *err)
{
	struct site_pool *site = &w->site[i];
	enum reason reason = REASON_NO_IMAGE;
	int rc = 0;

	if (site->stuck)
		return 0;
	if (site->order_next > 0) {
		rc = order_one(w, i, site->push.next_sha256, &reason, err);
		site->order_next = reason == REASON_OK ? site->order_next - 1 : 0;
		if (rc < 0 || reason == REASON_OK || site->short_by <= 0)
			return rc;
	}
	rc = order_one(w, i, site->push.current_sha256, &reason, err);
	site->stuck = reason != REASON_OK;
	return rc;
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
	enum store_rebuild rebuilding;
	int rc = store_rebuilding(store, &rebuilding, err);

	/* What runs already is not known yet. */
	*changed = 0;
	if (rc < 0 || rebuilding != STORE_REBUILD_NONE)
		return rc;
	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = store_line_purge(store, how->now_ms, err)) < 0 ||
	    (rc = store_pools(store, &w.pools, err)) < 0)
		return rc;
	w.room = store_site_room_new(store, how->silent_before_ms, how->now_ms);
	w.plans = xcalloc(w.pools.count + 1, sizeof(*w.plans));
	w.site = xcalloc(w.pools.count + 1, sizeof(*w.site));
	for (size_t i = 0; i < w.pools.count; i++)
		if ((rc = look_at(&w, i, err)) < 0)
			return rc;
	if ((rc = carry_out(&w, err)) < 0 || (rc = store_purge_deleted(store, err)) < 0 ||
	    (rc = tx_commit(&tx, err)) < 0)
		return rc;
	*changed = w.changed;
	return 0;
}
