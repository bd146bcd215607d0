/* SPDX-License-Identifier: Apache-2.0 */
/* A store that was lost, made again of what hosts really run. */
#include "db/store_internal.h"

#include <errno.h>

#include "common/base/text.h"

static int run(struct store *store, enum statement id, struct error *err)
{
	OWNED(query_done) struct query q = query(store, id);

	return query_run(&q, err);
}

int store_rebuilding(struct store *store, enum store_rebuild *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_REBUILDING);
	int rc = query_row(&q, err);

	if (rc < 0)
		return rc;
	int64_t value = rc ? get_int(&q) : 0;

	*out = value >= 0 && value < STORE_REBUILDS ? (enum store_rebuild)value
						    : STORE_REBUILD_NONE;
	return 0;
}

static int put_rebuilding(struct store *store, enum store_rebuild how, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_REBUILDING_PUT);

	query_int(&q, how);
	return query_run(&q, err);
}

int store_rebuild_begin(struct store *store, enum store_rebuild how, struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 || (rc = put_rebuilding(store, how, err)) < 0 ||
	    (rc = run(store, ST_HOSTS_UNTOLD, err)) < 0 ||
	    (rc = run(store, ST_UNKNOWN_CLEAR, err)) < 0)
		return rc;
	if (how == STORE_REBUILD_ALL && ((rc = run(store, ST_HOSTS_RESTORED, err)) < 0 ||
					 (rc = run(store, ST_EPOCH_RESTORED, err)) < 0))
		return rc;
	return tx_commit(&tx, err);
}

int store_rebuild_finish(struct store *store, struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = put_rebuilding(store, STORE_REBUILD_NONE, err)) < 0 ||
	    (rc = run(store, ST_UNKNOWN_CLEAR, err)) < 0 ||
	    (rc = store_bump_all_hosts(store, err)) < 0)
		return rc;
	return tx_commit(&tx, err);
}

int store_rebuild_host(struct store *store, const char *host, int64_t generation, int64_t now_ms,
		       struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_HOST_FOUND);

	query_text(&q, host);
	query_int(&q, generation + STORE_REBUILD_AHEAD);
	query_int(&q, now_ms);

	int rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

int store_rebuild_told(struct store *store, const char *host, bool *all, struct error *err)
{
	{
		OWNED(query_done) struct query q = query(store, ST_HOST_HAS_TOLD);
		int rc;

		query_text(&q, host);
		if ((rc = query_run(&q, err)) < 0)
			return rc;
	}
	OWNED(query_done) struct query q = query(store, ST_HOSTS_NOT_TOLD);
	int rc = query_row(&q, err);

	if (rc < 0)
		return rc;
	*all = rc && get_int(&q) == 0;
	return 0;
}

/* ---- what nobody can say the owner of ---- */

int store_unknown_put(struct store *store, const struct store_unknown *u, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_UNKNOWN_PUT);

	query_text(&q, u->id);
	query_text(&q, u->host);
	query_text(&q, u->name);
	query_text(&q, u->account);
	query_text(&q, u->why);
	query_int(&q, u->at_ms);

	int rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

int store_unknowns(struct store *store, store_unknown_fn *fn, void *arg, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_UNKNOWNS);
	int rc;

	while ((rc = query_row(&q, err)) > 0) {
		struct store_unknown u;

		get_text(&q, u.id, sizeof(u.id));
		get_text(&q, u.host, sizeof(u.host));
		get_text(&q, u.name, sizeof(u.name));
		get_text(&q, u.account, sizeof(u.account));
		get_text(&q, u.why, sizeof(u.why));
		u.at_ms = get_int(&q);
		if ((rc = query_sound(&q, err)) < 0)
			return rc;
		fn(arg, &u);
	}
	return rc;
}

static int drop_unknown(struct store *store, const char *id, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_UNKNOWN_DROP);

	query_text(&q, id);
	return query_run(&q, err);
}

/* ---- one whose owner is known ---- */

static int name_is_taken(struct store *store, const char *name, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_DESKTOP_NAME_TAKEN);

	query_text(&q, name);
	return query_row(&q, err);
}

/* NULL: it may be; else why not. */
static int judge(struct store *store, const struct store_adoption *a, struct pool *pool,
		 const char **why, struct error *err)
{
	struct store_desktop own;
	int rc = store_pool_find(store, a->pool, pool, err);

	*why = NULL;
	if (rc == -ENOENT) {
		*why = "its pool is not there";
		return 0;
	}
	if (rc < 0)
		return rc;
	if ((rc = store_assignment_find(store, a->user.key, a->pool, &own, err)) == 0)
		*why = "its user has another desktop in the pool";
	if (rc < 0 && rc != -ENOENT)
		return rc;
	if (!*why && (rc = name_is_taken(store, a->name, err)) > 0)
		*why = "another desktop has its name";
	return rc < 0 && rc != -ENOENT ? rc : 0;
}

static int put_adopted(struct store *store, const struct store_adoption *a, const struct pool *pool,
		       int64_t now_ms, struct error *err)
{
	const struct store_report_desktop *r = a->report;
	int64_t generation = 0;
	int rc = store_bump_host(store, a->host, &generation, err);

	if (rc < 0)
		return rc;
	OWNED(query_done) struct query q = query(store, ST_DESKTOP_ADOPT);

	query_text(&q, r->id);
	query_text(&q, a->name);
	query_text(&q, a->pool);
	query_text(&q, a->host);
	query_int(&q, r->epoch);
	query_int(&q, generation);
	query_text(&q, desktop_state_word(r->state));
	query_text(&q, desktop_stage_word(r->stage));
	query_int(&q, r->percent);
	query_text(&q, a->image_sha256);
	query_int(&q, a->cpus);
	query_int(&q, a->memory_bytes);
	query_int(&q, pool->desktop.disk_bytes);
	query_text(&q, r->address);
	query_text(&q, r->rdp_certificate_sha256);
	query_int(&q, now_ms);
	query_int(&q, a->incarnation);
	query_text(&q, r->logged_on);
	query_int(&q, r->logoffs);
	query_int(&q, r->resets);
	return query_run(&q, err);
}

static int put_owner(struct store *store, const struct store_adoption *a, int64_t now_ms,
		     struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_ASSIGNMENT_PUT);

	query_text(&q, a->report->id);
	query_text(&q, a->user.key);
	query_text(&q, a->pool);
	query_int(&q, now_ms);
	return query_run(&q, err);
}

int store_adopt(struct store *store, const struct store_adoption *a, int64_t now_ms,
		const char **why, struct error *err)
{
	OWNED(free) struct pool *pool = xnew(struct pool);
	OWNED(tx_done) struct tx tx = { 0 };
	struct store_user known;
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 || (rc = judge(store, a, pool, why, err)) < 0)
		return rc;
	if (*why)
		return 0;
	rc = store_user_find(store, a->user.key, &known, err);
	if (rc == -ENOENT)
		rc = store_user_upsert(store, &a->user, now_ms, err);
	if (rc < 0 || (rc = put_adopted(store, a, pool, now_ms, err)) < 0 ||
	    (rc = put_owner(store, a, now_ms, err)) < 0 ||
	    (rc = drop_unknown(store, a->report->id, err)) < 0)
		return rc;
	return tx_commit(&tx, err);
}
