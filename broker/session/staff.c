/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/session/staff.h"

#include <errno.h>

#include "broker/factor/second_factor.h"
#include "broker/session/bearer.h"
#include "broker/session/entitled.h"
#include "broker/session/token.h"
#include "common/base/text.h"
#include "common/sys/clock.h"

#define RETRY_MS 2000

/* -------------------------------------------------------------------------------------- login */

struct staff {
	struct state_job job;	/* first: jobs are cast back */
	struct attempt *attempt;
	struct request *r;
	struct store_user user;
	struct roles roles;
	struct token token;
	struct factor_step factor;
	int64_t expires_at_ms;
};

static void staff_free(void *arg)
{
	struct staff *s = arg;

	token_wipe(&s->token);
	factor_step_wipe(&s->factor);
	free(s);
}

static int create_session(struct store *store, struct staff *s, struct error *err)
{
	int64_t now_ms = clock_wall_ms();
	struct store_login session = {
		.staff = true,
		.second_factor = s->factor.claim.given,
		.created_at_ms = now_ms,
		.expires_at_ms = now_ms + s->r->broker->config->staff_session_ms,
	};

	token_new(&s->token);
	s->expires_at_ms = session.expires_at_ms;
	memcpy(session.token_sha256, s->token.hash, sizeof(session.token_sha256));
	memcpy(session.user_key, s->user.key, sizeof(session.user_key));
	memcpy(session.client_key_sha256, s->r->peer_key, sizeof(session.client_key_sha256));
	int rc = str_copy(session.client_address, sizeof(session.client_address), s->r->source);
	return rc < 0 ? rc : store_login_session_create(store, &session, err);
}

static int login_run(struct store *store, struct state_job *job, struct error *err)
{
	struct staff *s = (struct staff *)job;
	enum reason reason = s->roles.set ? REASON_OK : REASON_FORBIDDEN;
	int rc = store_user_upsert(store, &s->user, clock_wall_ms(), err);

	if (rc == 0)
		rc = factor_step_run(store, &s->factor, s->user.key, err);
	if (rc < 0)
		return rc;
	if (s->factor.claim.reason != REASON_OK)
		return factor_step_audits_itself(&s->factor)
			       ? 0
			       : attempt_audit(store, s->attempt, s->user.name, "",
					       s->factor.claim.reason, err);
	rc = attempt_forgive(store, s->attempt, err);
	if (rc == 0 && reason == REASON_OK)
		rc = create_session(store, s, err);
	return rc < 0 ? rc : attempt_audit(store, s->attempt, s->user.name, "", reason, err);
}

static json_t *roles_json(const struct roles *roles)
{
	OWNED(buf_done) struct buf words = { 0 };

	roles_words(roles->set, &words);
	return json_pack("{s:s, s:s}", "roles", buf_text(&words), "pools",
			 roles->set & ROLE_POOL_ADMIN ? roles->scope : "");
}

static void login_done(struct state_job *job, int rc, const struct error *err)
{
	struct staff *s = (struct staff *)job;

	if (rc < 0) {
		attempt_store_failed(s->attempt, rc, err);
		return;
	}
	if (s->factor.claim.reason != REASON_OK) {
		factor_step_refuse(s->attempt, &s->factor, true, &s->user);
		return;
	}
	attempt_forgiven(s->attempt);
	if (!s->roles.set) {
		attempt_refuse(s->attempt, REASON_FORBIDDEN, -1);
		return;
	}
	json_t *body = roles_json(&s->roles);
	json_object_set_new(body, "token", json_string(s->token.text));
	json_object_set_new(body, "user", json_string(s->user.name));
	json_object_set_new(body, "expires_at_ms", json_integer(s->expires_at_ms));
	factor_step_passed(s->r, &s->factor, body);
	request_reply(s->r, 200, body);
	attempt_end(s->attempt);
}

bool staff_needs_factor(const struct broker_config *config, const struct roles *roles,
			       const struct directory_person *person)
{
	return second_factor_for_roles(config, roles->set) ||
	       second_factor_for_groups(config, person->groups, person->group_count);
}

