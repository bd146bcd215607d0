/* SPDX-License-Identifier: Apache-2.0 */
/* The line of each pool: users who wait for a desktop. A place is a number that only grows, so
 * nobody can get ahead of who came first; who stops asking loses it. */
#include "db/store_internal.h"

#include <errno.h>
#include "pool/planner.h"

static int place_next(struct store *store, int64_t *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_PLACE_NEXT);
	int rc = query_row(&q, err);

	if (rc <= 0)
		return rc < 0 ? rc : error_set(err, EBADMSG, "store: the place counter is missing");
	*out = get_int(&q);
	return query_sound(&q, err);
}

/* Returns how many rows: 0 when the user does not stand in line. */
static int seen(struct store *store, const char *user_key, const char *pool, int64_t seen_ms,
		struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_WAITER_SEEN);

	query_int(&q, seen_ms);
	query_text(&q, user_key);
	query_text(&q, pool);
	return query_run(&q, err);
}

int store_line_join(struct store *store, const char *user_key, const char *pool, int64_t now_ms,
		    int64_t seen_ms, struct error *err)
{
	int64_t place = 0;
	int rc = seen(store, user_key, pool, seen_ms, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	if ((rc = place_next(store, &place, err)) < 0)
		return rc;

	OWNED(query_done) struct query q = query(store, ST_WAITER_PUT);
	query_text(&q, user_key);
	query_text(&q, pool);
	query_int(&q, place);
	query_int(&q, now_ms);
	query_int(&q, seen_ms);
	rc = query_run(&q, err);
	return rc < 0 ? rc : 1;
}

static int place_of(struct store *store, const char *user_key, const char *pool, int64_t *out,
		    struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_WAITER_FIND);
	int rc;

	query_text(&q, user_key);
	query_text(&q, pool);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : -ENOENT;
	*out = get_int(&q);
	return query_sound(&q, err);
}

int store_line_ahead(struct store *store, const char *user_key, const char *pool, int64_t *out,
		     struct error *err)
{
	int64_t place = INT64_MAX;
	int rc = place_of(store, user_key, pool, &place, err);

	if (rc < 0 && rc != -ENOENT)
		return rc;

	OWNED(query_done) struct query q = query(store, ST_WAITERS_AHEAD);
	query_text(&q, pool);
	query_int(&q, place);
	if ((rc = query_row(&q, err)) < 0)
		return rc;
	*out = get_int(&q);
	return query_sound(&q, err);
}

int store_line_leave(struct store *store, const char *user_key, const char *pool, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_WAITER_DROP);

	query_text(&q, user_key);
	query_text(&q, pool);

	int rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

int store_line_next(struct store *store, const char *pool, char user_key[STORE_KEY_SIZE],
		    struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_WAITER_NEXT);
	int rc;

	query_text(&q, pool);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : -ENOENT;
	get_text(&q, user_key, STORE_KEY_SIZE);
	return query_sound(&q, err);
}

int store_line_purge(struct store *store, int64_t now_ms, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_WAITERS_PURGE);

	query_int(&q, now_ms - STORE_LINE_STALE_MS);

	int rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

int store_places_leave(struct store *store, const char *user_key, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_WAITERS_DROP_OF);

	query_text(&q, user_key);

	int rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

/* -------------------------------------------------------------------------------- the estimate */

static int pace_of(struct store *store, const char *pool, int64_t *start_ms, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_POOL_PACE);
	int rc;

	query_text(&q, pool);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : -ENOENT;
	*start_ms = get_int(&q);
	return query_sound(&q, err);
}

static int starts_of_hosts(struct store *store, const char *pool, int64_t *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_POOL_STARTS);
	int rc;

	query_text(&q, pool);
	if ((rc = query_row(&q, err)) < 0)
		return rc;
	*out = get_int(&q);
	return query_sound(&q, err);
}

/* How many desktops become ready side by side. Nobody knows when users log off, so a pool in which
 * nothing is on its way gives no estimate. */
static int64_t parallel_starts(const struct pool *pool, const struct store_pool_count *count,
			       int64_t by_hosts, bool full)
{
	int64_t parallel = pool->size_grow && count->starting ? pool->size_grow : count->starting;

	if (full)
		parallel = count->spare_coming + count->leaving;
	return by_hosts && by_hosts < parallel ? by_hosts : parallel;
}

static enum reason why_waiting(const struct pool *pool, const struct store_pool_count *count,
			       bool full)
{
	if (full)
		return REASON_POOL_FULL;
	if (pool->size_grow && count->starting >= pool->size_grow)
		return REASON_STARTS_LIMITED;
	/* With places free and people waiting something would be starting if it could. */
	return count->starting + count->leaving ? REASON_IN_LINE : REASON_HOSTS_FULL;
}

/* How far the pool's image has come on a host that fetches it; -1: on none. */
static int arriving(struct store *store, const char *pool, int64_t *percent, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_IMAGE_ARRIVING);
	int rc;

	query_text(&q, pool);
	if ((rc = query_row(&q, err)) < 0)
		return rc;
	*percent = get_int(&q);
	return query_sound(&q, err);
}

static bool is_full(const struct pool *pool, const struct store_pool_count *count)
{
	return count->assigned + count->spare_ready + count->spare_coming + count->failed +
		       count->leaving >= pool->size_max;
}

int store_place_find(struct store *store, const char *user_key, const char *pool_name,
		     struct store_place *out, struct error *err)
{
	OWNED(free) struct pool *pool = xnew(struct pool);
	struct store_pool_count count;
	int64_t ahead = 0, place = 0, start_ms = 0, percent = -1, by_hosts = 0;
	int rc;

	if ((rc = place_of(store, user_key, pool_name, &place, err)) < 0 ||
	    (rc = store_pool_find(store, pool_name, pool, err)) < 0 ||
	    (rc = store_line_ahead(store, user_key, pool_name, &ahead, err)) < 0 ||
	    (rc = store_count_pool(store, pool_name, &count, err)) < 0 ||
	    (rc = pace_of(store, pool_name, &start_ms, err)) < 0 ||
	    (rc = starts_of_hosts(store, pool_name, &by_hosts, err)) < 0 ||
	    (rc = arriving(store, pool_name, &percent, err)) < 0)
		return rc;

	bool full = is_full(pool, &count);
	out->joined = false;
	out->position = ahead + 1;
	out->estimate_ms = planner_estimate_ms(
		out->position, parallel_starts(pool, &count, by_hosts, full), start_ms);
	out->why = why_waiting(pool, &count, full);
	out->percent = percent < 0 ? 0 : percent;
	if (out->why == REASON_HOSTS_FULL && percent >= 0)
		out->why = REASON_IMAGE_COMING;
	return 0;
}
