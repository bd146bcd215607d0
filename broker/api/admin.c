/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/admin.h"

#include <errno.h>

#include "broker/events/events.h"
#include "broker/session/notices.h"
#include "broker/session/session_watch.h"
#include "common/base/text.h"

static void admin_free(struct admin_job *a)
{
	if (a->input && a->free_input)
		a->free_input(a->input);
	json_decref(a->answer);
	free(a);
}

static int admin_run(struct store *store, struct state_job *job, struct error *err)
{
	struct admin_job *a = (struct admin_job *)job;
	const struct order_key *key = &a->r->key;
	enum order_seen seen = ORDER_NEW;
	int rc = key->given ? order_key_find(store, key, a->r->peer, &seen, &a->answer, err) : 0;

	if (rc < 0)
		return rc;
	a->again = seen == ORDER_AGAIN;
	if (seen == ORDER_OTHER)
		return admin_refuse(a, REASON_ORDER_KEY, NULL);
	if (seen == ORDER_AGAIN)
		return 0;
	rc = a->run(store, a, err);
	return rc == 0 && key->given && a->refused == REASON_OK
		       ? order_key_keep(store, key, a->r->peer, a->answer, err)
		       : rc;
}

static void admin_done(struct state_job *job, int rc, const struct error *err)
{
	struct admin_job *a = (struct admin_job *)job;

	if (rc == 0 && a->ended_sessions)
		session_watch_changed(a->r->broker->watch, NULL);
	if (rc == 0 && a->ended_logins)
		events_end_all(a->r->broker->events);
	if (rc == 0 && a->notice)
		notices_deliver(a->r->broker->notices, a->notice);
	struct http_exchange *x = request_exchange(a->r);

	if (rc == 0 && *a->etag && x)
		http_reply_header(x, "ETag", a->etag);
	if (rc == 0 && a->again && x)
		http_reply_header(x, "Idempotent-Replayed", "true");
	if (rc < 0)
		request_store_failed(a->r, rc, err);
	else if (a->refused != REASON_OK)
		request_refuse(a->r, a->refused, -1, *a->detail ? a->detail : NULL);
	else
		request_reply(a->r, a->answer ? 200 : 204, json_incref(a->answer));
	admin_free(a);
}

static int look_run(struct store *store, struct state_job *job, struct error *err)
{
	struct admin_job *a = (struct admin_job *)job;

	return a->run(store, a, err);
}

static struct admin_job *admin_new(struct request *r, admin_run_fn *run, void *input,
				   void (*free_input)(void *))
{
	struct admin_job *a = xnew(struct admin_job);

	a->r = r;
	a->run = run;
	a->input = input;
	a->free_input = free_input;
	return a;
}

void admin_ask(struct request *r, admin_run_fn *run, void *input, void (*free_input)(void *))
{
	struct admin_job *a = admin_new(r, run, input, free_input);

	if (request_submit(r, &a->job, admin_run, admin_done) < 0)
		admin_free(a);
}

void admin_look(struct request *r, admin_run_fn *run, void *input, void (*free_input)(void *))
{
	struct admin_job *a = admin_new(r, run, input, free_input);

	if (request_read(r, &a->job, look_run, admin_done) < 0)
		admin_free(a);
}

int admin_refuse(struct admin_job *a, enum reason reason, const char *detail)
{
	a->refused = reason;
	if (detail && str_copy(a->detail, sizeof(a->detail), detail) < 0)
		a->detail[0] = '\0';
	return 0;
}

int admin_refuse_scope(struct store *store, struct admin_job *a, const char *what,
		       struct error *err)
{
	struct audit row = {
		.who = a->r->peer,
		.source = a->r->source,
		.what = what,
		.subject = a->r->argument,
		.reason = REASON_FORBIDDEN,
		.denied = true,
	};

	admin_refuse(a, REASON_FORBIDDEN, "This pool is another department's.");
	return audit_append(store, &row, err);
}

int admin_audit(struct store *store, struct admin_job *a, const char *what, const char *subject,
		json_t *details, struct error *err)
{
	struct audit row = {
		.who = a->r->peer,
		.source = a->r->source,
		.what = what,
		.subject = subject,
		.reason = REASON_OK,
		.details = details,
	};

	return audit_append(store, &row, err);
}
