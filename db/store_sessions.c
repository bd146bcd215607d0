/* SPDX-License-Identifier: Apache-2.0 */
/* RDP sessions as the relays report them. */
#include "db/store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void store_session_list_done(struct store_session_list *list)
{
	free(list->items);
	*list = (struct store_session_list){ 0 };
}

static int read_session(struct query *q, struct store_session *out, struct error *err)
{
	get_text(q, out->id, sizeof(out->id));
	get_text(q, out->user_name, sizeof(out->user_name));
	get_text(q, out->desktop, sizeof(out->desktop));
	get_text(q, out->desktop_name, sizeof(out->desktop_name));
	get_text(q, out->pool, sizeof(out->pool));
	get_text(q, out->host, sizeof(out->host));
	get_text(q, out->client_address, sizeof(out->client_address));
	out->began_at_ms = get_int(q);
	out->active_at_ms = get_int(q);
	out->ended_at_ms = get_int(q);
	get_text(q, out->exception, sizeof(out->exception));
	return query_sound(q, err);
}

int store_session_find(struct store *store, const char *session, struct store_session *out,
		       struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_SESSION_FIND);
	struct store_session found = { 0 };
	int rc;

	query_text(&q, session);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : error_set(err, ENOENT, "session %s: no such session", session);
	if ((rc = read_session(&q, &found, err)) == 0)
		*out = found;
	return rc;
}

int store_read_sessions(struct query *q, struct store_session_list *out, struct error *err)
{
	OWNED(store_session_list_done) struct store_session_list list = { 0 };
	int rc;

	while ((rc = query_row(q, err)) > 0)
		if (read_session(q, STORE_APPEND(&list), err) < 0)
			return -EBADMSG;
	if (rc < 0)
		return rc;
	*out = list;
	list = (struct store_session_list){ 0 };
	return 0;
}

int store_sessions(struct store *store, bool all, size_t limit, struct store_session_list *out,
		   struct error *err)
{
	OWNED(query_done) struct query q = query(store, all ? ST_SESSIONS_ALL : ST_SESSIONS_OPEN);

	query_int(&q, (int64_t)limit);
	return store_read_sessions(&q, out, err);
}

int store_sessions_of_exception(struct store *store, const char *exception,
				struct store_session_list *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_SESSIONS_OF_EXCEPTION);

	query_text(&q, exception);
	return store_read_sessions(&q, out, err);
}

static int set_user_state(struct store *store, const char *desktop, enum desktop_use use,
			  int64_t now_ms, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_DESKTOP_USER_STATE);

	query_text(&q, desktop_use_word(use));
	query_int(&q, now_ms);
	query_text(&q, desktop);
	return query_run(&q, err);
}

/* The user's side of the desktop follows its session, unless it has been let go meanwhile. */
static int mark_desktop(struct store *store, const struct store_session *session,
			enum desktop_use use, int64_t now_ms, struct error *err)
{
	struct store_desktop desktop;
	int rc = store_desktop_find(store, session->desktop, &desktop, err);

	if (rc == -ENOENT || (rc == 0 && (!desktop.user_key[0] || desktop.use == use)))
		return 0;
	return rc < 0 ? rc : set_user_state(store, session->desktop, use, now_ms, err);
}

/* What it tells of the desktop's publication: a session that ended and never showed anything failed. */
static int note_login(struct store *store, const struct store_session *session, bool active,
		      struct error *err)
{
	struct rollout_health seen = { .logins = active,
				       .logins_failed = !active && !session->active_at_ms };
	struct store_desktop desktop;
	int rc = store_desktop_find(store, session->desktop, &desktop, err);

	if (rc == -ENOENT || (rc == 0 && !seen.logins && !seen.logins_failed))
		return 0;
	return rc < 0 ? rc : store_health_add(store, desktop.pool, desktop.image_sha256, &seen,
					      active ? "" : "a session ended without showing a desktop",
					      err);
}

static int advance(struct store *store, enum statement step, const char *session, const char *host,
		   enum desktop_use use, int64_t now_ms, struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	struct store_session known;
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = store_session_find(store, session, &known, err)) < 0)
		return rc;
	if (strcmp(known.host, host) != 0)
		return error_set(err, ENOENT, "session %s: no such session", session);
	{
		OWNED(query_done) struct query q = query(store, step);

		query_int(&q, now_ms);
		query_text(&q, session);
		query_text(&q, host);
		if ((rc = query_run(&q, err)) < 0)
			return rc;
	}
	if (rc > 0 && ((rc = mark_desktop(store, &known, use, now_ms, err)) < 0 ||
		       (rc = note_login(store, &known, step == ST_SESSION_ACTIVE, err)) < 0))
		return rc;
	return tx_commit(&tx, err);
}

