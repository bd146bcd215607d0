/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/session/attempt.h"

#include <ctype.h>
#include <errno.h>

#include "broker/audit/audit.h"
#include "broker/factor/claim.h"
#include "broker/session/throttle.h"
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"

#define WAITING_PER_USER 16
#define WAITING_PER_SOURCE 1024
#define RETRY_MS 2000
/* Refusals of a name or password leave at multiples of this after the request came: long enough
 * for any directory, so that no bind (no such name) is not faster than one that failed. */
#define REFUSAL_STEP_MS 250

struct login_gate {
	struct gate *users, *sources;
};

static struct store_throttle_rule rule_of_sources(const struct broker_config *config)
{
	return (struct store_throttle_rule){ config->source_failures, config->failure_window_ms,
					     config->block_ms };
}

/* If all that are under way fail, there are as many failures as the rule allows, and no more. */
static unsigned room_for_source(void *arg, const char *source)
{
	const struct broker *broker = arg;
	struct store_throttle_rule rule = rule_of_sources(broker->config);

	return throttle_source_room(broker->throttle, source, &rule, clock_wall_ms());
}

struct login_gate *login_gate_new(struct broker *broker)
{
	struct login_gate *gate = xnew(struct login_gate);

	gate->users = gate_new(1, WAITING_PER_USER);
	gate->sources = gate_new(WAITING_PER_SOURCE, WAITING_PER_SOURCE);
	if (broker->config->source_failures)
		gate_set_room(gate->sources, room_for_source, broker);
	return gate;
}

void login_gate_free(struct login_gate *gate)
{
	if (!gate)
		return;
	gate_free(gate->users);
	gate_free(gate->sources);
	free(gate);
}

static void leave_gates(struct attempt *a)
{
	gate_leave(a->gate->sources, &a->source_pass);
	gate_leave(a->gate->users, &a->user_pass);
}

static void attempt_free(struct attempt *a)
{
	loop_timer_free(a->delay);
	secret_wipe(&a->password);
	secret_wipe(&a->fresh);
	free(a);
}

void attempt_end(struct attempt *a)
{
	if (a->drop)
		a->drop(a->arg);
	leave_gates(a);
	attempt_free(a);
}

void attempt_refuse(struct attempt *a, enum reason reason, int64_t retry_after_ms)
{
	request_refuse(a->r, reason, retry_after_ms, *a->detail ? a->detail : NULL);
	attempt_end(a);
}

void attempt_refuse_with(struct attempt *a, enum reason reason, json_t *extra)
{
	request_refuse_with(a->r, reason, extra);
	attempt_end(a);
}

void attempt_store_failed(struct attempt *a, int rc, const struct error *err)
{
	request_store_failed(a->r, rc, err);
	attempt_end(a);
}

static void submit(struct attempt *a, state_run_fn *run, state_done_fn *done)
{
	a->job.request = a->r->id;
	if (state_submit(a->r->broker->state, &a->job, run, done) < 0)
		attempt_refuse(a, REASON_BUSY, RETRY_MS);
}

struct store_throttle attempt_throttle(const struct attempt *a)
{
	const struct broker_config *config = a->r->broker->config;

	return (struct store_throttle){
		.user = a->user,
		.source = a->r->source,
		.per_user = { config->user_failures, config->failure_window_ms, config->block_ms },
		.per_source = rule_of_sources(config),
	};
}

int attempt_forgive(struct store *store, const struct attempt *a, struct error *err)
{
	struct store_throttle who = attempt_throttle(a);

	return a->had_failures ? store_throttle_success(store, &who, err) : 0;
}

void attempt_forgiven(struct attempt *a)
{
	struct store_throttle who = attempt_throttle(a);

	throttle_succeeded(a->r->broker->throttle, &who);
}

int attempt_audit(struct store *store, const struct attempt *a, const char *who,
		  const char *subject, enum reason reason, struct error *err)
{
	struct audit row = {
		.who = who,
		.source = a->r->source,
		.what = a->what,
		.reason = reason,
		.denied = reason != REASON_OK,
		.subject = subject,
		.details = json_pack("{s:s}", "client", a->client),
	};

	return audit_append(store, &row, err);
}

/* ---------------------------------------------------------------------------------- a refusal */

