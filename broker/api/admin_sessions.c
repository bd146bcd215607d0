/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/admin.h"

#include <stdio.h>
#include <string.h>

#include "broker/session/session_watch.h"
#include "common/base/text.h"
#include "common/sys/clock.h"

#define ROWS_DEFAULT 100
#define SESSIONS_MAX 1000000

/* With idle time and bytes while it runs, once its relay has told them. */
static json_t *session_json(const struct store_session *s, const json_t *usage)
{
	const json_t *used = json_object_get(usage, s->id);
	json_t *session = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "id", s->id, "user",
			 s->user_name, "desktop", s->desktop, "desktop_name", s->desktop_name,
			 "pool", s->pool, "host", s->host, "client_address", s->client_address,
			 "began_at_ms", (json_int_t)s->began_at_ms, "active_at_ms",
			 (json_int_t)s->active_at_ms, "ended_at_ms", (json_int_t)s->ended_at_ms);

	if (used && !s->ended_at_ms)
		json_object_update(session, (json_t *)used);
	return session;
}

/* A session's place in the list: when it began, and its id. */
static void put_cursor(struct admin_job *a, const struct store_session *s)
{
	char cursor[48];

	snprintf(cursor, sizeof(cursor), "%lld-%s", (long long)s->began_at_ms, s->id);
	admin_page_next(a, cursor);
}

/* ?limit=N&cursor=C&all=1&pool=NAME&text=TEXT */
static int sessions_run(struct store *store, struct admin_job *a, struct error *err)
{
	const struct admin_page *page = a->input;
	OWNED(store_session_list_done) struct store_session_list list = { 0 };
	const char *dash = strchr(page->cursor, '-');
	struct store_session_query wanted = { .all = page->flag, .pool = page->pool,
					      .text = page->text, .limit = page->limit,
					      .before_ms = strtoll(page->cursor, NULL, 10),
					      .after_id = dash ? dash + 1 : "" };
	json_t *sessions = json_array();
	int rc = store_sessions_page(store, &wanted, &list, err);

	for (size_t i = 0; i < list.count; i++)
		if (request_may_pool(a->r, list.items[i].pool))
			json_array_append_new(sessions, session_json(&list.items[i], page->usage));
	a->answer = json_pack("{s:o}", "sessions", sessions);
	if (list.count == page->limit)
		put_cursor(a, &list.items[list.count - 1]);
	return rc;
}

void admin_sessions_list(struct request *r)
{
	admin_look_page(r, ROWS_DEFAULT, sessions_run);
}

static json_t *audit_json(const struct store_audit_row *row)
{
	json_t *details = json_loads(*row->details ? row->details : "{}", 0, NULL);

	return json_pack("{s:I, s:I, s:b, s:s, s:s, s:s, s:s, s:s, s:o}", "id", (json_int_t)row->id,
			 "at_ms", (json_int_t)row->at_ms, "denied", row->denied, "who", row->who,
			 "source", row->source, "what", row->what, "code", row->code, "subject",
			 row->subject, "details", details ? details : json_object());
}

/* ?limit=N&cursor=ID&denied=1&user=NAME&pool=NAME&since_ms=N */
static int audit_run(struct store *store, struct admin_job *a, struct error *err)
{
	const struct admin_page *page = a->input;
	OWNED(store_audit_list_done) struct store_audit_list list = { 0 };
	char cursor[24];
	const struct store_audit_query wanted = {
		.denied_only = page->flag,
		.since_ms = page->since_ms,
		.who = page->user,
		.pool = page->pool,
		.before = strtoll(page->cursor, NULL, 10),
		.limit = page->limit,
	};

	if (*page->pool && !pool_name_valid(page->pool))
		return admin_refuse(a, REASON_BAD_REQUEST, "pool: is not a name");
	int rc = store_audit_search(store, &wanted, &list, err);
	json_t *rows = json_array();

	for (size_t i = 0; i < list.count; i++)
		json_array_append_new(rows, audit_json(&list.items[i]));
	a->answer = json_pack("{s:o}", "audit", rows);
	if (list.count == page->limit) {
		snprintf(cursor, sizeof(cursor), "%lld", (long long)list.items[list.count - 1].id);
		admin_page_next(a, cursor);
	}
	return rc;
}

