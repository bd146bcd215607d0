/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/session/reconnect.h"

#include <errno.h>

#include "broker/audit/audit.h"
#include "broker/conductor/conductor.h"
#include "broker/factor/second_factor.h"
#include "broker/session/bearer.h"
#include "broker/session/connect.h"
#include "broker/session/entitled.h"
#include "broker/session/rdp_file.h"
#include "common/base/text.h"
#include "common/sys/clock.h"

#define WAIT_MAX_MS 60000
#define LINE_WAIT_MS 15000	/* then the place in line must be shown to be wanted again */
#define LINE_NEWS_MS 1000	/* a position alone is not told more often than that */

/* --------------------------------------------------------------------------------------- list */

struct listing {
	struct state_job job;	/* first: jobs are cast back */
	struct request *r;
	struct bearer *bearer;
	json_t *entries;
};

/* Without the directory's word: the pools in which the user has a desktop. */
static int list_own(struct store *store, struct listing *l, struct error *err)
{
	OWNED(store_desktop_list_done) struct store_desktop_list own = { 0 };
	OWNED(free) struct pool *pool = xnew(struct pool);
	int rc = store_assignments(store, l->bearer->user.key, &own, err);

	l->entries = json_array();
	for (size_t i = 0; i < own.count && rc == 0; i++) {
		rc = store_pool_find(store, own.items[i].pool, pool, err);
		if (rc == 0)
			json_array_append_new(l->entries,
					      desktop_entry_json(pool, &own.items[i]));
	}
	return rc;
}

static int list_run(struct store *store, struct state_job *job, struct error *err)
{
	struct listing *l = (struct listing *)job;
	OWNED(entitled_done) struct entitled entitled = { 0 };

	if (!l->bearer->confirmed)
		return list_own(store, l, err);
	int rc = entitled_find(store, &l->bearer->person, &entitled, err);
	return rc < 0 ? rc : entitled_json(store, &entitled, l->bearer->user.key, NULL,
					       &l->entries, err);
}

static void list_done(struct state_job *job, int rc, const struct error *err)
{
	struct listing *l = (struct listing *)job;

	if (rc < 0)
		request_store_failed(l->r, rc, err);
	else
		request_reply(l->r, 200, json_pack("{s:O}", "desktops", l->entries));
	json_decref(l->entries);
	bearer_free(l->bearer);
	free(l);
}

static void list_for(struct request *r, struct bearer *bearer, void *arg)
{
	struct listing *l = xnew(struct listing);

	(void)arg;
	l->r = r;
	l->bearer = bearer;
	if (request_read(r, &l->job, list_run, list_done) < 0) {
		bearer_free(bearer);
		free(l);
	}
}

void reconnect_list(struct request *r)
{
	bearer_find(r, BEARER_CLIENT_NOW, list_for, NULL, NULL);
}

/* ------------------------------------------------------------------------------------ connect */

struct connecting {
	struct state_job job;	/* first: jobs are cast back */
	struct request *r;
	struct bearer *bearer;
	struct conductor_waiter waiter;
	char seen[16];
	int64_t seen_position;		/* in line; 0: was not */
	int64_t began_ms, deadline_ms;	/* monotonic */
	bool resolved;		/* `ask` names the pool: entitlement was found */
	bool running, again;	/* a job is under way; something changed meanwhile */
	struct connect_ask ask;
	struct connect_outcome outcome;
};

static void connecting_free(void *arg)
{
	struct connecting *c = arg;

	conductor_wait_end(&c->waiter);
	token_wipe(&c->outcome.secret);
	bearer_free(c->bearer);
	free(c);
}

/* Which pool is meant, by an id of the list the client was given. */
static int resolve_own(struct store *store, struct connecting *c, struct error *err)
{
	OWNED(store_desktop_list_done) struct store_desktop_list own = { 0 };
	const char *id = c->r->argument;
	int rc = store_assignments(store, c->bearer->user.key, &own, err);

	for (size_t i = 0; i < own.count && rc == 0; i++) {
		if (strcmp(own.items[i].id, id) != 0 && strcmp(own.items[i].pool, id) != 0)
			continue;
		memcpy(c->ask.pool, own.items[i].pool, sizeof(c->ask.pool));
		c->resolved = true;
	}
	return rc;
}

static int resolve_entitled(struct store *store, struct connecting *c, struct error *err)
{
	OWNED(entitled_done) struct entitled entitled = { 0 };
	const struct pool *pool = NULL;
	int rc = entitled_find(store, &c->bearer->person, &entitled, err);

	if (rc == 0)
		rc = entitled_resolve(store, &entitled, c->bearer->user.key, c->r->argument, &pool,
				      err);
	if (rc == 0 && pool) {
		memcpy(c->ask.pool, pool->name, sizeof(c->ask.pool));
		c->resolved = true;
	}
	return rc;
}

