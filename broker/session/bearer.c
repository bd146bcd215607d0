/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/session/bearer.h"

#include <errno.h>

#include "broker/audit/audit.h"
#include "broker/session/entitled.h"
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"

struct search {
	struct state_job job;	/* first: jobs are cast back */
	struct request *r;
	uint8_t token_sha256[STORE_HASH_BYTES];
	enum bearer_kind kind;
	bool other_key, other_side;
	struct bearer *bearer;
	bearer_fn *fn;
	bearer_drop_fn *drop;
	void *arg;
};

void bearer_free(struct bearer *bearer)
{
	if (!bearer)
		return;
	directory_person_done(&bearer->person);
	free(bearer);
}

/* The request has been answered already. */
static void give_up(struct search *s)
{
	if (s->drop)
		s->drop(s->arg);
	bearer_free(s->bearer);
	free(s);
}

static void go_on(struct search *s)
{
	s->fn(s->r, STEAL(s->bearer), s->arg);
	free(s);
}

static void on_directory(void *arg, const struct directory_answer *answer)
{
	struct search *s = arg;

	s->r->search_us = answer->search_us;
	s->r->groups_us = answer->groups_us;
	switch (answer->verdict) {
	case DIRECTORY_OK:
		directory_person_copy(&answer->person, &s->bearer->person);
		s->bearer->confirmed = true;
		go_on(s);
		return;
	case DIRECTORY_UNREACHABLE:
		log_warn("directory_not_asked", kv_str("request", s->r->id),
			 kv_error(&answer->reason));
		go_on(s);
		return;
	case DIRECTORY_BUSY:
		request_refuse(s->r, REASON_BUSY, answer->retry_after_ms, NULL);
		break;
	case DIRECTORY_REFUSED:
		request_refuse(s->r, REASON_SESSION_EXPIRED, -1, NULL);
		break;
	case DIRECTORY_DISABLED:
	case DIRECTORY_EXPIRED:
	case DIRECTORY_CHANGE_PASSWORD:
	case DIRECTORY_LOCKED:
	case DIRECTORY_BAD_PASSWORD:
		request_refuse(s->r, directory_reason(answer->verdict), -1, NULL);
	}
	give_up(s);
}

static int find_run(struct store *store, struct state_job *job, struct error *err)
{
	struct search *s = (struct search *)job;
	int rc = store_login_session_find(store, s->token_sha256, clock_wall_ms(),
					  &s->bearer->login, &s->bearer->user, err);
	const char *key = s->bearer->login.client_key_sha256;

	/* Each side's tokens open that side only. */
	s->other_side = rc == 0 && s->kind != BEARER_EITHER &&
			s->bearer->login.staff != (s->kind == BEARER_STAFF);
	s->other_key = rc == 0 && *key && strcmp(key, s->r->peer_key) != 0;
	return rc;
}

static int other_key_run(struct store *store, struct state_job *job, struct error *err)
{
	const struct search *s = (const struct search *)job;
	struct audit row = {
		.who = s->bearer->user.name,
		.source = s->r->source,
		.what = "token",
		.reason = REASON_TOKEN_KEY,
		.denied = true,
	};
	return audit_append(store, &row, err);
}

static void other_key_done(struct state_job *job, int rc, const struct error *err)
{
	struct search *s = (struct search *)job;

	if (rc < 0)
		request_store_failed(s->r, rc, err);
	else
		request_refuse(s->r, REASON_SESSION_EXPIRED, -1, NULL);
	give_up(s);
}

static void find_done(struct state_job *job, int rc, const struct error *err)
{
	struct search *s = (struct search *)job;

	if (s->other_key) {
		if (request_submit(s->r, &s->job, other_key_run, other_key_done) < 0)
			give_up(s);
		return;
	}
	if (rc == -ENOENT) {
		request_refuse(s->r, REASON_SESSION_EXPIRED, -1, NULL);
		give_up(s);
		return;
	}
	if (s->other_side) {
		request_refuse(s->r, REASON_FORBIDDEN, -1, NULL);
		give_up(s);
		return;
	}
	if (rc < 0) {
		request_store_failed(s->r, rc, err);
		give_up(s);
		return;
	}
	memcpy(s->r->who, s->bearer->user.name, sizeof(s->r->who));
	if (s->kind != BEARER_CLIENT)
		directory_lookup(s->r->broker->directory, s->bearer->user.key, on_directory, s);
	else
		go_on(s);
}

static enum request_side side_of(enum bearer_kind kind)
{
	return kind == BEARER_STAFF ? SIDE_STAFF : kind == BEARER_EITHER ? SIDE_EITHER
									 : SIDE_EMPLOYEE;
}

void bearer_find(struct request *r, enum bearer_kind kind, bearer_fn *fn, bearer_drop_fn *drop,
		 void *arg)
{
	struct search *s = xnew(struct search);

	s->r = r;
	s->kind = kind;
	s->bearer = xnew(struct bearer);
	s->fn = fn;
	s->drop = drop;
	s->arg = arg;
	if (!request_token_hash(r, side_of(kind), s->token_sha256) ||
	    request_read(r, &s->job, find_run, find_done) < 0)
		give_up(s);
}
