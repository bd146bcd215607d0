/* SPDX-License-Identifier: Apache-2.0 */
/* Users' own disks: one for each user and pool. At any time one desktop at most holds a disk, by
 * its row and by an epoch that grows with each change of hands. The hold ends when the desktop is
 * gone for certain - its host has said so - or when its host is lost: then the next holder still has
 * to win the lock on the storage. */
#include "db/store_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void store_user_disk_list_done(struct store_user_disk_list *list)
{
	free(list->items);
	*list = (struct store_user_disk_list){ 0 };
}

static int read_disk(struct query *q, struct store_user_disk *out, struct error *err)
{
	get_text(q, out->id, sizeof(out->id));
	get_text(q, out->user_key, sizeof(out->user_key));
	get_text(q, out->user_name, sizeof(out->user_name));
	get_text(q, out->pool, sizeof(out->pool));
	out->size_bytes = get_int(q);
	out->used_bytes = get_int(q);
	get_text(q, out->state, sizeof(out->state));
	out->set_aside_at_ms = get_int(q);
	get_text(q, out->desktop, sizeof(out->desktop));
	get_text(q, out->desktop_name, sizeof(out->desktop_name));
	get_text(q, out->host, sizeof(out->host));
	out->epoch = get_int(q);
	get_word(q, desktop_disk_parse, &out->attached);
	get_text(q, out->reason, sizeof(out->reason));
	out->since_ms = get_int(q);
	out->created_at_ms = get_int(q);
	return query_sound(q, err);
}

int store_user_disks(struct store *store, struct store_user_disk_list *out, struct error *err)
{
	OWNED(store_user_disk_list_done) struct store_user_disk_list list = { 0 };
	OWNED(query_done) struct query q = query(store, ST_USER_DISKS);
	int rc;

	while ((rc = query_row(&q, err)) > 0)
		if (read_disk(&q, STORE_APPEND(&list), err) < 0)
			return -EBADMSG;
	if (rc < 0)
		return rc;
	*out = list;
	list = (struct store_user_disk_list){ 0 };
	return 0;
}

int store_user_disk_find(struct store *store, const char *id, struct store_user_disk *out,
			 struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_USER_DISK_FIND);
	struct store_user_disk disk = { 0 };
	int rc;

	query_text(&q, id);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : error_set(err, ENOENT, "user disk %s: no such disk", id);
	if ((rc = read_disk(&q, &disk, err)) == 0)
		*out = disk;
	return rc;
}

/* ------------------------------------------------------------------------------------- holds */

static int find_current(struct store *store, const char *user_key, const char *pool,
			struct store_user_disk *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_USER_DISK_CURRENT);
	int rc;

	query_text(&q, user_key);
	query_text(&q, pool);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : -ENOENT;
	return read_disk(&q, out, err);
}

static int put_disk(struct store *store, const char *user_key, const char *pool, int64_t size_bytes,
		    int64_t now_ms, struct store_user_disk *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_USER_DISK_PUT);

	store_new_id(out->id);
	query_text(&q, out->id);
	query_text(&q, user_key);
	query_text(&q, pool);
	query_int(&q, size_bytes);
	query_int(&q, now_ms);
	return query_run(&q, err);
}

static int name_disk(struct store *store, const char *desktop, const char *disk, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_DESKTOP_DISK);

	query_text(&q, disk);
	query_text(&q, desktop);
	return query_run(&q, err);
}

/* From now on it is this desktop's; its host is told. */
static int give(struct store *store, const char *disk, const char *desktop, int64_t now_ms,
		struct error *err)
{
	struct store_desktop d;
	int64_t epoch = 0, generation = 0;
	int rc;

	if ((rc = store_desktop_find(store, desktop, &d, err)) < 0 ||
	    (rc = store_next_epoch(store, &epoch, err)) < 0 ||
	    (rc = store_bump_host(store, d.host, &generation, err)) < 0)
		return rc;

	OWNED(query_done) struct query q = query(store, ST_USER_DISK_HOLD);
	query_text(&q, desktop);
	query_text(&q, d.host);
	query_int(&q, epoch);
	query_int(&q, now_ms);
	query_text(&q, disk);
	return query_run(&q, err);
}

int store_user_disk_assign(struct store *store, const char *desktop, const char *user_key,
			   const char *pool_name, int64_t now_ms, struct error *err)
{
	OWNED(free) struct pool *pool = xnew(struct pool);
	struct store_user_disk disk = { 0 };
	int rc = store_pool_find(store, pool_name, pool, err);

	if (rc < 0 || !pool->user_disk_bytes)
		return rc;
	rc = find_current(store, user_key, pool_name, &disk, err);
	if (rc == -ENOENT)
		rc = put_disk(store, user_key, pool_name, pool->user_disk_bytes, now_ms, &disk, err);
	if (rc < 0 || (rc = name_disk(store, desktop, disk.id, err)) < 0)
		return rc;
	return disk.desktop[0] ? 0 : give(store, disk.id, desktop, now_ms, err);
}

/* The desktop that is to have it and exists; -ENOENT: none. */
static int find_next(struct store *store, const char *disk, char desktop[STORE_ID_SIZE],
		     struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_USER_DISK_NEXT);
	int rc;

	query_text(&q, disk);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : -ENOENT;
	get_text(&q, desktop, STORE_ID_SIZE);
	return query_sound(&q, err);
}

