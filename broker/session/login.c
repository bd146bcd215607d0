/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/session/login.h"

#include <errno.h>

#include "broker/factor/second_factor.h"
#include "broker/session/connect.h"
#include "broker/session/entitled.h"
#include "broker/session/token.h"
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"

#define RETRY_MS 2000

struct login {
	struct state_job job;	/* first: jobs are cast back */
	struct attempt *attempt;
	struct request *r;
	struct directory_person person;
	struct store_user stored;
	int64_t began_assign_us;
	struct token token;
	struct factor_step factor;
	bool entitled;
	json_t *entries;
	struct connect_outcome *connect;	/* with exactly one pool */
};

static void login_free(void *arg)
{
	struct login *l = arg;

	token_wipe(&l->token);
	factor_step_wipe(&l->factor);
	if (l->connect)
		token_wipe(&l->connect->secret);
	free(l->connect);
	json_decref(l->entries);
	directory_person_done(&l->person);
	free(l);
}

static int audit_login(struct store *store, struct login *l, enum reason reason, struct error *err)
{
	return attempt_audit(store, l->attempt, l->stored.name,
			     l->connect ? l->connect->desktop.id : "", reason, err);
}

static int connect_only_pool(struct store *store, struct login *l, const struct pool *pool,
			     struct error *err)
{
	const struct broker_config *config = l->r->broker->config;
	struct connect_ask ask = {
		.user = l->stored,
		.replace_failed = true,
		.second_factor = l->factor.claim.given,
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
		.second_factor = l->factor.claim.given,
		.created_at_ms = now_ms,
		.expires_at_ms = now_ms + l->r->broker->config->session_ms,
	};

	token_new(&l->token);
	memcpy(session.token_sha256, l->token.hash, sizeof(session.token_sha256));
	memcpy(session.user_key, l->stored.key, sizeof(session.user_key));
	memcpy(session.client_key_sha256, l->r->peer_key, sizeof(session.client_key_sha256));
	int rc = str_copy(session.client_address, sizeof(session.client_address), l->r->source);
	return rc < 0 ? rc : store_login_session_create(store, &session, err);
}

/* One of the pools is enough: the login opens them all. */
static bool pool_asks(const struct entitled *entitled)
{
	for (size_t i = 0; i < entitled->count; i++)
		if (entitled_pool(entitled, i)->second_factor)
			return true;
	return false;
}

static int grant_run(struct store *store, struct state_job *job, struct error *err)
{
	struct login *l = (struct login *)job;
	OWNED(entitled_done) struct entitled entitled = { 0 };
	int rc = store_user_upsert(store, &l->stored, clock_wall_ms(), err);

	if (rc == 0)
		rc = entitled_find(store, &l->person, &entitled, err);
	if (rc < 0)
		return rc;
	l->entitled = entitled.count > 0;
	if (!l->entitled) {
		rc = attempt_forgive(store, l->attempt, err);
		return rc < 0 ? rc : audit_login(store, l, REASON_NOT_ENTITLED, err);
	}
	l->factor.claim.needed |= pool_asks(&entitled);
	rc = factor_step_run(store, &l->factor, l->stored.key, err);
	if (rc < 0)
		return rc;
	if (l->factor.claim.reason != REASON_OK)
		return factor_step_audits_itself(&l->factor)
			       ? 0
			       : audit_login(store, l, l->factor.claim.reason, err);
	rc = attempt_forgive(store, l->attempt, err);
	if (rc == 0 && entitled.count == 1)
		rc = connect_only_pool(store, l, entitled_pool(&entitled, 0), err);
	if (rc == 0)
		rc = create_session(store, l, err);
	if (rc == 0)
		rc = entitled_json(store, &entitled, l->stored.key,
				   l->connect ? &l->connect->desktop : NULL, &l->entries, err);
	if (rc == 0)
		rc = audit_login(store, l, REASON_OK, err);
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

	if (rc < 0) {
		attempt_store_failed(l->attempt, rc, err);
		return;
	}
	if (l->entitled && l->factor.claim.reason != REASON_OK) {
		factor_step_refuse(l->attempt, &l->factor, false, &l->stored);
		return;
	}
	attempt_forgiven(l->attempt);
	if (!l->entitled) {
		attempt_refuse(l->attempt, REASON_NOT_ENTITLED, -1);
		return;
	}
	l->r->assign_us = clock_monotonic_us() - l->began_assign_us;
	json_t *body = json_pack("{s:s, s:s, s:s, s:O, s:o}", "token", l->token.text, "user",
				 l->stored.name, "display_name", l->stored.display_name,
				 "desktops", l->entries, "timing", timing_json(l->r));
	if (can_connect(l->connect))
		json_object_set_new(body, "connect", connect_json(l->connect));
	factor_step_passed(l->r, &l->factor, body);
	request_reply(l->r, 200, body);
	attempt_end(l->attempt);
}

static void granted(struct attempt *a, const struct directory_answer *answer)
{
	struct login *l = a->arg;

	directory_person_copy(&answer->person, &l->person);
	if (user_of_person(&answer->person, &l->stored) < 0) {
		log_warn("login_unusable_entry", kv_str("request", l->r->id));
		attempt_fail(a, REASON_WRONG_CREDENTIALS, REASON_WRONG_CREDENTIALS);
		return;
	}
	l->factor.claim.needed =
		second_factor_for_groups(l->r->broker->config, answer->person.groups,
					 answer->person.group_count);
	l->began_assign_us = clock_monotonic_us();
	l->job.request = l->r->id;
	if (state_submit(l->r->broker->state, &l->job, grant_run, grant_done) < 0)
		attempt_refuse(a, REASON_BUSY, RETRY_MS);
}

static bool shows_its_key(struct request *r)
{
	if (!r->broker->config->require_client_key || *r->peer_key)
		return true;
	request_refuse(r, REASON_CLIENT_KEY, -1, NULL);
	return false;
}

static void begin(struct attempt *a, struct login *l)
{
	l->attempt = a;
	l->r = a->r;
	attempt_begin(a, granted, login_free, l);
}

void login_begin(struct request *r)
{
	if (!shows_its_key(r))
		return;
	struct attempt *a = attempt_new(r, ATTEMPT_LOGIN, "login");
	if (!a)
		return;
	struct login *l = xnew(struct login);
	factor_step_begin(r, &l->factor);
	begin(a, l);
}

void login_second_factor(struct request *r)
{
	struct login *l = xnew(struct login);
	struct attempt *a = factor_step_resume(r, false, "login", &l->factor);

	if (a)
		begin(a, l);
	else
		login_free(l);
}
