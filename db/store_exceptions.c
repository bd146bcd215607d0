/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions: asked for, approved by another administrator, ended. Who may do what is decided by
 * pool/exception.h; the statements hold the same conditions once more. */
#include "db/store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include "common/base/text.h"

void store_exception_list_done(struct store_exception_list *list)
{
	free(list->items);
	*list = (struct store_exception_list){ 0 };
}

static int read_exception(struct query *q, struct store_exception *out, struct error *err)
{
	get_text(q, out->id, sizeof(out->id));
	get_text(q, out->user_key, sizeof(out->user_key));
	get_text(q, out->user_name, sizeof(out->user_name));
	get_text(q, out->pool, sizeof(out->pool));
	get_text(q, out->device, sizeof(out->device));
	get_text(q, out->reason, sizeof(out->reason));
	out->duration_ms = get_int(q);
	get_word(q, exception_state_parse, &out->state);
	get_text(q, out->requested_by, sizeof(out->requested_by));
	out->requested_at_ms = get_int(q);
	get_text(q, out->approved_by, sizeof(out->approved_by));
	out->approved_at_ms = get_int(q);
	out->expires_at_ms = get_int(q);
	out->used_at_ms = get_int(q);
	get_text(q, out->ended_by, sizeof(out->ended_by));
	out->ended_at_ms = get_int(q);
	return query_sound(q, err);
}

static struct exception_facts facts_of(const struct store_exception *e)
{
	return (struct exception_facts){
		.state = e->state,
		.requested_by = e->requested_by,
		.user = e->user_name,
		.expires_at_ms = e->expires_at_ms,
	};
}

static int read_one(struct query *q, struct store_exception *out, struct error *err)
{
	struct store_exception found = { 0 };
	int rc = query_row(q, err);

	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	if ((rc = read_exception(q, &found, err)) == 0)
		*out = found;
	return rc;
}

static int read_all(struct query *q, struct store_exception_list *out, struct error *err)
{
	OWNED(store_exception_list_done) struct store_exception_list list = { 0 };
	int rc;

	while ((rc = query_row(q, err)) > 0)
		if (read_exception(q, STORE_APPEND(&list), err) < 0)
			return -EBADMSG;
	if (rc < 0)
		return rc;
	*out = list;
	list = (struct store_exception_list){ 0 };
	return 0;
}

int store_exception_find(struct store *store, const char *id, struct store_exception *out,
			 struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_EXCEPTION_FIND);

	query_text(&q, id);
	return read_one(&q, out, err);
}

int store_exceptions(struct store *store, bool all, struct store_exception_list *out,
		     struct error *err)
{
	OWNED(query_done) struct query q =
		query(store, all ? ST_EXCEPTIONS_ALL : ST_EXCEPTIONS_OPEN);

	return read_all(&q, out, err);
}

int store_exception_in_force(struct store *store, const char *user_key, const char *pool,
			     int64_t now_ms, struct store_exception *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_EXCEPTION_IN_FORCE);

	query_text(&q, user_key);
	query_text(&q, pool);
	query_int(&q, now_ms);
	return read_one(&q, out, err);
}