static int audit_connect(struct store *store, struct connecting *c, struct error *err)
{
	enum reason reason = c->outcome.reason;
	struct audit row = {
		.who = c->bearer->user.name,
		.source = c->r->source,
		.what = reason != REASON_OK ? "connect"
			: c->ask.standard   ? "rdp_file"
					    : "ticket",
		.reason = reason,
		.denied = reason != REASON_OK,
		.subject = *c->outcome.desktop.id ? c->outcome.desktop.id : c->r->argument,
	};

	return connect_is_wait(reason) ? 0 : audit_append(store, &row, err);
}

static int connect_job_run(struct store *store, struct state_job *job, struct error *err)
{
	struct connecting *c = (struct connecting *)job;
	int rc = 0;

	memset(&c->outcome, 0, sizeof(c->outcome));
	if (!c->resolved)
		rc = c->bearer->confirmed ? resolve_entitled(store, c, err)
					  : resolve_own(store, c, err);
	if (rc < 0)
		return rc;
	if (c->resolved)
		rc = connect_run(store, &c->ask, &c->outcome, &job->touched, err);
	else
		c->outcome.reason = c->bearer->confirmed ? REASON_NOT_ENTITLED
							 : REASON_DIRECTORY_UNREACHABLE;
	return rc < 0 ? rc : audit_connect(store, c, err);
}

static void connect_job_done(struct state_job *job, int rc, const struct error *err);

static void look(struct connecting *c)
{
	c->running = true;
	c->job.touched = false;
	c->job.request = c->r->id;
	state_submit_always(c->r->broker->state, &c->job, connect_job_run, connect_job_done);
}

static void on_change(void *arg)
{
	struct connecting *c = arg;

	if (c->running)
		c->again = true;
	else
		look(c);
}

static bool is_news(const struct connecting *c)
{
	int64_t position = connect_position(&c->outcome);
	bool moved = position && c->seen_position && c->seen_position != position;

	if (strcmp(c->seen, connect_stage(&c->outcome)) != 0)
		return true;
	return moved && clock_monotonic_ms() - c->began_ms >= LINE_NEWS_MS;
}

/* In line nobody is held for longer than the place is kept. */
static int64_t time_left_ms(const struct connecting *c)
{
	int64_t now_ms = clock_monotonic_ms(), end_ms = c->deadline_ms;

	if (c->outcome.reason == REASON_WAITING && end_ms > c->began_ms + LINE_WAIT_MS)
		end_ms = c->began_ms + LINE_WAIT_MS;
	return end_ms - now_ms;
}

/* Who has the certificate of this broker can see that the file comes from it. */
static void answer_file(struct connecting *c)
{
	OWNED(buf_done) struct buf text = BUF_LIMIT(32768);
	struct authority *authority = c->r->broker->authority;
	struct rdp_file file = {
		.host = c->outcome.host.relay_host,
		.port = c->outcome.host.relay_port,
		.locator = c->outcome.locator,
		.secret = c->outcome.secret.text,
		.user = c->bearer->user.account,
		.policy = &c->outcome.policy,
		.drives = *c->outcome.exception.id != 0,
	};
	struct rdp_signer signer = {
		.certificate = authority_broker_certificate(authority),
		.key = authority_broker_key(authority),
		.issuer = authority_ca(authority),
	};
	struct error err = { 0 };
	char name[STORE_NAME_SIZE + 8];
	int rc = rdp_file_write(&file, &signer, &text, &err);

	snprintf(name, sizeof(name), "%s.rdp", c->outcome.desktop.name);
	if (rc < 0)
		request_store_failed(c->r, rc, &err);
	else
		request_reply_file(c->r, "application/x-rdp", name, buf_span(&text));
	if (text.ptr)
		memory_wipe(text.ptr, text.capacity);
}

static void answer(struct connecting *c)
{
	enum reason reason = c->outcome.reason;

	if (reason == REASON_OK && c->ask.standard) {
		answer_file(c);
	} else if (reason == REASON_OK) {
		request_reply(c->r, 200, connect_json(&c->outcome));
	} else if (connect_is_wait(reason)) {
		c->r->outcome = reason;
		request_reply(c->r, 202, connect_json(&c->outcome));
	} else {
		const char *words = reason == REASON_USER_DISK_FAILED ?
					    c->outcome.desktop.home.reason :
				    reason == REASON_DESKTOP_FAILED ||
						    reason == REASON_DESKTOP_PAUSED ?
					    c->outcome.desktop.reason :
								      "";

		request_refuse(c->r, reason, -1, *words ? words : NULL);
	}
	connecting_free(c);
}

/* Nobody waits any more, or nothing is left to wait for: answer. */
static void on_wait_over(void *arg)
{
	struct connecting *c = arg;

	if (!c->running)
		answer(c);	/* else the job's end does it: the deadline has passed */
}

static void connect_job_done(struct state_job *job, int rc, const struct error *err)
{
	struct connecting *c = (struct connecting *)job;
	int64_t left_ms = time_left_ms(c);

	c->running = false;
	if (rc < 0) {
		request_store_failed(c->r, rc, err);
		connecting_free(c);
		return;
	}
	c->ask.replace_failed = false;
	if (!connect_is_wait(c->outcome.reason) || (!c->ask.standard && is_news(c)) || left_ms <= 0 ||
	    !request_exchange(c->r)) {
		answer(c);
		return;
	}
	if (c->again) {
		c->again = false;
		look(c);
		return;
	}
	conductor_wait(c->r->broker->conductor, &c->waiter, c->outcome.desktop.host, left_ms,
		       on_change, on_wait_over, c);
}

