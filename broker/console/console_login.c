/* SPDX-License-Identifier: Apache-2.0 */
/* One login of the console for both sides: what somebody may do as staff and the desktops that are
 * theirs. No desktop is assigned and no ticket made by it. */
#include "broker/console/console.h"

#include <errno.h>

#include "broker/console/cookies.h"
#include "broker/factor/second_factor.h"
#include "broker/session/attempt.h"
#include "broker/session/bearer.h"
#include "broker/session/entitled.h"
#include "broker/session/staff.h"
#include "common/base/text.h"
#include "common/sys/clock.h"

struct entering {
	struct state_job job; /* first: jobs are cast back */
	struct attempt *attempt;
	struct request *r;
	struct directory_person person;
	struct store_user user;
	struct roles roles;
	bool employee;
	struct factor_step factor;
	struct token staff_token, own_token;
	int64_t expires_at_ms;
};

static void entering_free(void *arg)
{
	struct entering *e = arg;

	token_wipe(&e->staff_token);
	token_wipe(&e->own_token);
	factor_step_wipe(&e->factor);
	directory_person_done(&e->person);
	free(e);
}

static int create(struct store *store, struct entering *e, bool staff, struct token *token,
		  int64_t now_ms, struct error *err)
{
	struct store_login session = { .staff = staff,
				       .second_factor = e->factor.claim.given,
				       .created_at_ms = now_ms,
				       .expires_at_ms = e->expires_at_ms };

	token_new(token);
	memcpy(session.token_sha256, token->hash, sizeof(session.token_sha256));
	memcpy(session.user_key, e->user.key, sizeof(session.user_key));
	int rc = str_copy(session.client_address, sizeof(session.client_address), e->r->source);
	return rc < 0 ? rc : store_login_session_create(store, &session, err);
}

/* A site whose employees must come with a key of their client lets no browser take its place. One
 * pool that asks for a second factor is enough: the login opens them all. */
static int find_desktops(struct store *store, struct entering *e, struct error *err)
{
	OWNED(entitled_done) struct entitled entitled = { 0 };
	int rc = entitled_find(store, &e->person, &entitled, err);

	e->employee = rc == 0 && entitled.count > 0 && !e->r->broker->config->require_client_key;
	for (size_t i = 0; rc == 0 && e->employee && i < entitled.count; i++)
		if (entitled_pool(&entitled, i)->second_factor)
			e->factor.claim.needed = true;
	return rc;
}

static enum reason judge(const struct entering *e)
{
	return e->roles.set || e->employee ? REASON_OK : REASON_NOT_ENTITLED;
}

static int create_sessions(struct store *store, struct entering *e, int64_t now_ms,
			   struct error *err)
{
	int rc = attempt_forgive(store, e->attempt, err);

	e->expires_at_ms = now_ms + e->r->broker->config->console_session_ms;
	if (rc == 0 && e->roles.set)
		rc = create(store, e, true, &e->staff_token, now_ms, err);
	if (rc == 0 && e->employee)
		rc = create(store, e, false, &e->own_token, now_ms, err);
	return rc < 0 ? rc : attempt_audit(store, e->attempt, e->user.name, "", judge(e), err);
}

static int enter_run(struct store *store, struct state_job *job, struct error *err)
{
	struct entering *e = (struct entering *)job;
	int64_t now_ms = clock_wall_ms();
	int rc = store_user_upsert(store, &e->user, now_ms, err);

	if (rc == 0)
		rc = find_desktops(store, e, err);
	if (rc == 0)
		rc = factor_step_run(store, &e->factor, e->user.key, err);
	if (rc < 0)
		return rc;
	if (e->factor.claim.reason == REASON_OK)
		return create_sessions(store, e, now_ms, err);
	return factor_step_audits_itself(&e->factor)
		       ? 0
		       : attempt_audit(store, e->attempt, e->user.name, "", e->factor.claim.reason,
				       err);
}

static json_t *who_json(const struct store_user *user, const struct roles *roles, bool employee,
			int64_t expires_at_ms)
{
	OWNED(buf_done) struct buf words = { 0 };

	roles_words(roles->set, &words);
	return json_pack("{s:s, s:s, s:s, s:s, s:b, s:I}", "user", user->name, "display_name",
			 user->display_name, "roles", buf_text(&words), "pools",
			 roles->set & ROLE_POOL_ADMIN ? roles->scope : "", "employee", employee,
			 "expires_at_ms", (json_int_t)expires_at_ms);
}

static void enter_done(struct state_job *job, int rc, const struct error *err)
{
	struct entering *e = (struct entering *)job;
	struct http_exchange *x = request_exchange(e->r);
	int64_t life_ms = e->r->broker->config->console_session_ms;

	if (rc < 0) {
		attempt_store_failed(e->attempt, rc, err);
		return;
	}
	if (e->factor.claim.reason != REASON_OK) {
		factor_step_refuse(e->attempt, &e->factor, true, &e->user);
		return;
	}
	attempt_forgiven(e->attempt);
	if (judge(e) != REASON_OK) {
		attempt_refuse(e->attempt, judge(e), -1);
		return;
	}
	if (x) {
		console_set_cookie(x, CONSOLE_COOKIE_STAFF,
				   e->roles.set ? e->staff_token.text : NULL, life_ms);
		console_set_cookie(x, CONSOLE_COOKIE_EMPLOYEE,
				   e->employee ? e->own_token.text : NULL, life_ms);
	}
	json_t *body = who_json(&e->user, &e->roles, e->employee, e->expires_at_ms);

	factor_step_passed(e->r, &e->factor, body);
	request_reply(e->r, 200, body);
	attempt_end(e->attempt);
}

