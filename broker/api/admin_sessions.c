/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/admin.h"

#include <string.h>

#include "common/sys/clock.h"

#define ROWS_DEFAULT 100
#define ROWS_MAX 10000

/* ?limit=N */
static size_t read_limit(struct request *r)
{
	struct http_exchange *x = request_exchange(r);
	const char *text = x ? http_query(x, "limit") : NULL;
	long value = text ? strtol(text, NULL, 10) : ROWS_DEFAULT;

	return value < 1 ? 1 : value > ROWS_MAX ? ROWS_MAX : (size_t)value;
}

static bool read_flag(struct request *r, const char *name)
{
	struct http_exchange *x = request_exchange(r);
	const char *text = x ? http_query(x, name) : NULL;

	return text && strcmp(text, "0") != 0;
}

struct rows_input {
	size_t limit;
	bool flag;	/* sessions: ended ones too; audit: refusals only */
};

static void ask_rows(struct request *r, const char *flag, admin_run_fn *run)
{
	struct rows_input *input = xnew(struct rows_input);

	input->limit = read_limit(r);
	input->flag = read_flag(r, flag);
	admin_ask(r, run, input, free);
}

static json_t *session_json(const struct store_session *s)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "id", s->id, "user",
			 s->user_name, "desktop", s->desktop, "desktop_name", s->desktop_name,
			 "pool", s->pool, "host", s->host, "client_address", s->client_address,
			 "began_at_ms", (json_int_t)s->began_at_ms, "active_at_ms",
			 (json_int_t)s->active_at_ms, "ended_at_ms", (json_int_t)s->ended_at_ms);
}

static int sessions_run(struct store *store, struct admin_job *a, struct error *err)
{
	const struct rows_input *input = a->input;
	OWNED(store_session_list_done) struct store_session_list list = { 0 };
	json_t *sessions = json_array();
	int rc = store_sessions(store, input->flag, input->limit, &list, err);

	for (size_t i = 0; i < list.count; i++)
		json_array_append_new(sessions, session_json(&list.items[i]));
	a->answer = json_pack("{s:o}", "sessions", sessions);
	return rc;
}

void admin_sessions_list(struct request *r)
{
	ask_rows(r, "all", sessions_run);
}

static json_t *audit_json(const struct store_audit_row *row)
{
	json_t *details = json_loads(*row->details ? row->details : "{}", 0, NULL);

	return json_pack("{s:I, s:I, s:b, s:s, s:s, s:s, s:s, s:s, s:o}", "id", (json_int_t)row->id,
			 "at_ms", (json_int_t)row->at_ms, "denied", row->denied, "who", row->who,
			 "source", row->source, "what", row->what, "code", row->code, "subject",
			 row->subject, "details", details ? details : json_object());
}

static int audit_run(struct store *store, struct admin_job *a, struct error *err)
{
	const struct rows_input *input = a->input;
	OWNED(store_audit_list_done) struct store_audit_list list = { 0 };
	json_t *rows = json_array();
	int rc = store_audit_rows(store, input->flag, input->limit, &list, err);

	for (size_t i = 0; i < list.count; i++)
		json_array_append_new(rows, audit_json(&list.items[i]));
	a->answer = json_pack("{s:o}", "audit", rows);
	return rc;
}

void admin_audit_list(struct request *r)
{
	ask_rows(r, "denied", audit_run);
}

static int revoke_run(struct store *store, struct admin_job *a, struct error *err)
{
	struct store_revoked revoked = { 0 };
	int rc = store_revoke_all(store, clock_wall_ms(), &revoked, err);

	if (rc < 0)
		return rc;
	a->answer = json_pack("{s:I, s:I, s:I}", "logins", (json_int_t)revoked.logins, "tickets",
			      (json_int_t)revoked.tickets, "tokens", (json_int_t)revoked.tokens);
	return admin_audit(store, a, "revoke_all", "", json_incref(a->answer), err);
}

void admin_revoke_all(struct request *r)
{
	admin_ask(r, revoke_run, NULL, NULL);
}
