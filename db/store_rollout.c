/* SPDX-License-Identifier: Apache-2.0 */
/* Where each pool stands on its way to a new publication, and what is seen of publications. */
#include "db/store_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/base/text.h"
#include "common/data/json.h"

/* ------------------------------------------------------------------------------ publications */

static int channel_of(struct store *store, const char *name, const char *channel, int64_t *out,
		      struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_CHANNEL_FIND);
	int rc;

	*out = 0;
	query_text(&q, name);
	query_text(&q, channel);
	if ((rc = query_row(&q, err)) <= 0)
		return rc;
	*out = get_int(&q);
	return query_sound(&q, err);
}

/* "" when there is no such publication. */
static int hash_of(struct store *store, const char *name, int64_t publication,
		   char out[STORE_SHA256_SIZE], struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_IMAGE_SHA);
	int rc;

	out[0] = '\0';
	query_text(&q, name);
	query_int(&q, publication);
	if ((rc = query_row(&q, err)) <= 0)
		return rc;
	get_text(&q, out, STORE_SHA256_SIZE);
	return query_sound(&q, err);
}

static int target_of(struct store *store, const struct pool *pool, int64_t *out, struct error *err)
{
	char sha256[STORE_SHA256_SIZE];
	int rc;

	if (!pool->publication)
		return channel_of(store, pool->image, pool->channel, out, err);
	rc = hash_of(store, pool->image, pool->publication, sha256, err);
	*out = sha256[0] ? pool->publication : 0;
	return rc;
}

/* ------------------------------------------------------------------------------------ health */

static int health_of(struct store *store, const char *pool, const char *sha256,
		     struct rollout_health *out, char reason[STORE_TEXT_SIZE], struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_HEALTH_FIND);
	int rc;

	*out = (struct rollout_health){ 0 };
	reason[0] = '\0';
	query_text(&q, pool);
	query_text(&q, sha256);
	if ((rc = query_row(&q, err)) <= 0)
		return rc;
	out->ready = get_int(&q);
	out->ready_since_ms = get_int(&q);
	out->first_start_ms = get_int(&q);
	out->failed = get_int(&q);
	out->crashed = get_int(&q);
	out->logins = get_int(&q);
	out->logins_failed = get_int(&q);
	get_text(&q, reason, STORE_TEXT_SIZE);
	return query_sound(&q, err);
}

static int drop_health(struct store *store, const char *pool, const char *sha256, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_HEALTH_DROP);

	query_text(&q, pool);
	query_text(&q, sha256);
	return query_run(&q, err);
}

int store_health_add(struct store *store, const char *pool, const char *sha256,
		     const struct rollout_health *seen, const char *reason, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_HEALTH_ADD);

	query_text(&q, pool);
	query_text(&q, sha256);
	query_int(&q, seen->ready);
	query_int(&q, seen->ready_since_ms);
	query_int(&q, seen->first_start_ms);
	query_int(&q, seen->failed);
	query_int(&q, seen->crashed);
	query_int(&q, seen->logins);
	query_int(&q, seen->logins_failed);
	query_text(&q, reason);

	int rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

/* -------------------------------------------------------------------------------------- rows */

static int read_push(struct store *store, const char *pool, struct store_push *out,
		     struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_ROLLOUT_FIND);
	int rc;

	query_text(&q, pool);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : -ENOENT;
	get_text(&q, out->image, sizeof(out->image));
	out->rollout.current = get_int(&q);
	out->rollout.next = get_int(&q);
	out->rollout.refused = get_int(&q);
	out->rollout.began_ms = get_int(&q);
	get_word(&q, reason_parse, &out->rollout.why);
	get_text(&q, out->detail, sizeof(out->detail));
	return query_sound(&q, err);
}

/* What belongs to the publications: hashes, and how the one that is tried or was refused does. */
static int fill_in(struct store *store, const char *pool, struct store_push *p, struct error *err)
{
	const struct rollout *r = &p->rollout;
	char reason[STORE_TEXT_SIZE];
	int rc;

	if ((rc = hash_of(store, p->image, r->current, p->current_sha256, err)) < 0 ||
	    (rc = hash_of(store, p->image, r->next, p->next_sha256, err)) < 0 ||
	    (rc = hash_of(store, p->image, r->refused, p->refused_sha256, err)) < 0 ||
	    (rc = health_of(store, pool, p->current_sha256, &p->base, reason, err)) < 0)
		return rc;
	const char *tried = r->next ? p->next_sha256 : p->refused_sha256;

	rc = health_of(store, pool, tried, &p->health, reason, err);
	if (rc >= 0 && r->next)
		memcpy(p->detail, reason, sizeof(p->detail));
	return rc < 0 ? rc : 0;
}

