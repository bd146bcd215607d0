/* SPDX-License-Identifier: Apache-2.0 */
#include "db/store_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/base/text.h"
#include "common/sys/fault.h"

void store_desktop_list_done(struct store_desktop_list *list)
{
	free(list->items);
	*list = (struct store_desktop_list){ 0 };
}

static void read_home(struct query *q, struct store_desktop *d)
{
	struct store_home *home = &d->home;
	char holder[STORE_ID_SIZE], state[8];

	get_text(q, home->id, sizeof(home->id));
	get_text(q, holder, sizeof(holder));
	home->held = home->id[0] && strcmp(holder, d->id) == 0;
	get_text(q, state, sizeof(state));
	home->fresh = strcmp(state, "new") == 0;
	home->broken = strcmp(state, "broken") == 0;
	home->epoch = get_int(q);
	home->size_bytes = get_int(q);
	home->used_bytes = get_int(q);
	get_word(q, desktop_disk_parse, &home->attached);
	get_text(q, home->reason, sizeof(home->reason));
	get_text(q, home->account, sizeof(home->account));
	home->uid = get_int(q);
	d->pss_bytes = get_int(q);
	d->overlay_bytes = get_int(q);
	d->overlay_max_bytes = get_int(q);
}

int store_read_desktop(struct query *q, struct store_desktop *out, int64_t *want_generation,
		       struct error *err)
{
	get_text(q, out->id, sizeof(out->id));
	get_text(q, out->name, sizeof(out->name));
	get_text(q, out->pool, sizeof(out->pool));
	get_text(q, out->title, sizeof(out->title));
	get_word(q, pool_assignment_parse, &out->assignment);
	get_text(q, out->host, sizeof(out->host));
	out->epoch = get_int(q);
	get_word(q, desktop_want_parse, &out->want);
	get_word(q, desktop_state_parse, &out->state);
	get_word(q, desktop_stage_parse, &out->stage);
	out->percent = get_int(q);
	get_text(q, out->reason, sizeof(out->reason));
	get_word(q, desktop_use_parse, &out->use);
	get_text(q, out->user_key, sizeof(out->user_key));
	get_text(q, out->user_name, sizeof(out->user_name));
	get_text(q, out->image_sha256, sizeof(out->image_sha256));
	out->size.cpus = get_int(q);
	out->size.memory_bytes = get_int(q);
	out->size.disk_bytes = get_int(q);
	get_text(q, out->address, sizeof(out->address));
	get_text(q, out->rdp_certificate_sha256, sizeof(out->rdp_certificate_sha256));
	out->created_at_ms = get_int(q);
	out->assigned_at_ms = get_int(q);
	out->changed_at_ms = get_int(q);
	out->incarnation = get_int(q);
	out->logoffs = get_int(q);
	out->resets = get_int(q);
	get_text(q, out->logged_on, sizeof(out->logged_on));
	out->use_since_ms = get_int(q);
	out->ready_at_ms = get_int(q);
	get_word(q, pool_on_logoff_parse, &out->on_logoff);
	out->start_ms = get_int(q);
	read_home(q, out);
	get_text(q, out->request, sizeof(out->request));
	out->turn = get_int(q);
	int64_t generation = get_int(q);
	if (want_generation)
		*want_generation = generation;
	return query_sound(q, err);
}

int store_read_desktops(struct query *q, struct store_desktop_list *out, struct error *err)
{
	OWNED(store_desktop_list_done) struct store_desktop_list list = { 0 };
	int rc;

	while ((rc = query_row(q, err)) > 0)
		if (store_read_desktop(q, STORE_APPEND(&list), NULL, err) < 0)
			return -EBADMSG;
	if (rc < 0)
		return rc;
	*out = list;
	list = (struct store_desktop_list){ 0 };
	return 0;
}

int store_desktops(struct store *store, struct store_desktop_list *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_DESKTOPS);

	return store_read_desktops(&q, out, err);
}

int store_desktop_find(struct store *store, const char *id, struct store_desktop *out,
		       struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_DESKTOP_FIND);
	struct store_desktop desktop = { 0 };
	int rc;

	query_text(&q, id);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : error_set(err, ENOENT, "desktop %s: no such desktop", id);
	if ((rc = store_read_desktop(&q, &desktop, NULL, err)) == 0)
		*out = desktop;
	return rc;
}

/* --------------------------------------------------------------------------------- ordering */

int store_image_of_pool(struct store *store, const char *pool, char out[STORE_SHA256_SIZE],
			struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_IMAGE_OF_POOL);
	int rc;

	query_text(&q, pool);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : -ENOENT;
	get_text(&q, out, STORE_SHA256_SIZE);
	return query_sound(&q, err);
}

