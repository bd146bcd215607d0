/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/session/login.h"

#include <ctype.h>
#include <errno.h>

#include "broker/audit/audit.h"
#include "broker/session/connect.h"
#include "broker/session/entitled.h"
#include "broker/session/gate.h"
#include "broker/session/token.h"
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"

#define WAITING_PER_USER 16
#define WAITING_PER_SOURCE 1024
#define RETRY_MS 2000

struct login_gate {
	struct gate *users, *sources;
};

struct login {
	struct state_job job;	/* first: jobs are cast back */
	struct request *r;
	struct gate_pass user_pass, source_pass;
	char user[STORE_USER_SIZE], key[STORE_USER_SIZE];	/* typed, and folded */
	char client[128];
	struct secret password;

	int64_t retry_after_ms;
	struct directory_person person;
	struct store_user stored;
	enum reason refused;		/* what a refusal is remembered as */
	int64_t began_assign_us;
	struct token token;
	bool entitled;
	json_t *entries;
	struct connect_outcome *connect;	/* with exactly one pool */
};

struct login_gate *login_gate_new(const struct broker_config *config)
{
	struct login_gate *gate = xnew(struct login_gate);
	unsigned per_source = (unsigned)config->source_failures;

	gate->users = gate_new(1, WAITING_PER_USER);
	gate->sources = gate_new(per_source ? per_source : WAITING_PER_SOURCE, WAITING_PER_SOURCE);
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

/* After the answer: frees everything but the request, which went with the answer. */
static void login_end(struct login *l, struct login_gate *gate)
{
	gate_leave(gate->sources, &l->source_pass);
	gate_leave(gate->users, &l->user_pass);
	secret_wipe(&l->password);
	token_wipe(&l->token);
	if (l->connect)
		token_wipe(&l->connect->secret);
	free(l->connect);
	json_decref(l->entries);
	directory_person_done(&l->person);
	free(l);
}

static void refuse(struct login *l, enum reason reason, int64_t retry_after_ms)
{
	struct login_gate *gate = l->r->broker->gate;

	request_refuse(l->r, reason, retry_after_ms, NULL);
	login_end(l, gate);
}

static void store_failed(struct login *l, int rc, const struct error *err)
{
	struct login_gate *gate = l->r->broker->gate;

	request_store_failed(l->r, rc, err);
	login_end(l, gate);
}

static void submit(struct login *l, state_run_fn *run, state_done_fn *done)
{
	if (state_submit(l->r->broker->state, &l->job, run, done) < 0)
		refuse(l, REASON_BUSY, RETRY_MS);
}

static struct store_throttle throttle_of(const struct login *l)
{
	const struct broker_config *config = l->r->broker->config;

	return (struct store_throttle){
		.user = l->user,
		.source = l->r->source,
		.per_user = { config->user_failures, config->failure_window_ms, config->block_ms },
		.per_source = { config->source_failures, config->failure_window_ms,
				config->block_ms },
	};
}

static int append_audit(struct store *store, struct login *l, enum reason reason, bool denied,
			struct error *err)
{
	struct audit row = {
		.who = *l->stored.name ? l->stored.name : l->user,
		.source = l->r->source,
		.what = "login",
		.reason = reason,
		.denied = denied,
		.subject = l->connect ? l->connect->desktop.id : "",
		.details = json_pack("{s:s, s:s}", "request", l->r->id, "client", l->client),
	};

	return audit_append(store, &row, err);
}

/* ------------------------------------------------------------------------------ 5. the grant */

static int connect_only_pool(struct store *store, struct login *l, const struct pool *pool,
			     struct error *err)
{
	const struct broker_config *config = l->r->broker->config;
	struct connect_ask ask = {
		.user = l->stored,
		.replace_failed = true,
		.ticket_ms = config->ticket_ms,
		.host_silent_ms = config->host_silent_ms,
	};