int store_push_find(struct store *store, const char *pool, struct store_push *out,
		    struct error *err)
{
	struct store_push push = { 0 };
	int rc = read_push(store, pool, &push, err);

	if (rc == 0)
		rc = fill_in(store, pool, &push, err);
	if (rc == 0)
		*out = push;
	return rc;
}

static int put_push(struct store *store, const char *pool, const struct store_push *p,
		    struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_ROLLOUT_PUT);

	query_text(&q, pool);
	query_text(&q, p->image);
	query_int(&q, p->rollout.current);
	query_int(&q, p->rollout.next);
	query_int(&q, p->rollout.refused);
	query_int(&q, p->rollout.began_ms);
	query_text(&q, reason_word(p->rollout.why));
	query_text(&q, p->detail);
	return query_run(&q, err);
}

/* ------------------------------------------------------------------------------------- steps */

/* The row of the audit log; the log has the same words. */
static int audit(struct store *store, const char *pool, const struct store_push *p,
		 enum rollout_event event, int64_t now_ms, struct error *err)
{
	OWNED(buf_done) struct buf text = { 0 };
	OWNED(json_decref) json_t *details = json_pack(
		"{s:s, s:s, s:I, s:I, s:I, s:s}", "image", p->image, "event",
		rollout_event_word(event), "current", (json_int_t)p->rollout.current, "next",
		(json_int_t)p->rollout.next, "refused", (json_int_t)p->rollout.refused, "detail",
		p->detail);
	struct store_audit row = { .at_ms = now_ms, .who = "genkan", .what = "push",
				   .code = reason_word(p->rollout.why), .subject = pool };

	json_write(details, &text);
	row.details = buf_text(&text);
	return store_audit_append(store, &row, err);
}

static int carry_out(struct store *store, const struct pool *pool, const struct store_push *before,
		     struct store_push *p, enum rollout_event event, int64_t now_ms,
		     struct error *err)
{
	int rc = 0;

	if (event == ROLLOUT_BEGAN) {
		p->detail[0] = '\0';
		if ((rc = hash_of(store, p->image, p->rollout.next, p->next_sha256, err)) < 0 ||
		    (rc = drop_health(store, pool->name, p->next_sha256, err)) < 0)
			return rc;
	}
	if (event == ROLLOUT_NOTHING && p->rollout.why == before->rollout.why &&
	    p->rollout.refused == before->rollout.refused)
		return 0;
	if (event == ROLLOUT_TAKEN || event == ROLLOUT_PASSED || event == ROLLOUT_ENDED)
		p->detail[0] = '\0';
	if ((rc = put_push(store, pool->name, p, err)) < 0 || event == ROLLOUT_NOTHING)
		return rc;
	if ((rc = store_bump_all_hosts(store, err)) < 0)
		return rc;
	store_tell_push(store, pool->name, p, event);
	return audit(store, pool->name, p, event, now_ms, err);
}

int store_push_step(struct store *store, const struct pool *pool, int64_t now_ms,
		    struct store_push *out, enum rollout_event *event, struct error *err)
{
	struct store_push push = { 0 };
	struct rollout_now now = {
		.gated = strcmp(pool->channel, "stable") == 0, .now_ms = now_ms,
		.rule = { pool->rollout_canary, pool->rollout_window_ms, pool->rollout_max_failures },
	};
	int rc = store_push_find(store, pool->name, &push, err);

	if (rc < 0 && rc != -ENOENT)
		return rc;
	if (strcmp(push.image, pool->image) != 0) {	/* the first time, or another image */
		push = (struct store_push){ 0 };
		memcpy(push.image, pool->image, sizeof(push.image));
	}
	if ((rc = target_of(store, pool, &now.target, err)) < 0)
		return rc;
	now.health = push.health;
	now.base_start_ms = push.base.first_start_ms;
	now.current_seen = push.base.ready > 0;

	struct store_push before = push;
	*event = rollout_step(&push.rollout, &now);
	if ((rc = carry_out(store, pool, &before, &push, *event, now_ms, err)) < 0 ||
	    (rc = fill_in(store, pool->name, &push, err)) < 0)
		return rc;
	*out = push;
	return 0;
}

/* Pools that have an image now and had none; everything else waits for the next replenishing. */
int store_pushes_begin(struct store *store, int64_t now_ms, struct error *err)
{
	OWNED(store_pool_list_done) struct store_pool_list pools = { 0 };
	int rc = store_pools(store, &pools, err);

	for (size_t i = 0; i < pools.count && rc == 0; i++) {
		struct store_push push = { 0 };
		enum rollout_event event;

		rc = read_push(store, pools.items[i].name, &push, err);
		if (rc == -ENOENT || (rc == 0 && strcmp(push.image, pools.items[i].image) != 0))
			rc = store_push_step(store, &pools.items[i], now_ms, &push, &event, err);
	}
	return rc;
}