int store_session_active(struct store *store, const char *session, const char *host,
			 int64_t now_ms, struct error *err)
{
	return advance(store, ST_SESSION_ACTIVE, session, host, DESKTOP_CONNECTED, now_ms, err);
}

int store_session_end(struct store *store, const char *session, const char *host, int64_t now_ms,
		      struct error *err)
{
	return advance(store, ST_SESSION_END, session, host, DESKTOP_DISCONNECTED, now_ms, err);
}

static int count_successors(struct store *store, const struct store_session *session,
			    int64_t *count, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_SESSION_SUCCESSORS);

	query_text(&q, session->desktop);
	query_int(&q, session->ended_at_ms);
	query_text(&q, session->id);

	int rc = query_row(&q, err);
	if (rc >= 0)
		*count = rc > 0 ? get_int(&q) : 0;
	return rc < 0 ? rc : 0;
}

/* Ended at the very time at which its exception did: store_exceptions.c. */
static int ended_with_exception(struct store *store, const struct store_session *session,
				bool *out, struct error *err)
{
	struct store_exception exception;
	int rc;

	*out = false;
	if (!session->exception[0])
		return 0;
	rc = store_exception_find(store, session->exception, &exception, err);
	if (rc == 0)
		*out = exception.ended_at_ms == session->ended_at_ms;
	return rc == -ENOENT ? 0 : rc;
}

static int verdict_of_ended(struct store *store, const struct store_session *session,
			    enum store_session_verdict *out, struct error *err)
{
	int64_t successors = 0;
	bool with_exception = false;
	int rc = count_successors(store, session, &successors, err);

	if (rc == 0)
		rc = ended_with_exception(store, session, &with_exception, err);
	if (rc == 0)
		*out = successors     ? STORE_SESSION_MOVED
		       : with_exception ? STORE_SESSION_EXCEPTION
					: STORE_SESSION_OVER;
	return rc;
}

int store_session_verdict(struct store *store, const char *session, const char *host,
			  enum store_session_verdict *out, struct error *err)
{
	struct store_session known;
	int rc = store_session_find(store, session, &known, err);

	if (rc == -ENOENT || (rc == 0 && strcmp(known.host, host) != 0)) {
		*out = STORE_SESSION_OVER;
		return 0;
	}
	if (rc < 0)
		return rc;
	if (!known.ended_at_ms) {
		*out = STORE_SESSION_GOES_ON;
		return 0;
	}
	return verdict_of_ended(store, &known, out, err);
}

/* -ENOENT: it has ended, or its pool has no such rule. */
static int idle_rule(struct store *store, const char *session, const char *host,
		     char desktop[STORE_ID_SIZE], char user[STORE_USER_SIZE], int64_t *limit_ms,
		     enum pool_idle_action *action, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_SESSION_IDLE_RULE);
	int rc;

	query_text(&q, session);
	query_text(&q, host);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : -ENOENT;
	get_text(&q, desktop, STORE_ID_SIZE);
	get_text(&q, user, STORE_USER_SIZE);
	*limit_ms = get_int(&q);
	get_word(&q, pool_idle_action_parse, action);
	return *limit_ms ? query_sound(&q, err) : -ENOENT;
}

int store_session_idle(struct store *store, const char *session, const char *host, int64_t idle_ms,
		       int64_t now_ms, bool *over, char user[STORE_USER_SIZE], struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	enum pool_idle_action action = POOL_IDLE_DISCONNECT;
	char desktop[STORE_ID_SIZE];
	int64_t limit_ms = 0;
	int rc = idle_rule(store, session, host, desktop, user, &limit_ms, &action, err);

	*over = rc == 0 && idle_ms >= limit_ms;
	if (!*over)
		return rc == -ENOENT ? 0 : rc;
	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = store_session_end(store, session, host, now_ms, err)) < 0)
		return rc;
	if (action == POOL_IDLE_LOGOFF)
		rc = store_desktop_stay_ended(store, desktop, POOL_STAY_LOGOFF, now_ms, err);
	return rc < 0 && rc != -ENOENT ? rc : tx_commit(&tx, err);
}
