/* SPDX-License-Identifier: Apache-2.0 */
/* Who has which desktop. store_assignment_take() is the heart of a login: own one, spare, new. */
#include "db/store_internal.h"

#include <errno.h>
#include <string.h>

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
	OWNED(store_desktop_list_done) struct store_desktop_list list = { 0 };
	OWNED(query_done) struct query q = query(store, ST_DESKTOPS_OF_PERSON);
	int rc;

	query_text(&q, user_key);
	while ((rc = query_row(&q, err)) > 0)
		if (store_read_desktop(&q, STORE_APPEND(&list), NULL, err) < 0)
			return -EBADMSG;
	if (rc < 0)
		return rc;
	*out = list;
	list = (struct store_desktop_list){ 0 };
	return 0;
}

static int find_spare(struct store *store, const struct store_take *take, char id[STORE_ID_SIZE],
		      struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_DESKTOP_SPARE_BEST);
	struct store_desktop spare = { 0 };
	int rc;

	query_text(&q, take->pool);
	query_int(&q, take->silent_before_ms);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : -ENOENT;
	if ((rc = store_read_desktop(&q, &spare, NULL, err)) == 0)
		memcpy(id, spare.id, STORE_ID_SIZE);
	return rc;
}

/* -ENOENT with a reason when the pool has no place or no host has room. */
static int order(struct store *store, const struct store_take *take, char id[STORE_ID_SIZE],
		 enum reason *reason, struct error *err)
{
	OWNED(free) struct pool *pool = xnew(struct pool);
	struct store_pool_count count;
	int rc;

	if ((rc = store_pool_find(store, take->pool, pool, err)) < 0 ||
	    (rc = store_count_pool(store, take->pool, &count, err)) < 0)
		return rc;
	if (count.assigned + count.spare_ready + count.spare_coming + count.failed +
		    count.leaving >= pool->size_max) {
		*reason = REASON_POOL_FULL;
		return -ENOENT;
	}
	rc = store_desktop_order(store, pool, take->silent_before_ms, take->now_ms, id, reason, err);
	return rc < 0 ? rc : *reason == REASON_OK ? 0 : -ENOENT;
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

static int assign(struct store *store, const struct store_take *take, const char *id,
		  struct error *err)
{
	int rc;
	{
		OWNED(query_done) struct query q = query(store, ST_ASSIGNMENT_PUT);

		query_text(&q, id);
		query_text(&q, take->user_key);
		query_text(&q, take->pool);
		query_int(&q, take->now_ms);
		if ((rc = query_run(&q, err)) < 0)
			return rc;
	}
	return set_user_state(store, id, DESKTOP_ASSIGNED, take->now_ms, err);
}

static bool replaceable(const struct store_take *take, const struct store_desktop *own)
{
	return take->replace_failed && own->assignment == POOL_FLOATING &&
	       own->state == DESKTOP_ERROR;
}

/* Chooses and assigns; `taken` gets reason and how. -ENOENT: the answer is "no". */
static int take_new(struct store *store, const struct store_take *take, struct store_taken *taken,
		    char id[STORE_ID_SIZE], struct error *err)
{
	int rc = find_spare(store, take, id, err);

	taken->how = REASON_DESKTOP_SPARE;
	if (rc == -ENOENT) {
		taken->how = REASON_DESKTOP_ORDERED;
		rc = order(store, take, id, &taken->reason, err);
	}
	return rc < 0 ? rc : assign(store, take, id, err);
}

/* The pool must be there and not on its way out. */
static int pool_exists(struct store *store, const char *name, struct error *err)
{
	OWNED(free) struct pool *pool = xnew(struct pool);

	return store_pool_find(store, name, pool, err);
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
	rc = pool_exists(store, take->pool, err);
	if (rc == -ENOENT)
		taken.reason = REASON_NOT_FOUND;
	else if (rc == 0)
		rc = take_new(store, take, &taken, id, err);
	if (rc < 0 && (rc != -ENOENT || taken.reason == REASON_OK))
		return rc;
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