/* -------------------------------------------------------------------- desktops by publication */

void store_image_counts_done(struct store_image_counts *counts)
{
	free(counts->items);
	*counts = (struct store_image_counts){ 0 };
}

int store_image_counts(struct store *store, const char *pool, struct store_image_counts *out,
		       struct error *err)
{
	OWNED(store_image_counts_done) struct store_image_counts counts = { 0 };
	OWNED(query_done) struct query q = query(store, ST_POOL_IMAGES);
	int rc;

	query_text(&q, pool);
	while ((rc = query_row(&q, err)) > 0) {
		struct store_image_count *count = STORE_APPEND(&counts);

		get_text(&q, count->sha256, sizeof(count->sha256));
		count->assigned = get_int(&q);
		count->up = get_int(&q);
		count->coming = get_int(&q);
		if (query_sound(&q, err) < 0)
			return -EBADMSG;
	}
	if (rc < 0)
		return rc;
	*out = counts;
	counts = (struct store_image_counts){ 0 };
	return 0;
}

/* ----------------------------------------------------------------------------------- channels */

static int put_move(struct store *store, const struct store_move *move, int64_t from,
		    struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_MOVE_PUT);

	query_text(&q, move->name);
	query_text(&q, move->channel);
	query_int(&q, from);
	query_int(&q, move->publication);
	query_text(&q, move->kind);
	query_text(&q, move->who);
	query_text(&q, move->reason);
	query_int(&q, move->now_ms);
	return query_run(&q, err);
}

int store_channel_move(struct store *store, const struct store_move *move, struct error *err)
{
	char sha256[STORE_SHA256_SIZE];
	int64_t from = 0;
	int rc;

	if ((rc = channel_of(store, move->name, move->channel, &from, err)) < 0 ||
	    (rc = hash_of(store, move->name, move->publication, sha256, err)) < 0)
		return rc;
	if (!sha256[0])
		return error_set(err, ENOENT, "image %s: no publication %lld", move->name,
				 (long long)move->publication);
	if (strcmp(move->kind, "publish") != 0) {	/* an admin insists: what was refused is tried again */
		OWNED(query_done) struct query q = query(store, ST_ROLLOUT_FORGIVE);

		query_text(&q, move->name);
		query_int(&q, move->publication);
		if ((rc = query_run(&q, err)) < 0)
			return rc;
	}
	if (from == move->publication)
		return 0;
	OWNED(query_done) struct query q = query(store, ST_CHANNEL_PUT);

	query_text(&q, move->name);
	query_text(&q, move->channel);
	query_int(&q, move->publication);
	if ((rc = query_run(&q, err)) < 0 || (rc = put_move(store, move, from, err)) < 0)
		return rc;
	return store_bump_all_hosts(store, err);
}

int store_channel_find(struct store *store, const char *name, const char *channel,
		       int64_t *publication, struct error *err)
{
	int rc = channel_of(store, name, channel, publication, err);

	return rc < 0 ? rc : *publication ? 0 : -ENOENT;
}

int store_channel_before(struct store *store, const char *name, const char *channel,
			 int64_t *publication, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_CHANNEL_BEFORE);
	int64_t current = 0;
	int rc = channel_of(store, name, channel, &current, err);

	if (rc < 0)
		return rc;
	query_text(&q, name);
	query_text(&q, channel);
	query_int(&q, current);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : -ENOENT;
	*publication = get_int(&q);
	rc = query_sound(&q, err);
	return rc < 0 ? rc : *publication ? 0 : -ENOENT;
}

void store_move_list_done(struct store_move_list *list)
{
	free(list->items);
	*list = (struct store_move_list){ 0 };
}

int store_moves(struct store *store, const char *name, struct store_move_list *out,
		struct error *err)
{
	OWNED(store_move_list_done) struct store_move_list list = { 0 };
	OWNED(query_done) struct query q = query(store, ST_MOVES);
	int rc;

	query_text(&q, name);
	while ((rc = query_row(&q, err)) > 0) {
		struct store_move_row *row = STORE_APPEND(&list);

		get_text(&q, row->channel, sizeof(row->channel));
		row->from = get_int(&q);
		row->to = get_int(&q);
		get_text(&q, row->kind, sizeof(row->kind));
		get_text(&q, row->who, sizeof(row->who));
		get_text(&q, row->reason, sizeof(row->reason));
		row->at_ms = get_int(&q);
		if (query_sound(&q, err) < 0)
			return -EBADMSG;
	}
	if (rc < 0)
		return rc;
	*out = list;
	list = (struct store_move_list){ 0 };
	return 0;
}
