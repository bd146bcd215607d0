/* SPDX-License-Identifier: Apache-2.0 */
/* A host that is emptied, and one that is forgotten. */
#include "db/store_internal.h"

#include <errno.h>

static int put_drain(struct store *store, const char *name, enum store_host_state state,
		     const char *by, const char *why, int64_t at_ms, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_HOST_DRAIN);

	query_text(&q, store_host_state_word(state));
	query_text(&q, by);
	query_text(&q, why);
	query_int(&q, at_ms);
	query_text(&q, name);

	int rc = query_run(&q, err);
	return rc < 0 ? rc : rc == 0 ? error_set(err, ENOENT, "host %s: never joined", name) : 0;
}

static int let_spares_go(struct store *store, const char *name, int64_t now_ms, struct error *err)
{
	int64_t generation = 0;
	int rc = store_bump_host(store, name, &generation, err);

	if (rc < 0)
		return rc;
	OWNED(query_done) struct query q = query(store, ST_HOST_SPARES_GO);

	query_int(&q, generation);
	query_int(&q, now_ms);
	query_text(&q, store_request(store));
	query_text(&q, name);
	return query_run(&q, err);
}

int store_host_drain(struct store *store, const char *name, const char *by, const char *why,
		     int64_t now_ms, int64_t *spares, struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	int rc, gone;

	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = put_drain(store, name, STORE_HOST_DRAINING, by, why, now_ms, err)) < 0 ||
	    (gone = rc = let_spares_go(store, name, now_ms, err)) < 0 ||
	    (rc = tx_commit(&tx, err)) < 0)
		return rc;
	*spares = gone;
	return 0;
}

/* One that has not reported for long becomes lost in a moment. */
int store_host_undrain(struct store *store, const char *name, struct error *err)
{
	return put_drain(store, name, STORE_HOST_ACTIVE, "", "", 0, err);
}

int store_host_drained(struct store *store, const char *name, struct store_drain *out,
		       struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_HOST_DRAINED);
	int rc;

	query_text(&q, name);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : error_set(err, ENOENT, "host %s: never joined", name);
	get_text(&q, out->by, sizeof(out->by));
	get_text(&q, out->why, sizeof(out->why));
	out->at_ms = get_int(&q);
	return query_sound(&q, err);
}

static int by_name(struct store *store, enum statement id, const char *name, struct error *err)
{
	OWNED(query_done) struct query q = query(store, id);

	query_text(&q, name);
	return query_run(&q, err);
}

static int read_desktops(struct store *store, const char *name, struct store_desktop_list *out,
			 struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_DESKTOPS_OF_HOST);

	query_text(&q, name);
	return store_read_desktops(&q, out, err);
}

static int drop_desktops(struct store *store, const struct store_desktop_list *list, int64_t now_ms,
			 struct error *err)
{
	int rc = 0;

	for (size_t i = 0; i < list->count && rc >= 0; i++) {
		const struct store_desktop *d = &list->items[i];

		rc = store_desktop_let_go(store, d->id, d->host, now_ms, err);
		if (rc >= 0)
			rc = store_desktop_drop(store, d, now_ms, err);
	}
	return rc;
}

int store_host_remove(struct store *store, const char *name, bool force, int64_t now_ms,
		      int64_t *desktops, struct error *err)
{
	OWNED(store_desktop_list_done) struct store_desktop_list list = { 0 };
	OWNED(tx_done) struct tx tx = { 0 };
	struct store_host host;
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = store_host_find(store, name, &host, err)) < 0 ||
	    (rc = read_desktops(store, name, &list, err)) < 0)
		return rc;
	*desktops = (int64_t)list.count;
	if (list.count && !force)
		return error_set(err, EBUSY, "The host still has desktops: %zu.", list.count);
	if ((rc = drop_desktops(store, &list, now_ms, err)) < 0 ||
	    (rc = by_name(store, ST_HOST_TROUBLES_DROP, name, err)) < 0 ||
	    (rc = by_name(store, ST_HOST_TOKEN_DROP, name, err)) < 0 ||
	    (rc = by_name(store, ST_HOST_DROP, name, err)) < 0)
		return rc;
	return tx_commit(&tx, err);
}
