/* SPDX-License-Identifier: Apache-2.0 */
/* Removable storage for one user for some hours. One administrator asks, another approves: who is
 * who says the name in the client certificate. */
#include "broker/api/admin.h"

#include <errno.h>

#include "broker/session/exceptions.h"
#include "common/base/text.h"
#include "common/sys/clock.h"

struct list_input {
	bool all;
};

static int list_run(struct store *store, struct admin_job *a, struct error *err)
{
	const struct list_input *input = a->input;
	OWNED(store_exception_list_done) struct store_exception_list list = { 0 };
	json_t *exceptions = json_array();
	int rc = store_exceptions(store, input->all, &list, err);

	for (size_t i = 0; i < list.count; i++)
		json_array_append_new(exceptions, exceptions_json(&list.items[i]));
	a->answer = json_pack("{s:o}", "exceptions", exceptions);
	return rc;
}

void admin_exceptions_list(struct request *r)
{
	struct list_input *input = xnew(struct list_input);
	struct http_exchange *x = request_exchange(r);
	const char *all = x ? http_query(x, "all") : NULL;

	input->all = all && strcmp(all, "0") != 0;
	admin_look(r, list_run, input, free);
}

static void answer_with(struct admin_job *a, const struct store_exception *e)
{
	a->answer = json_pack("{s:o}", "exception", exceptions_json(e));
}

static int show_run(struct store *store, struct admin_job *a, struct error *err)
{
	struct store_exception e;
	int rc = store_exception_find(store, a->r->argument, &e, err);

	if (rc == 0)
		answer_with(a, &e);
	return rc;
}

void admin_exception_show(struct request *r)
{
	admin_look(r, show_run, NULL, NULL);
}

/* ---- Asking ---- */

struct request_input {
	char user[STORE_USER_SIZE], pool[POOL_NAME_SIZE], device[16], reason[STORE_TEXT_SIZE];
	int64_t duration_ms;
};

static int read_request(const json_t *body, struct request_input *out, struct error *err)
{
	int rc = json_get_text(body, "user", out->user, sizeof(out->user), err);

	if (rc == 0)
		rc = json_get_text(body, "pool", out->pool, sizeof(out->pool), err);
	if (rc == 0)
		rc = json_get_text_or(body, "device", "drive", out->device, sizeof(out->device), err);
	if (rc == 0)
		rc = json_get_text(body, "reason", out->reason, sizeof(out->reason), err);
	if (rc == 0)
		rc = json_get_int(body, "duration_ms", EXCEPTION_MIN_MS, EXCEPTION_MAX_MS,
				  &out->duration_ms, err);
	if (rc == 0 && !exception_device_valid(out->device))
		rc = error_set(err, EINVAL, "device: only drive can be allowed");
	if (rc == 0 && strspn(out->reason, " \t") == strlen(out->reason))
		rc = error_set(err, EINVAL, "reason: say why; it is kept in the audit log");
	return rc;
}

static int request_run(struct store *store, struct admin_job *a, struct error *err)
{
	const struct request_input *input = a->input;
	const struct store_exception_request wanted = {
		.user = input->user,
		.pool = input->pool,
		.device = input->device,
		.reason = input->reason,
		.by = a->r->peer,
		.duration_ms = input->duration_ms,
		.now_ms = clock_wall_ms(),
	};
	struct error why = { 0 };
	struct store_exception e;
	int rc = store_exception_request(store, &wanted, &e, &why);

	if (rc == -ENOENT)
		return admin_refuse(a, REASON_NOT_FOUND, why.text);
	if (rc < 0) {
		*err = why;
		return rc;
	}
	answer_with(a, &e);
	return exceptions_audit(store, &e, "exception_requested", a->r->peer, a->r->source, "", err);
}

void admin_exception_request(struct request *r)
{
	const json_t *body = request_body(r);
	struct error err = { 0 };

	if (!body)
		return;
	struct request_input *input = xnew(struct request_input);
	if (read_request(body, input, &err) < 0) {
		free(input);
		request_refuse(r, REASON_BAD_REQUEST, -1, err.text);
		return;
	}
	admin_ask(r, request_run, input, free);
}

/* ---- Deciding ---- */

typedef int decide_fn(struct store *store, const char *id, const char *by, int64_t now_ms,
		      enum reason *reason, struct store_exception *out, struct error *err);

/* A refused attempt is in the log as well: somebody tried to approve their own wish. */
static int audit_refused(struct store *store, struct admin_job *a, const char *what,
			 const struct store_exception *e, enum reason reason, struct error *err)
{
	struct audit row = {
		.who = a->r->peer,
		.source = a->r->source,
		.what = what,
		.subject = e->id,
		.reason = reason,
		.denied = true,
		.details = json_pack("{s:s, s:s, s:s}", "user", e->user_name, "pool", e->pool,
				     "requested_by", e->requested_by),
	};

	return audit_append(store, &row, err);
}

static int decide(struct store *store, struct admin_job *a, decide_fn *fn, const char *what,
		  struct error *err)
{
	struct store_exception e;
	enum reason reason;
	int rc = fn(store, a->r->argument, a->r->peer, clock_wall_ms(), &reason, &e, err);

	if (rc < 0)
		return rc;
	if (reason != REASON_OK) {
		admin_refuse(a, reason, NULL);
		return audit_refused(store, a, what, &e, reason, err);
	}
	answer_with(a, &e);
	return exceptions_audit(store, &e, what, a->r->peer, a->r->source, "", err);
}

static int approve_run(struct store *store, struct admin_job *a, struct error *err)
{
	return decide(store, a, store_exception_approve, "exception_approved", err);
}

static int revoke_run(struct store *store, struct admin_job *a, struct error *err)
{
	a->ended_sessions = true;
	return decide(store, a, store_exception_revoke, "exception_revoked", err);
}

void admin_exception_approve(struct request *r)
{
	admin_ask(r, approve_run, NULL, NULL);
}

void admin_exception_revoke(struct request *r)
{
	admin_ask(r, revoke_run, NULL, NULL);
}
