/* SPDX-License-Identifier: Apache-2.0 */
/* http_server.h - bounded HTTPS server on the loop (evhttp over OpenSSL).
 *
 * Requests reach one handler; it answers now or later, exactly once, by http_reply_*. An answer
 * that comes after the client left is dropped quietly. Bodies are JSON objects. Loop thread only.
 * Limits: header 8 KiB, body `max_body_bytes`, connections in total and per source address, an
 * absolute deadline for the TLS handshake and for receiving a request. */
#ifndef GENKAN_NET_HTTP_SERVER_H
#define GENKAN_NET_HTTP_SERVER_H

#include "common/data/json.h"
#include "common/net/tls.h"
#include "common/sys/loop.h"

struct http_server;
struct http_exchange;

struct http_server_config {
	const char *address;		/* host:port */
	const char *certificate_file, *key_file, *ca_file;
	enum tls_peer client_certificate;
	unsigned max_connections, max_per_source;
	size_t max_body_bytes;
	int64_t handshake_ms, request_ms, idle_ms;
};

typedef void http_handler_fn(void *arg, struct http_exchange *x);

int http_server_new(struct loop *loop, const struct http_server_config *config,
		    http_handler_fn *handler, void *arg, struct http_server **out,
		    struct error *err) MUST_CHECK;
/* Open exchanges are dropped; later http_reply_* calls on them do nothing. */
void http_server_free(struct http_server *server);
DEFINE_OWNED(http_server_free, struct http_server);
/* For connections from now on; those that are open keep theirs. When it fails nothing changes. */
int http_server_set_certificate(struct http_server *server, const char *certificate_file,
				const char *key_file, struct error *err) MUST_CHECK;
uint16_t http_server_port(const struct http_server *server);
unsigned http_server_connections(const struct http_server *server);

const char *http_method(const struct http_exchange *x);	/* "GET" ... */
const char *http_path(const struct http_exchange *x);	/* decoded, without the query */
/* Query parameter, decoded; NULL when absent. */
const char *http_query(struct http_exchange *x, const char *name);
/* The JSON object of the body: an empty object when there was no body; NULL when it was bad, and
 * then the 400 has been sent. Borrowed. */
const json_t *http_body(struct http_exchange *x);
/* The body as it came. Borrowed. */
struct span http_body_bytes(struct http_exchange *x);
/* A header of the request, or NULL. */
const char *http_header(const struct http_exchange *x, const char *name);
/* Bearer token or NULL. */
const char *http_bearer(const struct http_exchange *x);
const char *http_peer(const struct http_exchange *x);	/* numeric address */
/* Verified client certificate's CN and OU, "" without one. */
const char *http_peer_cn(const struct http_exchange *x);
const char *http_peer_ou(const struct http_exchange *x);
/* SHA-256 of the public key the peer has proved to have, in hex; "" without one. */
const char *http_peer_key(const struct http_exchange *x);

/* Exchanges are found again by id: NULL when the client left or it was answered meanwhile. */
uint64_t http_exchange_id(const struct http_exchange *x);
struct http_exchange *http_exchange_find(struct http_server *server, uint64_t id);

/* A header of the answer to come; before any of the following. */
void http_reply_header(struct http_exchange *x, const char *name, const char *value);

/* `body` is borrowed; NULL sends no body. The exchange is gone after each of these. */
void http_reply_json(struct http_exchange *x, int status, const json_t *body);
/* Bytes of a file: 206 with Content-Range when `range` says which ("bytes 0-9/100"), else 200. */
void http_reply_bytes(struct http_exchange *x, const char *range, struct span bytes);
/* A file to be saved under that name, which is plain ASCII; NULL: a text like any other. */
void http_reply_file(struct http_exchange *x, const char *type, const char *name, struct span body);
/* RFC 9457. retry_after_ms < 0: none. */
void http_reply_problem(struct http_exchange *x, int status, const char *code,
			int64_t retry_after_ms, const char *detail_fmt, ...) PRINTF_LIKE(5, 6);
/* The same with more members; `extra` is borrowed. */
void http_reply_problem_with(struct http_exchange *x, int status, const char *code,
			     const json_t *extra, const char *detail);

/* ---- an answer that goes on ----
 * The head is sent, and the exchange stays, to be found by its id, until it is ended here or the
 * peer leaves. It has no deadline; a peer that takes nothing for a while is cut off. */
void http_stream_begin(struct http_exchange *x, const char *type);
/* -EAGAIN: the peer has not yet taken what was sent before, and nothing was sent now. */
int http_stream_send(struct http_exchange *x, struct span bytes) MUST_CHECK;
/* The exchange is gone. */
void http_stream_end(struct http_exchange *x);

#endif