/* The lowest number that no desktop of the pool has: sales-001, sales-002 ... */
static int free_name(struct store *store, const char *pool, char out[STORE_NAME_SIZE],
		     struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_DESKTOP_NAMES);
	OWNED(free) uint8_t *taken = xcalloc(POOL_DESKTOPS_MAX + 2, 1);
	size_t prefix = strlen(pool) + 1;
	int rc;

	query_text(&q, pool);
	while ((rc = query_row(&q, err)) > 0) {
		char name[STORE_NAME_SIZE];

		get_text(&q, name, sizeof(name));
		if (query_sound(&q, err) < 0)
			return -EBADMSG;
		long number = strlen(name) > prefix ? strtol(name + prefix, NULL, 10) : 0;
		if (number > 0 && number <= POOL_DESKTOPS_MAX)
			taken[number] = 1;
	}
	if (rc < 0)
		return rc;

	int number = 1;
	while (taken[number])
		number++;
	snprintf(out, STORE_NAME_SIZE, "%s-%03d", pool, number);
	return 0;
}

int store_next_epoch(struct store *store, int64_t *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_EPOCH_NEXT);
	int rc = query_row(&q, err);

	if (rc <= 0)
		return rc < 0 ? rc : error_set(err, EBADMSG, "store: the epoch counter is missing");
	*out = get_int(&q);
	return query_sound(&q, err);
}

static int put_desktop(struct store *store, const struct pool *pool, const char *host,
		       const char *image_sha256, int64_t now_ms, char id[STORE_ID_SIZE],
		       struct error *err)
{
	char name[STORE_NAME_SIZE];
	int64_t epoch = 0, generation = 0;
	int rc;

	if ((rc = free_name(store, pool->name, name, err)) < 0 ||
	    (rc = store_next_epoch(store, &epoch, err)) < 0 ||
	    (rc = store_bump_host(store, host, &generation, err)) < 0)
		return rc;
	store_new_id(id);
	FAULT_POINT("order_row");

	OWNED(query_done) struct query q = query(store, ST_DESKTOP_PUT);
	query_text(&q, id);
	query_text(&q, name);
	query_text(&q, pool->name);
	query_text(&q, host);
	query_int(&q, epoch);
	query_int(&q, generation);
	query_text(&q, image_sha256);
	query_int(&q, pool->desktop.cpus);
	query_int(&q, pool->desktop.memory_bytes);
	query_int(&q, pool->desktop.disk_bytes);
	query_int(&q, now_ms);
	rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

int store_desktop_order(struct store *store, struct store_site_room *room, const struct pool *pool,
			const char *image_sha256, int64_t now_ms, char id[STORE_ID_SIZE],
			enum reason *reason, struct error *err)
{
	char host[STORE_NAME_SIZE];
	int rc;

	if (!*image_sha256) {
		*reason = REASON_NO_IMAGE;
		return 0;
	}
	if ((rc = store_room_take(room, pool, image_sha256, host, reason, err)) < 0 ||
	    *reason != REASON_OK)
		return rc;
	return put_desktop(store, pool, host, image_sha256, now_ms, id, err);
}

/* ---------------------------------------------------------------------------------- leaving */

static int by_id(struct store *store, enum statement id, const char *desktop, struct error *err)
{
	OWNED(query_done) struct query q = query(store, id);

	query_text(&q, desktop);
	return query_run(&q, err);
}

static int end_sessions(struct store *store, const char *desktop, int64_t now_ms,
			struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_SESSIONS_END_OF);

	query_int(&q, now_ms);
	query_text(&q, desktop);
	return query_run(&q, err);
}

int store_desktop_let_go(struct store *store, const char *id, const char *host, int64_t now_ms,
			 struct error *err)
{
	int64_t generation = 0;
	int rc;

	if ((rc = by_id(store, ST_ASSIGNMENT_DROP, id, err)) < 0 ||
	    (rc = by_id(store, ST_TICKETS_DROP, id, err)) < 0 ||
	    (rc = end_sessions(store, id, now_ms, err)) < 0 ||
	    (rc = store_bump_host(store, host, &generation, err)) < 0)
		return rc;

	FAULT_POINT("refresh_row");
	OWNED(query_done) struct query q = query(store, ST_DESKTOP_LET_GO);
	query_int(&q, generation);
	query_int(&q, now_ms);
	query_text(&q, store_request(store));
	query_text(&q, id);
	rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

int store_desktop_delete(struct store *store, const char *id, int64_t now_ms, struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	struct store_desktop desktop;
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = store_desktop_find(store, id, &desktop, err)) < 0)
		return rc;
	if (desktop.want == DESKTOP_WANT_ABSENT)
		return 0;	/* on its way already */
	if ((rc = store_desktop_let_go(store, id, desktop.host, now_ms, err)) < 0)
		return rc;
	return tx_commit(&tx, err);
}

static int set_logged_off(struct store *store, const char *id, int64_t now_ms, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_DESKTOP_USER_STATE);

	query_text(&q, desktop_use_word(DESKTOP_LOGGED_OFF));
	query_int(&q, now_ms);
	query_text(&q, id);

	int rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

/* An exchanged desktop's user keeps a claim that outlives the usual patience: nobody may be there
 * to ask for the new one. */
#define EXCHANGE_CLAIM_MS 3600000
/* So long is a refreshed desktop's successor kept beyond the spares that are wanted anyway. */
#define KEEP_PLACE_MS 600000

static int exchange(struct store *store, const struct store_desktop *d, int64_t now_ms,
		    struct error *err)
{
	int rc = store_desktop_let_go(store, d->id, d->host, now_ms, err);

