/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/request.h"

#include "broker/api/counters.h"
#include "broker/api/timings.h"

#include <errno.h>

#include "broker/console/cookies.h"
#include "broker/session/token.h"
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"

#define BUSY_RETRY_MS 1000

struct token_text {
	char text[TOKEN_TEXT_SIZE];
};

static void wipe_token_text(struct token_text *token)
{
	memory_wipe(token, sizeof(*token));
}
DEFINE_OWNED_VALUE(wipe_token_text, struct token_text);

/* Text for the log may be cut; it is never used to decide. */
static void copy_cut(char *out, size_t size, const char *text)
{
	size_t len = utf8_prefix(span_text(text), size - 1);

	memcpy(out, text, len);
	out[len] = '\0';
}

struct request *request_new(struct broker *broker, struct front_room **door,
			    struct http_exchange *x)
{
	struct request *r = xnew(struct request);

	if (str_copy(r->id, sizeof(r->id), http_request_id(x)) < 0 || !*r->id)
		http_request_id_new(r->id);
	r->broker = broker;
	r->door = door;
	r->exchange = http_exchange_id(x);
	r->began_us = clock_monotonic_us();
	copy_cut(r->method, sizeof(r->method), http_method(x));
	copy_cut(r->path, sizeof(r->path), http_path(x));
	copy_cut(r->source, sizeof(r->source), http_peer(x));
	memcpy(r->peer_key, http_peer_key(x), strlen(http_peer_key(x)));
	if (str_copy(r->peer, sizeof(r->peer), http_peer_cn(x)) < 0)
		r->peer[0] = '\0';
	return r;
}

bool request_may_pool(const struct request *r, const char *pool)
{
	return !r->scoped || roles_scope_has(r->roles.scope, pool);
}

struct http_exchange *request_exchange(struct request *r)
{
	return *r->door ? front_room_find(*r->door, r->exchange) : NULL;
}

static void log_request(const struct request *r, int status, const char *code)
{
	const char *who = *r->who ? r->who : r->peer;
	int64_t total_us = clock_monotonic_us() - r->began_us;

	counters_request(r->broker, status, code);
	if (r->bind_us && status == 200 && r->broker->timings)
		timings_note(r->broker->timings, r, total_us);
	if (r->search_us || r->assign_us)
		log_info("request", kv_str("request", r->id), kv_str("method", r->method),
			 kv_str("path", r->path), kv_str("source", r->source), kv_str("who", who),
			 kv_int("status", status), kv_str("code", code),
			 kv_int("total_us", total_us), kv_int("search_us", r->search_us),
			 kv_int("bind_us", r->bind_us), kv_int("groups_us", r->groups_us),
			 kv_int("assign_us", r->assign_us));
	else
		log_info("request", kv_str("request", r->id), kv_str("method", r->method),
			 kv_str("path", r->path), kv_str("source", r->source), kv_str("who", who),
			 kv_int("status", status), kv_str("code", code),
			 kv_int("total_us", total_us));
}

/* The answer was given by http_body() itself. */
static void request_forget(struct request *r, int status, const char *code)
{
	log_request(r, status, code);
	free(r);
}

const json_t *request_body(struct request *r)
{
	struct http_exchange *x = request_exchange(r);
	const json_t *body = x ? http_body(x) : NULL;

	if (!body)
		request_forget(r, 400, reason_word(REASON_BAD_REQUEST));
	return body;
}

static bool find_token(struct request *r, enum request_side side, char out[TOKEN_TEXT_SIZE])
{
	struct http_exchange *x = request_exchange(r);
	const char *bearer = x ? http_bearer(x) : NULL;

	if (bearer)
		return str_copy(out, TOKEN_TEXT_SIZE, bearer) == 0;
	return x && ((side != SIDE_EMPLOYEE && console_cookie(x, CONSOLE_COOKIE_STAFF, out)) ||
		     (side != SIDE_STAFF && console_cookie(x, CONSOLE_COOKIE_EMPLOYEE, out)));
}