void admin_audit_list(struct request *r)
{
	admin_look_page(r, ROWS_DEFAULT, audit_run);
}

#define EXPORT_ROWS 1000

/* Details as they were written: their text is what the chain is about. */
static int export_run(struct store *store, struct admin_job *a, struct error *err)
{
	OWNED(store_audit_list_done) struct store_audit_list list = { 0 };
	const int64_t *after = a->input;
	json_t *rows = json_array();
	int rc = store_audit_after(store, *after, EXPORT_ROWS, &list, err);

	for (size_t i = 0; i < list.count; i++) {
		const struct store_audit_row *row = &list.items[i];
		json_t *out = audit_json(row);

		json_object_set_new(out, "details", json_string(row->details));
		json_object_set_new(out, "previous_sha256", json_string(row->previous_sha256));
		json_object_set_new(out, "sha256", json_string(row->sha256));
		json_array_append_new(rows, out);
	}
	a->answer = json_pack("{s:o}", "audit", rows);
	return rc;
}

void admin_audit_export(struct request *r)
{
	struct http_exchange *x = request_exchange(r);
	const char *text = x ? http_query(x, "after") : NULL;
	int64_t *after = xnew(int64_t);

	*after = text ? strtoll(text, NULL, 10) : 0;
	admin_look(r, export_run, after, free);
}

static int end_run(struct store *store, struct admin_job *a, struct error *err)
{
	struct store_session session;
	int rc = store_session_find(store, a->r->argument, &session, err);

	if (rc == 0 && !request_may_pool(a->r, session.pool))
		return admin_refuse_scope(store, a, "session_end", err);
	if (rc == 0 && !session.ended_at_ms)
		rc = store_session_end(store, session.id, session.host, clock_wall_ms(), err);
	if (rc < 0)
		return rc;
	a->ended_sessions = true;
	return admin_audit(store, a, "session_end", session.id,
			   json_pack("{s:s, s:s}", "user", session.user_name, "desktop",
				     session.desktop_name),
			   err);
}

void admin_session_end(struct request *r)
{
	admin_ask(r, end_run, NULL, NULL);
}

/* Tickets and logins have ended by now: no new session can begin. */
static int end_all(struct store *store, int64_t *count, struct error *err)
{
	OWNED(store_session_list_done) struct store_session_list list = { 0 };
	int rc = store_sessions(store, false, SESSIONS_MAX, &list, err);

	*count = 0;
	for (size_t i = 0; i < list.count && rc >= 0; i++, ++*count)
		rc = store_session_end(store, list.items[i].id, list.items[i].host,
				       clock_wall_ms(), err);
	return rc;
}

static int revoke_run(struct store *store, struct admin_job *a, struct error *err)
{
	struct store_revoked revoked = { 0 };
	int64_t sessions = 0;
	int rc = store_revoke_all(store, clock_wall_ms(), &revoked, err);

	if (rc == 0)
		rc = end_all(store, &sessions, err);
	if (rc < 0)
		return rc;
	a->ended_sessions = true;
	a->ended_logins = true;
	a->answer = json_pack("{s:I, s:I, s:I, s:I}", "logins", (json_int_t)revoked.logins,
			      "tickets", (json_int_t)revoked.tickets, "tokens",
			      (json_int_t)revoked.tokens, "sessions", (json_int_t)sessions);
	return admin_audit(store, a, "revoke_all", "", json_incref(a->answer), err);
}

void admin_revoke_all(struct request *r)
{
	admin_ask(r, revoke_run, NULL, NULL);
}