	memcpy(ask.pool, pool->name, sizeof(ask.pool));
	int rc = str_copy(ask.client_address, sizeof(ask.client_address), l->r->source);
	if (rc < 0)
		return rc;
	l->connect = xnew(struct connect_outcome);
	return connect_run(store, &ask, l->connect, &l->job.touched, err);
}

static int create_session(struct store *store, struct login *l, struct error *err)
{
	int64_t now_ms = clock_wall_ms();
	struct store_login session = {
		.created_at_ms = now_ms,
		.expires_at_ms = now_ms + l->r->broker->config->session_ms,
	};

	token_new(&l->token);
	memcpy(session.token_sha256, l->token.hash, sizeof(session.token_sha256));
	memcpy(session.user_key, l->stored.key, sizeof(session.user_key));
	int rc = str_copy(session.client_address, sizeof(session.client_address), l->r->source);
	return rc < 0 ? rc : store_login_session_create(store, &session, err);
}

static int grant_run(struct store *store, struct state_job *job, struct error *err)
{
	struct login *l = (struct login *)job;
	OWNED(entitled_done) struct entitled entitled = { 0 };
	struct store_throttle throttle = throttle_of(l);
	int rc = store_throttle_success(store, &throttle, err);
	if (rc == 0)
		rc = store_user_upsert(store, &l->stored, clock_wall_ms(), err);
	if (rc == 0)
		rc = entitled_find(store, &l->person, &entitled, err);
	if (rc < 0)
		return rc;
	l->entitled = entitled.count > 0;
	if (!l->entitled)
		return append_audit(store, l, REASON_NOT_ENTITLED, true, err);

	if (entitled.count == 1)
		rc = connect_only_pool(store, l, entitled_pool(&entitled, 0), err);
	if (rc == 0)
		rc = create_session(store, l, err);
	if (rc == 0)
		rc = entitled_json(store, &entitled, l->stored.key, &l->entries, err);
	if (rc == 0)
		rc = append_audit(store, l, REASON_OK, false, err);
	return rc;
}

static json_t *timing_json(const struct request *r)
{
	int64_t total_us = clock_monotonic_us() - r->began_us;

	return json_pack("{s:f, s:f, s:f, s:f, s:f}", "search_ms", (double)r->search_us / 1e3,
			 "bind_ms", (double)r->bind_us / 1e3, "groups_ms",
			 (double)r->groups_us / 1e3, "assign_ms", (double)r->assign_us / 1e3,
			 "total_ms", (double)total_us / 1e3);
}

static bool can_connect(const struct connect_outcome *connect)
{
	return connect && (connect->reason == REASON_OK || connect_is_wait(connect->reason));
}

static void grant_done(struct state_job *job, int rc, const struct error *err)
{
	struct login *l = (struct login *)job;
	struct login_gate *gate = l->r->broker->gate;

	if (rc < 0) {
		store_failed(l, rc, err);
		return;
	}
	if (!l->entitled) {
		refuse(l, REASON_NOT_ENTITLED, -1);
		return;
	}
	l->r->assign_us = clock_monotonic_us() - l->began_assign_us;
	json_t *body = json_pack("{s:s, s:s, s:s, s:O, s:o}", "token", l->token.text, "user",
				 l->stored.name, "display_name", l->stored.display_name,
				 "desktops", l->entries, "timing", timing_json(l->r));
	if (can_connect(l->connect))
		json_object_set_new(body, "connect", connect_json(l->connect));
	request_reply(l->r, 200, body);
	login_end(l, gate);
}

/* ---------------------------------------------------------------------------- 4. the verdict */

static int refusal_run(struct store *store, struct state_job *job, struct error *err)
{
	struct login *l = (struct login *)job;
	struct store_throttle throttle = throttle_of(l);
	int rc = 0;

	if (l->refused == REASON_WRONG_CREDENTIALS)
		rc = store_throttle_fail(store, &throttle, clock_wall_ms(), err);
	return rc < 0 ? rc : append_audit(store, l, l->refused, true, err);
}

static void refusal_done(struct state_job *job, int rc, const struct error *err)
{
	struct login *l = (struct login *)job;

	if (rc < 0)
		store_failed(l, rc, err);
	else
		refuse(l, l->refused, -1);
}

static void remember_refusal(struct login *l, enum reason reason)
{
	l->refused = reason;
	submit(l, refusal_run, refusal_done);
}

static void grant(struct login *l, const struct directory_person *person)
{
	directory_person_copy(person, &l->person);
	if (user_of_person(person, &l->stored) < 0) {
		log_warn("login_unusable_entry", kv_str("request", l->r->id));
		remember_refusal(l, REASON_WRONG_CREDENTIALS);
		return;
	}
	l->began_assign_us = clock_monotonic_us();
	submit(l, grant_run, grant_done);
}

static void on_directory(void *arg, const struct directory_answer *answer)
{
	struct login *l = arg;

	secret_wipe(&l->password);
	l->r->search_us = answer->search_us;
	l->r->bind_us = answer->bind_us;
	l->r->groups_us = answer->groups_us;
	if (answer->verdict != DIRECTORY_OK && *answer->reason.text)
		log_info("login_refused", kv_str("request", l->r->id), kv_str("user", l->user),
			 kv_str("server", answer->server),
			 kv_error(&answer->reason));

	switch (answer->verdict) {
	case DIRECTORY_OK:
		grant(l, &answer->person);
		return;
	case DIRECTORY_REFUSED:
		remember_refusal(l, REASON_WRONG_CREDENTIALS);
		return;
	case DIRECTORY_DISABLED:
		remember_refusal(l, REASON_ACCOUNT_DISABLED);
		return;
	case DIRECTORY_UNREACHABLE:
		refuse(l, REASON_DIRECTORY_UNREACHABLE, RETRY_MS);
		return;
	case DIRECTORY_BUSY:
		refuse(l, REASON_BUSY, RETRY_MS);
		return;
	}
	abort();
}

/* ------------------------------------------------------------------ 3. throttle, 2. gates, 1. */

static int throttle_run(struct store *store, struct state_job *job, struct error *err)
{
	struct login *l = (struct login *)job;
	struct store_throttle throttle = throttle_of(l);

	return store_throttle_check(store, &throttle, clock_wall_ms(), &l->retry_after_ms, err);
}

static void throttle_done(struct state_job *job, int rc, const struct error *err)
{
	struct login *l = (struct login *)job;

	if (rc < 0)
		store_failed(l, rc, err);
	else if (l->retry_after_ms > 0)
		refuse(l, REASON_THROTTLED, l->retry_after_ms);
	else
		directory_login(l->r->broker->directory, l->user, &l->password, on_directory, l);
}

static void past_source_gate(void *arg)
{
	submit(arg, throttle_run, throttle_done);
}

static void past_user_gate(void *arg)
{
	struct login *l = arg;
	int rc = gate_enter(l->r->broker->gate->sources, l->r->source, &l->source_pass,
			    past_source_gate, l);

	if (rc == 0)
		past_source_gate(l);
	else if (rc < 0)
		refuse(l, REASON_BUSY, RETRY_MS);
}

static int read_password(const json_t *body, struct secret *out)
{
	const json_t *password = json_object_get(body, "password");

	if (!json_is_string(password))
		return -EINVAL;
	return secret_set(out, span_of(json_string_value(password), json_string_length(password)));
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

void login_begin(struct request *r)
{
	const json_t *body = request_body(r);
	struct error err = { 0 };

	if (!body)
		return;
	struct login *l = xnew(struct login);
	int rc = json_get_text(body, "user", l->user, sizeof(l->user), &err);
	if (rc == 0 && !*l->user)
		rc = error_set(&err, EINVAL, "user: must not be empty");
	if (rc == 0 && read_password(body, &l->password) < 0)
		rc = error_set(&err, EINVAL, "password: must be a text of at most %d bytes",
			       SECRET_MAX);
	if (rc < 0) {
		secret_wipe(&l->password);
		free(l);
		request_refuse(r, REASON_BAD_REQUEST, -1, err.text);
		return;
	}
	read_client(body, l->client, sizeof(l->client));
	memcpy(r->who, l->user, sizeof(r->who));
	for (size_t i = 0; l->user[i]; i++)
		l->key[i] = (char)tolower((unsigned char)l->user[i]);

	l->r = r;
	rc = gate_enter(r->broker->gate->users, l->key, &l->user_pass, past_user_gate, l);
	if (rc == 0)
		past_user_gate(l);
	else if (rc < 0)
		refuse(l, REASON_BUSY, RETRY_MS);
}