static int release(struct store *store, const char *disk, int64_t now_ms, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_USER_DISK_RELEASE);

	query_int(&q, now_ms);
	query_text(&q, disk);
	return query_run(&q, err);
}

int store_user_disk_let_go(struct store *store, const char *disk, const char *desktop,
			   int64_t now_ms, struct error *err)
{
	struct store_user_disk held;
	char next[STORE_ID_SIZE];
	int rc;

	if (!*disk)
		return 0;
	if ((rc = store_user_disk_find(store, disk, &held, err)) < 0)
		return rc == -ENOENT ? 0 : rc;
	if (strcmp(held.desktop, desktop) != 0)
		return 0;
	if ((rc = release(store, disk, now_ms, err)) < 0)
		return rc;
	rc = find_next(store, disk, next, err);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	return give(store, disk, next, now_ms, err);
}

int store_user_disks_rescue(struct store *store, int64_t now_ms, struct error *err)
{
	struct move {
		char disk[STORE_ID_SIZE], desktop[STORE_ID_SIZE];
	};
	struct {
		struct move *items;
		size_t count;
	} moves = { 0 };
	int rc;
	{
		OWNED(query_done) struct query q = query(store, ST_USER_DISKS_STRANDED);

		while ((rc = query_row(&q, err)) > 0) {
			struct move *move = STORE_APPEND(&moves);

			get_text(&q, move->disk, sizeof(move->disk));
			get_text(&q, move->desktop, sizeof(move->desktop));
		}
	}
	for (size_t i = 0; i < moves.count && rc >= 0; i++)
		rc = give(store, moves.items[i].disk, moves.items[i].desktop, now_ms, err);
	free(moves.items);
	return rc < 0 ? rc : 0;
}

/* ------------------------------------------------------------------------------------ reports */

static int note_broken(struct store *store, const struct store_desktop *d, const char *reason,
		       int64_t now_ms, struct error *err)
{
	OWNED(buf_done) struct buf details = { 0 };
	struct store_audit row = {
		.at_ms = now_ms, .who = d->user_name, .source = d->host, .what = "user_disk",
		.code = reason_word(REASON_USER_DISK_BROKEN), .denied = true, .subject = d->home.id,
	};

	buf_printf(&details, "{\"desktop\":\"%s\",\"pool\":\"%s\",\"reason\":\"", d->name, d->pool);
	for (; *reason; reason++)	/* a guest's words */
		buf_put_u8(&details, *reason == '"' || *reason == '\\' || *reason < ' ' ? '?' : (uint8_t)*reason);
	buf_put_text(&details, "\"}");
	row.details = buf_text(&details);
	return store_audit_append(store, &row, err);
}

static const char *state_after(const struct store_home *home, enum desktop_disk attached)
{
	return attached == DESKTOP_DISK_MOUNTED ? "ready" :
	       attached == DESKTOP_DISK_BROKEN	? "broken" :
	       home->fresh			? "new" :
	       home->broken			? "broken" :
						  "ready";
}

#define USED_STEP (INT64_C(16) << 20)	/* the size alone is worth a write only now and then */

bool store_user_disk_same(const struct store_home *home, const struct store_report_disk *said)
{
	int64_t grown = said->used_bytes - home->used_bytes;

	if (!home->held || !said->id || strcmp(said->id, home->id) != 0 || said->epoch != home->epoch)
		return true;	/* nothing of it concerns the row */
	return said->state == home->attached && grown < USED_STEP && grown > -USED_STEP &&
	       strcmp(said->reason ? said->reason : "", home->reason) == 0;
}

int store_user_disk_report(struct store *store, const struct store_desktop *d,
			   const struct store_report_disk *said, int64_t now_ms, struct error *err)
{
	int rc;

	if (store_user_disk_same(&d->home, said))
		return 0;
	{
		OWNED(query_done) struct query q = query(store, ST_USER_DISK_REPORT);

		query_text(&q, desktop_disk_word(said->state));
		query_int(&q, now_ms);
		query_text(&q, said->reason);
		query_int(&q, said->used_bytes);
		query_text(&q, state_after(&d->home, said->state));
		query_text(&q, d->home.id);
		if ((rc = query_run(&q, err)) < 0)
			return rc;
	}
	if (said->state == DESKTOP_DISK_BROKEN && d->home.attached != DESKTOP_DISK_BROKEN)
		rc = note_broken(store, d, said->reason ? said->reason : "", now_ms, err);
	return rc < 0 ? rc : 0;
}

/* ------------------------------------------------------------------------------------- admins */

int store_user_disk_set_aside(struct store *store, const char *id, int64_t now_ms,
			      enum reason *reason, struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	struct store_user_disk disk;
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = store_user_disk_find(store, id, &disk, err)) < 0)
		return rc;
	*reason = disk.desktop[0] ? REASON_USER_DISK_BUSY : REASON_OK;
	if (disk.desktop[0] || disk.set_aside_at_ms)
		return 0;
	{
		OWNED(query_done) struct query q = query(store, ST_USER_DISK_SET_ASIDE);

		query_int(&q, now_ms);
		query_text(&q, id);
		if ((rc = query_run(&q, err)) < 0)
			return rc;
	}
	return tx_commit(&tx, err);
}