	if (rc >= 0)
		rc = store_line_join(store, d->user_key, d->pool, now_ms,
				     now_ms + EXCHANGE_CLAIM_MS, err);
	return rc < 0 ? rc : 0;
}

/* A refreshed desktop's place is taken by a new one; a deleted one leaves it to the planner. */
static int keep_place(struct store *store, const struct store_desktop *d, int64_t now_ms,
		      struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_KEPT_PUT);
	char id[STORE_ID_SIZE];

	if (d->assignment != POOL_FLOATING || d->on_logoff != POOL_LOGOFF_REFRESH)
		return 0;
	store_new_id(id);
	query_text(&q, id);
	query_text(&q, d->pool);
	query_int(&q, now_ms + KEEP_PLACE_MS);
	return query_run(&q, err);
}

static int carry_out(struct store *store, const struct store_desktop *d, enum pool_after_stay after,
		     int64_t now_ms, struct error *err)
{
	switch (after) {
	case POOL_AFTER_NOTHING:
		return 0;
	case POOL_AFTER_KEEP:
		return set_logged_off(store, d->id, now_ms, err);
	case POOL_AFTER_RELEASE:
		return store_desktop_let_go(store, d->id, d->host, now_ms, err);
	case POOL_AFTER_EXCHANGE:
		return exchange(store, d, now_ms, err);
	}
	return 0;
}

/* What would be kept for its user goes where the host is being emptied, when any desktop is as good. */
static enum pool_after_stay after_stay(struct store *store, const struct store_desktop *d,
				       enum pool_stay_end how)
{
	enum pool_after_stay after = pool_after_stay(d->assignment, d->on_logoff, how);
	struct store_host host;

	if (after == POOL_AFTER_KEEP && d->assignment == POOL_FLOATING &&
	    store_host_find(store, d->host, &host, NULL) == 0 &&
	    host.state == STORE_HOST_DRAINING)
		return POOL_AFTER_RELEASE;
	return after;
}

int store_desktop_stay_ended(struct store *store, const char *id, enum pool_stay_end how,
			     int64_t now_ms, struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	struct store_desktop d;
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = store_desktop_find(store, id, &d, err)) < 0)
		return rc;
	if (d.user_key[0] && d.want == DESKTOP_WANT_RUNNING)
		rc = carry_out(store, &d, after_stay(store, &d, how), now_ms, err);
	if (rc >= 0 && d.user_key[0] && d.want == DESKTOP_WANT_RUNNING && how != POOL_STAY_UNUSED)
		rc = keep_place(store, &d, now_ms, err);
	return rc < 0 ? rc : tx_commit(&tx, err);
}

int store_desktop_reset(struct store *store, const char *id, int64_t now_ms, struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	struct store_desktop d;
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = store_desktop_find(store, id, &d, err)) < 0)
		return rc;
	if (d.want == DESKTOP_WANT_ABSENT)
		return 0;	/* on its way already */
	rc = carry_out(store, &d, d.user_key[0] ? POOL_AFTER_EXCHANGE : POOL_AFTER_RELEASE, now_ms,
		       err);
	return rc < 0 ? rc : tx_commit(&tx, err);
}

int store_desktop_restart(struct store *store, const char *id, int64_t now_ms, struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	struct store_desktop d;
	int64_t generation = 0;
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = store_desktop_find(store, id, &d, err)) < 0)
		return rc;
	if (d.want == DESKTOP_WANT_ABSENT)
		return error_set(err, ENOENT, "desktop %s: is being destroyed", id);
	if ((rc = store_bump_host(store, d.host, &generation, err)) < 0)
		return rc;
	{
		OWNED(query_done) struct query q = query(store, ST_DESKTOP_RESTART);

		query_int(&q, generation);
		query_int(&q, now_ms);
		query_text(&q, store_request(store));
		query_text(&q, id);
		if ((rc = query_run(&q, err)) < 0)
			return rc;
	}
	return tx_commit(&tx, err);
}

/* Assigned and never connected to: whoever asked for it has gone. */
#define CLAIM_MS 600000

static int read_unused(struct store *store, int64_t now_ms, struct store_desktop_list *out,
		       struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_DESKTOPS_UNUSED);

	query_int(&q, now_ms);
	query_int(&q, now_ms - CLAIM_MS);
	return store_read_desktops(&q, out, err);
}

int store_desktops_expire(struct store *store, int64_t now_ms, int64_t *count, struct error *err)
{
	OWNED(store_desktop_list_done) struct store_desktop_list list = { 0 };
	OWNED(tx_done) struct tx tx = { 0 };
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 || (rc = read_unused(store, now_ms, &list, err)) < 0)
		return rc;
	for (size_t i = 0; i < list.count; i++)
		if ((rc = store_desktop_stay_ended(store, list.items[i].id, POOL_STAY_UNUSED, now_ms,
						   err)) < 0)
			return rc;
	if ((rc = store_user_disks_rescue(store, now_ms, err)) < 0 ||
	    (rc = tx_commit(&tx, err)) < 0)
		return rc;
	*count = (int64_t)list.count;
	return 0;
}
