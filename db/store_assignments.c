/* SPDX-License-Identifier: Apache-2.0 */
/* Who has which desktop. store_assignment_take() is the heart of a login: own one, spare, new. */
#include "db/store_internal.h"

#include <errno.h>
#include <string.h>
#include "common/sys/fault.h"

int store_assignment_find(struct store *store, const char *user_key, const char *pool,
			  struct store_desktop *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_DESKTOP_OF_PERSON);
	struct store_desktop desktop = { 0 };
	int rc;

	query_text(&q, user_key);
	query_text(&q, pool);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : -ENOENT;
	if ((rc = store_read_desktop(&q, &desktop, NULL, err)) == 0)
		*out = desktop;
	return rc;
}

int store_assignments(struct store *store, const char *user_key, struct store_desktop_list *out,
		      struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_DESKTOPS_OF_PERSON);

	query_text(&q, user_key);
	return store_read_desktops(&q, out, err);
}

int store_spare_find(struct store *store, const char *pool, int64_t silent_before_ms,
		     char id[STORE_ID_SIZE], struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_DESKTOP_SPARE_BEST);
	struct store_desktop spare = { 0 };
	int rc;

	query_text(&q, pool);
	query_int(&q, silent_before_ms);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : -ENOENT;
	if ((rc = store_read_desktop(&q, &spare, NULL, err)) == 0)
		memcpy(id, spare.id, STORE_ID_SIZE);
	return rc;
}

static int set_user_state(struct store *store, const char *id, enum desktop_use use,
			  int64_t now_ms, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_DESKTOP_USER_STATE);

	query_text(&q, desktop_use_word(use));
	query_int(&q, now_ms);
	query_text(&q, id);
	return query_run(&q, err);
}

static int set_request(struct store *store, const char *id, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_DESKTOP_REQUEST);

	query_text(&q, store_request(store));
	query_text(&q, id);
	return query_run(&q, err);
}

int store_assign(struct store *store, const char *desktop, const char *user_key, const char *pool,
		 int64_t now_ms, struct error *err)
{
	int rc;
	{
		OWNED(query_done) struct query q = query(store, ST_ASSIGNMENT_PUT);

		query_text(&q, desktop);
		query_text(&q, user_key);
		query_text(&q, pool);
		query_int(&q, now_ms);
		if ((rc = query_run(&q, err)) < 0)
			return rc;
	}
	FAULT_POINT("assign_row");
	if ((rc = set_user_state(store, desktop, DESKTOP_ASSIGNED, now_ms, err)) < 0 ||
	    (rc = set_request(store, desktop, err)) < 0 ||
	    (rc = store_user_disk_assign(store, desktop, user_key, pool, now_ms, err)) < 0)
		return rc;
	return store_line_leave(store, user_key, pool, err);
}

static bool replaceable(const struct store_take *take, const struct store_desktop *own)
{
	return take->replace_failed && own->assignment == POOL_FLOATING &&
	       own->state == DESKTOP_ERROR;
}

/* Whether the pool may start one more now: REASON_OK or why not. */
static enum reason may_grow(const struct pool *pool, const struct store_pool_count *count)
{
	if (count->assigned + count->spare_ready + count->spare_coming + count->failed +
		    count->leaving >= pool->size_max)
		return REASON_POOL_FULL;
	if (pool->size_grow && count->starting >= pool->size_grow)
		return REASON_STARTS_LIMITED;
	return REASON_OK;
}

static int has_too_many(struct store *store, const struct store_take *take, const struct pool *pool,
			bool *out, struct error *err)
{
	OWNED(store_desktop_list_done) struct store_desktop_list own = { 0 };
	int rc = pool->max_per_user ? store_assignments(store, take->user_key, &own, err) : 0;

	*out = pool->max_per_user && (int64_t)own.count >= pool->max_per_user;
	return rc;
}

/* Whoever takes a spare takes the place of one that was refreshed, if there is such a place. */
static int take_place(struct store *store, const char *pool, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_KEPT_TAKE);
	int rc;

	query_text(&q, pool);
	rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

/* From the publication in use: what is being tried comes to users only once a spare of it is up. */
static int order_for_user(struct store *store, const struct store_take *take,
			  const struct pool *pool, char id[STORE_ID_SIZE], enum reason *reason,
			  struct error *err)
{
	OWNED(store_site_room_free) struct store_site_room *room =
		store_site_room_new(store, take->silent_before_ms, take->now_ms);
	char image[STORE_SHA256_SIZE] = "";
	int rc = store_image_of_pool(store, take->pool, image, err);