bool request_has_token(struct request *r, enum request_side side)
{
	OWNED(wipe_token_text) struct token_text token;

	return find_token(r, side, token.text);
}

bool request_token_hash(struct request *r, enum request_side side, uint8_t out[STORE_HASH_BYTES])
{
	OWNED(wipe_token_text) struct token_text token;

	if (find_token(r, side, token.text) && token_hash(token.text, out) == 0)
		return true;
	request_refuse(r, REASON_SESSION_EXPIRED, -1, NULL);
	return false;
}

void request_reply(struct request *r, int status, json_t *body)
{
	OWNED(json_decref) json_t *owned = body;
	struct http_exchange *x = request_exchange(r);

	log_request(r, x ? status : 499, reason_word(r->outcome));
	if (x)
		http_reply_json(x, status, owned);
	free(r);
}

/* Not a line each in the log: a large image takes thousands of parts. */
void request_reply_bytes(struct request *r, const char *range, struct span bytes)
{
	struct http_exchange *x = request_exchange(r);

	if (x)
		http_reply_bytes(x, range, bytes);
	free(r);
}

void request_reply_file(struct request *r, const char *type, const char *name, struct span body)
{
	struct http_exchange *x = request_exchange(r);

	log_request(r, x ? 200 : 499, reason_word(r->outcome));
	if (x)
		http_reply_file(x, type, name, body);
	free(r);
}

void request_stream_begin(struct request *r, const char *type)
{
	struct http_exchange *x = request_exchange(r);

	if (x)
		http_stream_begin(x, type);
}

int request_stream_send(struct request *r, struct span bytes)
{
	struct http_exchange *x = request_exchange(r);

	return x ? http_stream_send(x, bytes) : -EPIPE;
}

void request_stream_end(struct request *r)
{
	struct http_exchange *x = request_exchange(r);

	log_request(r, x ? 200 : 499, reason_word(r->outcome));
	if (x)
		http_stream_end(x);
	free(r);
}

void request_reply_empty(struct request *r)
{
	request_reply(r, 204, NULL);
}

void request_refuse(struct request *r, enum reason reason, int64_t retry_after_ms,
		    const char *detail)
{
	struct http_exchange *x = request_exchange(r);
	int status = reason_http_status(reason);

	log_request(r, x ? status : 499, reason_word(reason));
	if (x)
		http_reply_problem(x, status, reason_word(reason), retry_after_ms, "%s",
				   detail ? detail : reason_text(reason));
	free(r);
}

void request_refuse_with(struct request *r, enum reason reason, json_t *extra)
{
	OWNED(json_decref) json_t *owned = extra;
	struct http_exchange *x = request_exchange(r);
	int status = reason_http_status(reason);

	log_request(r, x ? status : 499, reason_word(reason));
	if (x)
		http_reply_problem_with(x, status, reason_word(reason), owned, reason_text(reason));
	free(r);
}

void request_store_failed(struct request *r, int rc, const struct error *err)
{
	switch (rc) {
	case -ENOENT:
		request_refuse(r, REASON_NOT_FOUND, -1, NULL);
		return;
	case -EBUSY:
	case -ECANCELED:
	case -EAGAIN:
		request_refuse(r, REASON_BUSY, BUSY_RETRY_MS, NULL);
		return;
	default:
		log_error("request_failed", kv_str("request", r->id), kv_int("code", -rc),
			  kv_error(err));
		request_refuse(r, REASON_INTERNAL, -1, NULL);
	}
}

static int taken(struct request *r, int rc)
{
	if (rc < 0)
		request_refuse(r, REASON_BUSY, BUSY_RETRY_MS, NULL);
	return rc;
}

int request_submit(struct request *r, struct state_job *job, state_run_fn *run, state_done_fn *done)
{
	job->request = r->id;
	return taken(r, state_submit(r->broker->state, job, run, done));
}

int request_read(struct request *r, struct state_job *job, state_run_fn *run, state_done_fn *done)
{
	return taken(r, state_read(r->broker->state, job, run, done));
}
