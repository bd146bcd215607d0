/* SPDX-License-Identifier: Apache-2.0 */
/* http_client.h - blocking HTTPS requests with JSON bodies (libcurl). One object per thread; it
 * keeps its connection. TLS 1.3, the server verified against `ca_file` always. */
#ifndef GENKAN_NET_HTTP_CLIENT_H
#define GENKAN_NET_HTTP_CLIENT_H

#include "common/data/json.h"

struct http_client;

struct http_client_config {
	const char *address;		/* host:port */
	const char *ca_file;
	const char *certificate_file;	/* client certificate and key; NULL: none */
	const char *key_file;
	bool own_key;			/* shows a key made for this process, and nothing else */
	const char *interface;		/* source address or NULL */
};

struct http_result {
	int status;		/* HTTP status */
	json_t *body;		/* object, or NULL when empty */
	int64_t connect_us;	/* 0 when the connection was reused */
	int64_t tls_us;		/* since the start of the request */
	int64_t total_us;
};

int http_client_new(const struct http_client_config *config, struct http_client **out,
		    struct error *err) MUST_CHECK;
void http_client_free(struct http_client *client);
DEFINE_OWNED(http_client_free, struct http_client);

/* "Authorization: Bearer"; NULL removes it. Copied, wiped when replaced. */
void http_client_set_bearer(struct http_client *client, const char *token);

/* One more header ("Name: value") of the requests to come; NULL removes it. Borrowed. */
void http_client_set_header(struct http_client *client, const char *header);

/* `body` may be NULL. -ECONNREFUSED/-EHOSTUNREACH/-ETIMEDOUT/-EPROTO (TLS) with a sentence in err
 * when there is no HTTP answer; an HTTP error status is a result, not an error. */
int http_request(struct http_client *client, const char *method, const char *path,
		 const json_t *body, int64_t timeout_ms, struct http_result *out,
		 struct error *err) MUST_CHECK;
/* The same with a body of bytes (len 0: none) and, when the answer is 200 or 206, its bytes added to
 * `bytes` instead of `result->body`; past the limit of `bytes` it fails. `range` may be NULL: a Range
 * header ("bytes=0-9"). */
int http_request_bytes(struct http_client *client, const char *method, const char *path,
		       struct span body, const char *range, int64_t timeout_ms, struct buf *bytes,
		       struct http_result *out, struct error *err) MUST_CHECK;
void http_result_done(struct http_result *result);
DEFINE_OWNED_VALUE(http_result_done, struct http_result);

/* From another thread: the request in flight and every later one return -ECANCELED, until the next
 * http_client_arm(). Who goes on using the client afterwards calls that in the moment in which it
 * decides to make a request, under what also guards its cancels: so none of them is lost before
 * the request begins, and none hits the next one. */
void http_client_cancel(struct http_client *client);
void http_client_arm(struct http_client *client);

/* Fills err from a problem+json answer: "detail (code)"; returns -EREMOTEIO. */
int http_result_problem(const struct http_result *result, struct error *err);

#endif