int store_exception_take(struct store *store, const char *user_key, const char *pool,
			 int64_t now_ms, struct store_exception *out, struct error *err)
{
	int rc = store_exception_in_force(store, user_key, pool, now_ms, out, err);

	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;

	OWNED(query_done) struct query q = query(store, ST_EXCEPTION_USED);
	query_int(&q, now_ms);
	query_text(&q, out->id);
	rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

/* ---- Asking ---- */

static int put(struct store *store, const struct store_exception_request *request,
	       const char *user_key, const char *id, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_EXCEPTION_PUT);

	query_text(&q, id);
	query_text(&q, user_key);
	query_text(&q, request->pool);
	query_text(&q, request->device);
	query_text(&q, request->reason);
	query_int(&q, request->duration_ms);
	query_text(&q, request->by);
	query_int(&q, request->now_ms);
	query_int(&q, request->now_ms + EXCEPTION_REQUEST_MS);

	int rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

int store_exception_request(struct store *store, const struct store_exception_request *request,
			    struct store_exception *out, struct error *err)
{
	OWNED(free) struct pool *pool = xnew(struct pool);
	OWNED(tx_done) struct tx tx = { 0 };
	struct store_user user;
	char id[STORE_ID_SIZE];
	int rc = tx_begin(store, &tx, err);

	if (rc < 0)
		return rc;
	if (store_pool_find(store, request->pool, pool, err) == -ENOENT)
		return error_set(err, ENOENT, "pool %s: no such pool", request->pool);
	if (store_user_find_by_name(store, request->user, &user, err) == -ENOENT)
		return error_set(err, ENOENT,
				 "user %s: has not logged in yet; an exception is for a person, so "
				 "they have to log in once before",
				 request->user);
	store_new_id(id);
	if ((rc = put(store, request, user.key, id, err)) < 0 || (rc = tx_commit(&tx, err)) < 0)
		return rc;
	return store_exception_find(store, id, out, err);
}

/* ---- Deciding ---- */

static int set_approved(struct store *store, const struct store_exception *e, const char *by,
			int64_t now_ms, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_EXCEPTION_APPROVE);

	query_text(&q, by);
	query_int(&q, now_ms);
	query_int(&q, now_ms + e->duration_ms);
	query_text(&q, e->id);
	query_text(&q, by);
	return query_run(&q, err);
}

int store_exception_approve(struct store *store, const char *id, const char *by, int64_t now_ms,
			    enum reason *reason, struct store_exception *out, struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	struct store_exception e;
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = store_exception_find(store, id, &e, err)) < 0)
		return rc;
	struct exception_facts facts = facts_of(&e);
	*reason = exception_may_approve(&facts, by, now_ms);
	if (*reason == REASON_OK && (rc = set_approved(store, &e, by, now_ms, err)) < 0)
		return rc;
	if ((rc = store_exception_find(store, id, out, err)) < 0)
		return rc;
	return tx_commit(&tx, err);
}

/* ---- Ending ---- */

static int end_sessions(struct store *store, const char *id, int64_t now_ms, struct error *err)
{
	OWNED(store_session_list_done) struct store_session_list list = { 0 };
	int rc = store_sessions_of_exception(store, id, &list, err);

	for (size_t i = 0; i < list.count && rc >= 0; i++)
		rc = store_session_end(store, list.items[i].id, list.items[i].host, now_ms, err);
	return rc;
}

static int end(struct store *store, const char *id, enum exception_state state, const char *by,
	       int64_t now_ms, struct error *err)
{
	{
		OWNED(query_done) struct query q = query(store, ST_EXCEPTION_END);

		query_text(&q, exception_state_word(state));
		query_text(&q, by);
		query_int(&q, now_ms);
		query_text(&q, id);

		int rc = query_run(&q, err);
		if (rc < 0)
			return rc;
	}
	return end_sessions(store, id, now_ms, err);
}

int store_exception_revoke(struct store *store, const char *id, const char *by, int64_t now_ms,
			   enum reason *reason, struct store_exception *out, struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	struct store_exception e;
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = store_exception_find(store, id, &e, err)) < 0)
		return rc;
	struct exception_facts facts = facts_of(&e);
	*reason = exception_may_revoke(&facts, now_ms);
	if (*reason == REASON_OK &&
	    (rc = end(store, id, EXCEPTION_REVOKED, by, now_ms, err)) < 0)
		return rc;
	if ((rc = store_exception_find(store, id, out, err)) < 0)
		return rc;
	return tx_commit(&tx, err);
}

static int due(struct store *store, int64_t now_ms, struct store_exception_list *out,
	       struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_EXCEPTIONS_DUE);

	query_int(&q, now_ms);
	return read_all(&q, out, err);
}

int store_exceptions_expire(struct store *store, int64_t now_ms, struct store_exception_list *out,
			    struct error *err)
{
	OWNED(store_exception_list_done) struct store_exception_list list = { 0 };
	OWNED(tx_done) struct tx tx = { 0 };
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 || (rc = due(store, now_ms, &list, err)) < 0)
		return rc;
	for (size_t i = 0; i < list.count; i++) {
		rc = end(store, list.items[i].id, EXCEPTION_EXPIRED, "", now_ms, err);
		if (rc < 0)
			return rc;
	}
	if ((rc = tx_commit(&tx, err)) < 0)
		return rc;
	*out = list;
	list = (struct store_exception_list){ 0 };
	return 0;
}
