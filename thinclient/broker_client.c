/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/broker_client.h"

#include <errno.h>
#include "common/net/http_client.h"

enum {
	SIGN_IN_TIMEOUT_MS = 30000,
	WAIT_MS = 20000,
	WAIT_SLACK_MS = 15000,
	SERVE_TIMEOUT_MS = 15000,
	SIGN_OUT_TIMEOUT_MS = 3000,
};

struct broker_client {
	struct http_client *http;
	bool signed_in;
};

int broker_client_new(const char *address, const char *ca_file, struct broker_client **out,
		      struct error *err)
{
	struct http_client_config config = {
		.address = address,
		.ca_file = ca_file,
		.own_key = true,	/* the session's token is of no use without it */
	};
	OWNED(broker_client_free) struct broker_client *client = xnew(struct broker_client);
	int rc = http_client_new(&config, &client->http, err);

	if (rc)
		return rc;
	*out = STEAL(client);
	return 0;
}

void broker_client_free(struct broker_client *client)
{
	if (!client)
		return;
	http_client_free(client->http);
	free(client);
}

void broker_client_cancel(struct broker_client *client)
{
	http_client_cancel(client->http);
}

void broker_client_arm(struct broker_client *client)
{
	http_client_arm(client->http);
}

static int transport_problem(int rc, const struct error *err, struct problem *problem)
{
	const char *code = rc == -EPROTO      ? "broker_untrusted"
			   : rc == -ECANCELED ? "cancelled"
			   : rc == -EINVAL || rc == -EBADMSG ? "bad_answer"
							     : "broker_unreachable";

	problem_set(problem, code, err->text);
	return rc;
}

static bool is_good(int status)
{
	return status == 200 || status == 202 || status == 204;
}

static int request(struct broker_client *client, const char *path, const json_t *body,
		   int64_t timeout_ms, struct http_result *result, struct problem *problem)
{
	struct error err = { 0 };
	int rc = http_request(client->http, "POST", path, body, timeout_ms, result, &err);

	if (rc)
		return transport_problem(rc, &err, problem);
	if (is_good(result->status))
		return 0;
	broker_read_problem(result->status, result->body, problem);
	return -EREMOTEIO;
}

static int post(struct broker_client *client, const char *path, const json_t *body,
		int64_t timeout_ms, struct http_result *result, struct problem *problem)
{
	int rc = request(client, path, body, timeout_ms, result, problem);

	if (rc == 0 && !result->body) {
		problem_set(problem, "bad_answer", "an empty answer");
		return -EBADMSG;
	}
	return rc;
}

static int unreadable(int rc, const struct error *err, struct problem *problem)
{
	problem_set(problem, "bad_answer", err->text);
	return rc;
}

static bool asks_for_code(const struct problem *problem)
{
	return strcmp(problem->code, "second_factor_required") == 0 ||
	       strcmp(problem->code, "second_factor_enrolment") == 0;
}

static int not_text(struct problem *problem)
{
	problem_set(problem, "bad_request", "what was typed is not UTF-8 text");
	return -EINVAL;
}

/* Keeps the token of the answer. */
static int take_sign_in(struct broker_client *client, const json_t *body,
			struct sign_in_answer *out, struct problem *problem)
{
	struct error err = { 0 };
	int rc = broker_read_sign_in(body, out, &err);

	if (rc)
		return unreadable(rc, &err, problem);
	http_client_set_bearer(client->http, (const char *)out->token.bytes);
	client->signed_in = true;
	return 0;
}

int broker_sign_in(struct broker_client *client, const char *user, const struct secret *password,
		   struct sign_in_answer *out, struct factor_ask *ask, struct request_time *time,
		   struct problem *problem)
{
	struct error err = { 0 };
	OWNED(http_result_done) struct http_result result = { 0 };
	OWNED(json_decref) json_t *body = json_pack(
		"{s:s, s:s#, s:{s:s, s:s}}", "user", user, "password", password->bytes,
		(int)password->len, "client", "name", "genkan-client", "version", GENKAN_VERSION);

	http_client_set_bearer(client->http, NULL);
	client->signed_in = false;
	if (!body)
		return not_text(problem);
	int rc = post(client, "/v1/login", body, SIGN_IN_TIMEOUT_MS, &result, problem);

	if (time)
		*time = (struct request_time){ result.tls_us, result.total_us };
	if (rc == -EREMOTEIO && asks_for_code(problem) &&
	    broker_read_factor(result.body, ask, &err) < 0)
		return unreadable(-EBADMSG, &err, problem);
	return rc ? rc : take_sign_in(client, result.body, out, problem);
}

int broker_give_code(struct broker_client *client, const char *challenge, const char *code,
		     struct sign_in_answer *out, struct problem *problem)
{
	OWNED(http_result_done) struct http_result result = { 0 };
	OWNED(json_decref) json_t *body = json_pack("{s:s, s:s, s:{s:s, s:s}}", "challenge", challenge,
						    "code", code, "client", "name", "genkan-client",
						    "version", GENKAN_VERSION);

	if (!body)
		return not_text(problem);
	int rc = post(client, "/v1/login/second-factor", body, SIGN_IN_TIMEOUT_MS, &result, problem);

	return rc ? rc : take_sign_in(client, result.body, out, problem);
}

int broker_change_password(struct broker_client *client, const char *user,
			   const struct secret *old, const struct secret *fresh,
			   struct problem *problem)
{
	OWNED(http_result_done) struct http_result result = { 0 };
	OWNED(json_decref) json_t *body = json_pack("{s:s, s:s#, s:s#}", "user", user, "password",
						    old->bytes, (int)old->len, "new_password",
						    fresh->bytes, (int)fresh->len);

	return body ? request(client, "/v1/password", body, SIGN_IN_TIMEOUT_MS, &result, problem)
		    : not_text(problem);
}

int broker_connect(struct broker_client *client, const char *id, const char *seen,
		   int64_t seen_position, struct connect_answer *out, struct problem *problem)
{
	struct error err = { 0 };
	OWNED(http_result_done) struct http_result result = { 0 };
	OWNED(buf_done) struct buf path = { 0 };
	int wait_ms = *seen ? WAIT_MS : 0;
	OWNED(json_decref) json_t *body = json_pack("{s:i, s:s, s:I}", "wait_ms", wait_ms, "seen",
						    seen, "seen_position",
						    (json_int_t)seen_position);

	buf_printf(&path, "/v1/desktops/%s/connect", id);
	int rc = post(client, buf_text(&path), body, wait_ms + WAIT_SLACK_MS, &result, problem);

	if (rc)
		return rc;
	rc = broker_read_connect(result.body, out, &err);
	return rc ? unreadable(rc, &err, problem) : 0;
}

int broker_serve(struct broker_client *client, const char *id, const char *deed,
		 struct problem *problem)
{
	OWNED(http_result_done) struct http_result result = { 0 };
	OWNED(buf_done) struct buf path = { 0 };

	buf_printf(&path, "/v1/desktops/%s/%s", id, deed);
	return request(client, buf_text(&path), NULL, SERVE_TIMEOUT_MS, &result, problem);
}

void broker_sign_out(struct broker_client *client)
{
	OWNED(http_result_done) struct http_result result = { 0 };
	struct error err;

	/* An answer would change nothing: the token is forgotten here and expires there. */
	if (client->signed_in && http_request(client->http, "DELETE", "/v1/session", NULL,
					      SIGN_OUT_TIMEOUT_MS, &result, &err))
		result.status = 0;
	http_client_set_bearer(client->http, NULL);
	client->signed_in = false;
}