	if (rc < 0 && rc != -ENOENT)
		return rc;
	return store_desktop_order(store, room, pool, image, take->now_ms, id, reason, err);
}

/* Chooses and assigns; `taken` gets reason and how, and id is written when the reason is OK. */
static int take_new(struct store *store, const struct store_take *take, const struct pool *pool,
		    struct store_taken *taken, char id[STORE_ID_SIZE], struct error *err)
{
	struct store_pool_count count;
	int rc = store_spare_find(store, take->pool, take->silent_before_ms, id, err);

	taken->how = REASON_DESKTOP_SPARE;
	if (rc == 0 && (rc = take_place(store, take->pool, err)) < 0)
		return rc;
	if (rc == -ENOENT) {
		taken->how = REASON_DESKTOP_ORDERED;
		if ((rc = store_count_pool(store, take->pool, &count, err)) < 0)
			return rc;
		taken->reason = may_grow(pool, &count);
		if (taken->reason == REASON_OK)
			rc = order_for_user(store, take, pool, id, &taken->reason, err);
	}
	if (rc < 0 || taken->reason != REASON_OK)
		return rc;
	return store_assign(store, id, take->user_key, take->pool, take->now_ms, err);
}

/* Into the line, or on in it: reasons that pass with time become REASON_WAITING. */
static int wait_in_line(struct store *store, const struct store_take *take,
			struct store_taken *taken, struct error *err)
{
	enum reason why = taken->reason;
	int rc, joined;

	if (why != REASON_POOL_FULL && why != REASON_HOSTS_FULL && why != REASON_STARTS_LIMITED &&
	    why != REASON_IN_LINE && why != REASON_IMAGE_COMING)
		return store_line_leave(store, take->user_key, take->pool, err);
	if ((joined = rc = store_line_join(store, take->user_key, take->pool, take->now_ms,
					   take->now_ms, err)) < 0 ||
	    (rc = store_place_find(store, take->user_key, take->pool, &taken->place, err)) < 0)
		return rc;
	if (why != REASON_IN_LINE)
		taken->place.why = why;
	taken->place.joined = joined == 1;
	taken->reason = REASON_WAITING;
	return 0;
}

static int take_or_wait(struct store *store, const struct store_take *take,
			struct store_taken *taken, char id[STORE_ID_SIZE], struct error *err)
{
	OWNED(free) struct pool *pool = xnew(struct pool);
	int64_t ahead = 0;
	bool too_many = false;
	int rc = store_pool_find(store, take->pool, pool, err);

	if (rc == -ENOENT) {	/* not there, or on its way out */
		taken->reason = REASON_NOT_FOUND;
		return 0;
	}
	if (rc < 0 || (rc = has_too_many(store, take, pool, &too_many, err)) < 0)
		return rc;
	if (too_many) {
		taken->reason = REASON_TOO_MANY_DESKTOPS;
		return 0;
	}
	if ((rc = store_line_purge(store, take->now_ms, err)) < 0 ||
	    (rc = store_line_ahead(store, take->user_key, take->pool, &ahead, err)) < 0)
		return rc;
	taken->reason = ahead ? REASON_IN_LINE : REASON_OK;
	if (!ahead && (rc = take_new(store, take, pool, taken, id, err)) < 0)
		return rc;
	return wait_in_line(store, take, taken, err);
}

int store_assignment_take(struct store *store, const struct store_take *take,
			  struct store_taken *out, struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	struct store_taken taken = { .reason = REASON_OK, .how = REASON_DESKTOP_OWN };
	char id[STORE_ID_SIZE];
	int rc = store_assignment_find(store, take->user_key, take->pool, &taken.desktop, err);

	/* The common case, a desktop the user already has, writes nothing. */
	if (rc == 0 && !replaceable(take, &taken.desktop)) {
		*out = taken;
		return 0;
	}
	if (rc < 0 && rc != -ENOENT)
		return rc;

	struct store_desktop failed = taken.desktop;
	bool replace = rc == 0;
	if ((rc = tx_begin(store, &tx, err)) < 0)
		return rc;
	if (replace && (rc = store_desktop_let_go(store, failed.id, failed.host, take->now_ms,
						  err)) < 0)
		return rc;
	if ((rc = take_or_wait(store, take, &taken, id, err)) < 0)
		return rc;
	memset(&taken.desktop, 0, sizeof(taken.desktop));
	if (taken.reason == REASON_OK &&
	    (rc = store_desktop_find(store, id, &taken.desktop, err)) < 0)
		return rc;
	if ((rc = tx_commit(&tx, err)) < 0)
		return rc;
	if (taken.reason != REASON_OK)
		taken.how = REASON_OK;
	*out = taken;
	return 0;
}