static void connect_for(struct request *r, struct bearer *bearer, void *arg)
{
	struct connecting *c = arg;
	const struct broker_config *config = r->broker->config;

	c->bearer = bearer;
	if (bearer->confirmed && !bearer->login.second_factor &&
	    second_factor_for_groups(config, bearer->person.groups, bearer->person.group_count)) {
		request_refuse(r, REASON_SECOND_FACTOR_MISSING, -1, NULL);
		connecting_free(c);
		return;
	}
	c->ask.user = bearer->user;
	c->ask.second_factor = bearer->login.second_factor;
	c->ask.only_own = !bearer->confirmed;
	c->ask.replace_failed = bearer->confirmed && !*c->seen;
	c->ask.ticket_ms = config->ticket_ms;
	c->ask.host_silent_ms = config->host_silent_ms;
	memcpy(c->ask.client_address, r->source, sizeof(c->ask.client_address));
	look(c);
}

void reconnect_connect(struct request *r)
{
	const json_t *body = request_body(r);
	struct error err = { 0 };
	int64_t wait_ms = 0;

	if (!body)
		return;
	struct connecting *c = xnew(struct connecting);
	int rc = json_get_int_or(body, "wait_ms", 0, 0, WAIT_MAX_MS, &wait_ms, &err);
	if (rc == 0)
		rc = json_get_text_or(body, "seen", "", c->seen, sizeof(c->seen), &err);
	if (rc == 0)
		rc = json_get_int_or(body, "seen_position", 0, 0, INT64_MAX, &c->seen_position,
				     &err);
	if (rc < 0) {
		free(c);
		request_refuse(r, REASON_BAD_REQUEST, -1, err.text);
		return;
	}
	c->r = r;
	c->began_ms = clock_monotonic_ms();
	c->deadline_ms = c->began_ms + wait_ms;
	bearer_find(r, BEARER_CLIENT_NOW, connect_for, connecting_free, c);
}

/* ?wait_ms=N: how long to wait for a desktop that is being prepared. */
void reconnect_rdp_file(struct request *r)
{
	struct http_exchange *x = request_exchange(r);
	const char *text = x ? http_query(x, "wait_ms") : NULL;
	long wait_ms = text ? strtol(text, NULL, 10) : 0;
	struct connecting *c = xnew(struct connecting);

	c->r = r;
	c->ask.standard = true;
	c->began_ms = clock_monotonic_ms();
	c->deadline_ms = c->began_ms + (wait_ms < 0 ? 0 : wait_ms > WAIT_MAX_MS ? WAIT_MAX_MS : wait_ms);
	bearer_find(r, BEARER_CLIENT_NOW, connect_for, connecting_free, c);
}

/* ----------------------------------------------------------------------------- whoami, logout */

static void whoami_for(struct request *r, struct bearer *bearer, void *arg)
{
	(void)arg;
	request_reply(r, 200,
		      json_pack("{s:s, s:s, s:I}", "user", bearer->user.name, "display_name",
				bearer->user.display_name, "expires_at_ms",
				(json_int_t)bearer->login.expires_at_ms));
	bearer_free(bearer);
}

void reconnect_whoami(struct request *r)
{
	bearer_find(r, BEARER_CLIENT, whoami_for, NULL, NULL);
}

struct logout {
	struct state_job job;	/* first: jobs are cast back */
	struct request *r;
	struct bearer *bearer;
};

static int logout_run(struct store *store, struct state_job *job, struct error *err)
{
	struct logout *l = (struct logout *)job;
	struct audit row = {
		.who = l->bearer->user.name,
		.source = l->r->source,
		.what = "logout",
		.reason = REASON_OK,
	};
	int rc = store_login_session_end(store, l->bearer->login.token_sha256, err);

	if (rc == 0)
		rc = store_places_leave(store, l->bearer->user.key, err);
	job->touched = job->moved = true;	/* those behind come nearer */
	return rc < 0 ? rc : audit_append(store, &row, err);
}

static void logout_done(struct state_job *job, int rc, const struct error *err)
{
	struct logout *l = (struct logout *)job;

	if (rc < 0)
		request_store_failed(l->r, rc, err);
	else
		request_reply_empty(l->r);
	bearer_free(l->bearer);
	free(l);
}

static void logout_for(struct request *r, struct bearer *bearer, void *arg)
{
	struct logout *l = xnew(struct logout);

	(void)arg;
	l->r = r;
	l->bearer = bearer;
	if (request_submit(r, &l->job, logout_run, logout_done) < 0) {
		bearer_free(bearer);
		free(l);
	}
}

void reconnect_logout(struct request *r)
{
	bearer_find(r, BEARER_CLIENT, logout_for, NULL, NULL);
}