static void granted(struct attempt *a, const struct directory_answer *answer)
{
	struct staff *s = a->arg;

	if (user_of_person(&answer->person, &s->user) < 0) {
		attempt_fail(a, REASON_WRONG_CREDENTIALS, REASON_WRONG_CREDENTIALS);
		return;
	}
	s->roles = roles_of(&s->r->broker->config->roles, answer->person.groups,
			    answer->person.group_count);
	s->factor.claim.needed = s->roles.set && staff_needs_factor(s->r->broker->config, &s->roles,
								    &answer->person);
	s->job.request = s->r->id;
	if (state_submit(s->r->broker->state, &s->job, login_run, login_done) < 0)
		attempt_refuse(a, REASON_BUSY, RETRY_MS);
}

static void begin(struct attempt *a, struct staff *s)
{
	s->attempt = a;
	s->r = a->r;
	attempt_begin(a, granted, staff_free, s);
}

void staff_login(struct request *r)
{
	struct attempt *a = attempt_new(r, ATTEMPT_LOGIN, "admin_login");

	if (!a)
		return;
	struct staff *s = xnew(struct staff);
	factor_step_begin(r, &s->factor);
	begin(a, s);
}

void staff_second_factor(struct request *r)
{
	struct staff *s = xnew(struct staff);
	struct attempt *a = factor_step_resume(r, true, "admin_login", &s->factor);

	if (a)
		begin(a, s);
	else
		staff_free(s);
}

/* ------------------------------------------------------------------------------- each request */

struct identify {
	staff_fn *fn;
	const void *arg;
};

static void identified(struct request *r, struct bearer *taken, void *arg)
{
	OWNED(bearer_free) struct bearer *bearer = taken;
	OWNED(free) struct identify *i = arg;

	/* Not by what was so yesterday: without the directory's word there are no rights. */
	if (!bearer->confirmed) {
		request_refuse(r, REASON_DIRECTORY_UNREACHABLE, RETRY_MS, NULL);
		return;
	}
	if (str_copy(r->peer, sizeof(r->peer), bearer->user.name) < 0) {
		request_refuse(r, REASON_FORBIDDEN, -1, NULL);
		return;
	}
	r->roles = roles_of(&r->broker->config->roles, bearer->person.groups,
			    bearer->person.group_count);
	if (!bearer->login.second_factor &&
	    staff_needs_factor(r->broker->config, &r->roles, &bearer->person)) {
		request_refuse(r, REASON_SECOND_FACTOR_MISSING, -1, NULL);
		return;
	}
	i->fn(r, i->arg);
}

void staff_identify(struct request *r, staff_fn *fn, const void *arg)
{
	struct identify *i = xnew(struct identify);

	i->fn = fn;
	i->arg = arg;
	bearer_find(r, BEARER_STAFF, identified, free, i);
}

void staff_whoami(struct request *r)
{
	json_t *body = roles_json(&r->roles);

	json_object_set_new(body, "user", json_string(r->peer));
	request_reply(r, 200, body);
}

struct logout {
	struct state_job job;	/* first: jobs are cast back */
	struct request *r;
	uint8_t token_sha256[STORE_HASH_BYTES];
};

static int logout_run(struct store *store, struct state_job *job, struct error *err)
{
	struct logout *l = (struct logout *)job;

	return store_login_session_end(store, l->token_sha256, err);
}

static void logout_done(struct state_job *job, int rc, const struct error *err)
{
	struct logout *l = (struct logout *)job;

	if (rc < 0)
		request_store_failed(l->r, rc, err);
	else
		request_reply_empty(l->r);
	free(l);
}

void staff_logout(struct request *r)
{
	struct logout *l = xnew(struct logout);

	l->r = r;
	if (!request_token_hash(r, SIDE_STAFF, l->token_sha256) ||
	    request_submit(r, &l->job, logout_run, logout_done) < 0)
		free(l);
}