static bool counts(const struct attempt *a)
{
	return a->told == REASON_WRONG_CREDENTIALS || factor_is_wrong_code(a->told);
}

static int refusal_run(struct store *store, struct state_job *job, struct error *err)
{
	struct attempt *a = (struct attempt *)job;
	struct store_throttle throttle = attempt_throttle(a);
	int rc = 0;

	a->failed_at_ms = clock_wall_ms();
	if (counts(a))
		rc = store_throttle_fail(store, &throttle, a->failed_at_ms, err);
	return rc < 0 ? rc : attempt_audit(store, a, a->user, "", a->audited, err);
}

static void refuse_late(void *arg)
{
	struct attempt *a = arg;

	attempt_refuse(a, a->told, -1);
}

static void refusal_done(struct state_job *job, int rc, const struct error *err)
{
	struct attempt *a = (struct attempt *)job;
	int64_t took_ms = (clock_monotonic_us() - a->r->began_us) / 1000;

	if (rc < 0) {
		attempt_store_failed(a, rc, err);
		return;
	}
	struct store_throttle who = attempt_throttle(a);
	if (counts(a))
		throttle_failed(a->r->broker->throttle, &who, a->failed_at_ms);
	leave_gates(a);	/* it has been counted: the next one may try */
	a->delay = loop_timer_new(a->r->broker->loop, refuse_late, a);
	loop_timer_start(a->delay, REFUSAL_STEP_MS - took_ms % REFUSAL_STEP_MS);
}

void attempt_fail(struct attempt *a, enum reason told, enum reason audited)
{
	a->told = told;
	a->audited = audited;
	submit(a, refusal_run, refusal_done);
}

static void on_directory(void *arg, const struct directory_answer *answer)
{
	struct attempt *a = arg;
	struct store_throttle who;

	secret_wipe(&a->password);
	secret_wipe(&a->fresh);
	a->r->search_us = answer->search_us;
	a->r->bind_us = answer->bind_us;
	a->r->groups_us = answer->groups_us;
	if (answer->verdict != DIRECTORY_OK && *answer->reason.text)
		log_info("login_refused", kv_str("request", a->r->id), kv_str("user", a->user),
			 kv_str("server", answer->server), kv_error(&answer->reason));
	if (answer->groups_cut)
		log_warn("groups_cut", kv_str("request", a->r->id), kv_str("user", a->user),
			 kv_int("groups", (int64_t)answer->person.group_count));

	switch (answer->verdict) {
	case DIRECTORY_OK:
		who = attempt_throttle(a);
		a->had_failures = throttle_has_failures(a->r->broker->throttle, &who);
		a->granted(a, answer);
		return;
	case DIRECTORY_UNREACHABLE:
		attempt_refuse(a, REASON_DIRECTORY_UNREACHABLE, RETRY_MS);
		return;
	case DIRECTORY_BUSY:
		attempt_refuse(a, REASON_BUSY, answer->retry_after_ms);
		return;
	case DIRECTORY_BAD_PASSWORD:
		if (str_copy(a->detail, sizeof(a->detail), answer->reason.text) < 0)
			a->detail[0] = '\0';
		/* fall through */
	case DIRECTORY_REFUSED:
	case DIRECTORY_DISABLED:
	case DIRECTORY_EXPIRED:
	case DIRECTORY_CHANGE_PASSWORD:
	case DIRECTORY_LOCKED:
		attempt_fail(a, directory_reason(answer->verdict),
			     directory_audit_reason(answer->verdict));
	}
}

/* ----------------------------------------------------------------------------- on the way there */

static void ask_directory(struct attempt *a)
{
	struct directory *directory = a->r->broker->directory;

	switch (a->kind) {
	case ATTEMPT_LOGIN:
		directory_login(directory, a->user, &a->password, on_directory, a);
		break;
	case ATTEMPT_CHANGE_PASSWORD:
		directory_change_password(directory, a->user, &a->password, &a->fresh,
					  on_directory, a);
		break;
	case ATTEMPT_SECOND_FACTOR:
		directory_lookup(directory, a->id, on_directory, a);
		break;
	}
}

