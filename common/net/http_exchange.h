/* SPDX-License-Identifier: Apache-2.0 */
/* http_exchange.h - one request and its answer, whoever carries them: http_server, or a socket from
 * the process that has it.
 *
 * A handler answers now or later, exactly once, by http_reply_*, or by http_stream_* in pieces. An
 * exchange is kept by id, not by pointer: it goes when the peer leaves. Loop thread only. */
#ifndef GENKAN_NET_HTTP_EXCHANGE_H
#define GENKAN_NET_HTTP_EXCHANGE_H

#include "common/data/json.h"

enum {
	HTTP_QUERY_MAX = 16,
	HTTP_HEADERS_MAX = 12,
	HTTP_REQUEST_ID_SIZE = 65,
	HTTP_STREAM_BEHIND_MAX =
		64 * 1024, /* bytes a slow peer of a streamed answer may be behind */
};

struct http_field {
	const char *name, *value;
};

struct http_answer {
	int status;
	const char *type;                            /* of the content */
	struct http_field headers[HTTP_HEADERS_MAX]; /* besides */
	size_t header_count;
	bool no_body;
	bool more;        /* pieces follow */
	struct span body; /* borrowed */
};

struct http_exchange;

/* What a carrier does with an answer. After `answer` without `more`, and after `end`, it has freed
 * the exchange. */
struct http_carrier {
	void (*answer)(struct http_exchange *x, const struct http_answer *answer);
	size_t (*behind)(const struct http_exchange *x); /* bytes of pieces not yet taken */
	void (*piece)(struct http_exchange *x, struct span bytes);
	void (*end)(struct http_exchange *x);
};

/* Filled by the carrier, which owns what is pointed to, except `json`. */
struct http_exchange {
	const struct http_carrier *carrier;
	uint64_t id;
	const char *method, *path, *address, *cn, *ou, *key_sha256;
	struct http_field query[HTTP_QUERY_MAX], headers[HTTP_HEADERS_MAX];
	size_t query_count, header_count;
	uint8_t *body;
	size_t body_len;
	json_t *json;
	char *reply_texts[HTTP_HEADERS_MAX]; /* "name\0value", of headers of the answer to come */
	size_t reply_count;
	bool streaming;
	uint64_t streamed_bytes;
};

/* The headers that reach a handler. X-Request-Id always does: the server makes one when the client
 * sent none that could stand in a log. */
extern const char *const http_exchange_headers[HTTP_HEADERS_MAX + 1];
#define HTTP_REQUEST_ID "X-Request-Id"
/* 1 to 64 of A-Z a-z 0-9 . _ - */
bool http_request_id_valid(const char *text);
void http_request_id_new(char out[HTTP_REQUEST_ID_SIZE]);
/* For the carrier, when it frees the rest. */
void http_exchange_done(struct http_exchange *x);

uint64_t http_exchange_id(const struct http_exchange *x);
const char *http_method(const struct http_exchange *x); /* "GET" ... */
const char *http_path(const struct http_exchange *x);   /* decoded, without the query */
/* Query parameter, decoded; NULL when absent. */
const char *http_query(struct http_exchange *x, const char *name);
/* The JSON object of the body: an empty object when there was no body; NULL when it was bad, and
 * then the 400 has been sent. Borrowed. The text is wiped. */
const json_t *http_body(struct http_exchange *x);
/* The body as it came. Borrowed. */
struct span http_body_bytes(struct http_exchange *x);
/* One of http_exchange_headers, or NULL; also when nobody waits any more (x is NULL). */
const char *http_header(const struct http_exchange *x, const char *name);
/* By which it is found in every log; "" where no server gave it one. */
const char *http_request_id(const struct http_exchange *x);
/* Bearer token or NULL. */
const char *http_bearer(const struct http_exchange *x);
const char *http_peer(const struct http_exchange *x); /* numeric address */
/* Verified client certificate's CN and OU, "" without one. */
const char *http_peer_cn(const struct http_exchange *x);
const char *http_peer_ou(const struct http_exchange *x);
/* SHA-256 of the public key the peer has proved to have, in hex; "" without one. */
const char *http_peer_key(const struct http_exchange *x);

/* A header of the answer to come; before any of the following. */
void http_reply_header(struct http_exchange *x, const char *name, const char *value);

/* `body` is borrowed; NULL sends no body. The exchange is gone after each of these. */
void http_reply_json(struct http_exchange *x, int status, const json_t *body);
/* Bytes of a file: 206 with Content-Range when `range` says which ("bytes 0-9/100"), else 200. */
void http_reply_bytes(struct http_exchange *x, const char *range, struct span bytes);
/* A file to be saved under that name, which is plain ASCII; NULL: a text like any other. */
void http_reply_file(struct http_exchange *x, const char *type, const char *name, struct span body);
/* RFC 9457, with "request_id". retry_after_ms < 0: none. */
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

const char *http_status_text(int status);

#endif