static void granted(struct attempt *a, const struct directory_answer *answer)
{
	struct entering *e = a->arg;

	directory_person_copy(&answer->person, &e->person);
	if (user_of_person(&answer->person, &e->user) < 0) {
		attempt_fail(a, REASON_WRONG_CREDENTIALS, REASON_WRONG_CREDENTIALS);
		return;
	}
	e->roles = roles_of(&e->r->broker->config->roles, answer->person.groups,
			    answer->person.group_count);
	const struct broker_config *config = e->r->broker->config;

	/* Of who has no role, groups alone may ask for it. */
	e->factor.claim.needed = staff_needs_factor(config, &e->roles, &answer->person);
	e->job.request = e->r->id;
	if (state_submit(e->r->broker->state, &e->job, enter_run, enter_done) < 0)
		attempt_refuse(a, REASON_BUSY, 2000);
}

/* Another site's page must not log anybody in, either. */
static bool is_own(struct request *r)
{
	struct http_exchange *x = request_exchange(r);

	if (x && r->broker->config->console && console_is_own(x))
		return true;
	request_refuse(r, REASON_FORBIDDEN, -1, "Only the console itself may ask this.");
	return false;
}

static void begin(struct attempt *a, struct entering *e)
{
	e->attempt = a;
	e->r = a->r;
	attempt_begin(a, granted, entering_free, e);
}

void console_login(struct request *r)
{
	if (!is_own(r))
		return;
	struct attempt *a = attempt_new(r, ATTEMPT_LOGIN, "console_login");
	if (!a)
		return;
	struct entering *e = xnew(struct entering);
	factor_step_begin(r, &e->factor);
	begin(a, e);
}

void console_second_factor(struct request *r)
{
	if (!is_own(r))
		return;
	struct entering *e = xnew(struct entering);
	struct attempt *a = factor_step_resume(r, true, "console_login", &e->factor);

	if (a)
		begin(a, e);
	else
		entering_free(e);
}

/* ------------------------------------------------------------------------------------- whoami */

static void known(struct request *r, struct bearer *taken, void *arg)
{
	OWNED(bearer_free) struct bearer *bearer = taken;
	struct roles none = { 0 };
	struct roles roles = roles_of(&r->broker->config->roles, bearer->person.groups,
				      bearer->person.group_count);

	(void)arg;
	request_reply(r, 200,
		      who_json(&bearer->user, bearer->login.staff ? &roles : &none,
			       request_has_token(r, SIDE_EMPLOYEE), bearer->login.expires_at_ms));
}

void console_whoami(struct request *r)
{
	if (is_own(r))
		bearer_find(r, BEARER_EITHER, known, NULL, NULL);
}

/* ------------------------------------------------------------------------------------- logout */

struct leaving {
	struct state_job job; /* first: jobs are cast back */
	struct request *r;
	size_t count;
	uint8_t tokens[2][STORE_HASH_BYTES];
};

static int leave_run(struct store *store, struct state_job *job, struct error *err)
{
	struct leaving *l = (struct leaving *)job;
	int rc = 0;

	for (size_t i = 0; i < l->count && rc == 0; i++)
		rc = store_login_session_end(store, l->tokens[i], err);
	return rc;
}

static void leave_done(struct state_job *job, int rc, const struct error *err)
{
	struct leaving *l = (struct leaving *)job;
	struct http_exchange *x = request_exchange(l->r);

	if (rc == 0 && x) {
		console_set_cookie(x, CONSOLE_COOKIE_STAFF, NULL, 0);
		console_set_cookie(x, CONSOLE_COOKIE_EMPLOYEE, NULL, 0);
	}
	if (rc < 0)
		request_store_failed(l->r, rc, err);
	else
		request_reply_empty(l->r);
	free(l);
}

static void add_token(struct leaving *l, const char *cookie)
{
	struct http_exchange *x = request_exchange(l->r);
	char text[TOKEN_TEXT_SIZE];

	if (x && console_cookie(x, cookie, text) && token_hash(text, l->tokens[l->count]) == 0)
		l->count++;
	memory_wipe(text, sizeof(text));
}

void console_logout(struct request *r)
{
	if (!is_own(r))
		return;
	struct leaving *l = xnew(struct leaving);

	l->r = r;
	add_token(l, CONSOLE_COOKIE_STAFF);
	add_token(l, CONSOLE_COOKIE_EMPLOYEE);
	if (request_submit(r, &l->job, leave_run, leave_done) < 0)
		free(l);
}