static void past_source_gate(void *arg)
{
	struct attempt *a = arg;
	struct store_throttle who = attempt_throttle(a);
	int64_t wait_ms = throttle_wait_ms(a->r->broker->throttle, &who, clock_wall_ms());

	if (wait_ms > 0)
		attempt_refuse(a, REASON_THROTTLED, wait_ms);
	else
		ask_directory(a);
}

static void past_user_gate(void *arg)
{
	struct attempt *a = arg;
	int rc = gate_enter(a->gate->sources, a->r->source, &a->source_pass, past_source_gate, a);

	if (rc == 0)
		past_source_gate(a);
	else if (rc < 0)
		attempt_refuse(a, REASON_BUSY, RETRY_MS);
}

/* ------------------------------------------------------------------------------------ the request */

static int read_secret(const json_t *body, const char *name, struct secret *out, struct error *err)
{
	const json_t *text = json_object_get(body, name);

	if (json_is_string(text) &&
	    secret_set(out, span_of(json_string_value(text), json_string_length(text))) == 0)
		return 0;
	return error_set(err, EINVAL, "%s: must be a text of at most %d bytes", name, SECRET_MAX);
}

/* For the audit log only: what the client says it is. */
static void read_client(const json_t *body, char *out, size_t size)
{
	const json_t *client = NULL;
	OWNED(buf_done) struct buf text = BUF_LIMIT(1024);
	char name[48], version[48];

	if (json_get_object(body, "client", &client, NULL) < 0 ||
	    json_get_text_or(client, "name", "", name, sizeof(name), NULL) < 0 ||
	    json_get_text_or(client, "version", "", version, sizeof(version), NULL) < 0)
		return;
	buf_printf(&text, "%s %s", name, version);
	if (str_copy(out, size, buf_text(&text)) < 0)
		out[0] = '\0';
}

static void fold_user(struct attempt *a)
{
	for (size_t i = 0; a->user[i]; i++)
		a->key[i] = (char)tolower((unsigned char)a->user[i]);
}

static int read_body(struct attempt *a, const json_t *body, struct error *err)
{
	int rc = json_get_text(body, "user", a->user, sizeof(a->user), err);

	if (rc == 0 && !*a->user)
		rc = error_set(err, EINVAL, "user: must not be empty");
	if (rc == 0)
		rc = read_secret(body, "password", &a->password, err);
	if (rc == 0 && a->kind == ATTEMPT_CHANGE_PASSWORD)
		rc = read_secret(body, "new_password", &a->fresh, err);
	if (rc < 0)
		return rc;
	read_client(body, a->client, sizeof(a->client));
	fold_user(a);
	return 0;
}

struct attempt *attempt_new(struct request *r, enum attempt_kind kind, const char *what)
{
	const json_t *body = request_body(r);
	struct error err = { 0 };

	if (!body)
		return NULL;
	struct attempt *a = xnew(struct attempt);
	a->r = r;
	a->gate = r->broker->gate;
	a->kind = kind;
	a->what = what;
	if (read_body(a, body, &err) < 0) {
		attempt_free(a);
		request_refuse(r, REASON_BAD_REQUEST, -1, err.text);
		return NULL;
	}
	memcpy(r->who, a->user, sizeof(r->who));
	return a;
}

struct attempt *attempt_of_person(struct request *r, const char *what, const char *user,
				  const char *id, const json_t *body)
{
	struct attempt *a = xnew(struct attempt);

	a->r = r;
	a->gate = r->broker->gate;
	a->kind = ATTEMPT_SECOND_FACTOR;
	a->what = what;
	memcpy(a->user, user, strlen(user) + 1);	/* from an attempt of the same sizes */
	memcpy(a->id, id, strlen(id) + 1);
	read_client(body, a->client, sizeof(a->client));
	fold_user(a);
	memcpy(r->who, a->user, sizeof(r->who));
	return a;
}

void attempt_begin(struct attempt *a, attempt_fn *granted, attempt_drop_fn *drop, void *arg)
{
	a->granted = granted;
	a->drop = drop;
	a->arg = arg;
	int rc = gate_enter(a->gate->users, a->key, &a->user_pass, past_user_gate, a);

	if (rc == 0)
		past_user_gate(a);
	else if (rc < 0)
		attempt_refuse(a, REASON_BUSY, RETRY_MS);
}
