/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/http_exchange.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include "common/base/secret.h"
#include "common/base/text.h"
#include "common/sys/clock.h"

const char *const http_exchange_headers[HTTP_HEADERS_MAX + 1] = {
	"Authorization",
	"Range",
	"Last-Event-ID",
	"If-None-Match",
	"If-Match",
	"Cookie",
	"Origin",
	"Sec-Fetch-Site",
	"X-Genkan-Console",
	HTTP_REQUEST_ID,
	"Idempotency-Key",
	NULL,
};

bool http_request_id_valid(const char *text)
{
	size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				  "0123456789._-");

	return len > 0 && len < HTTP_REQUEST_ID_SIZE && text[len] == '\0';
}

void http_request_id_new(char out[HTTP_REQUEST_ID_SIZE])
{
	uint8_t id[8];

	random_bytes(id, sizeof(id));
	hex_encode(span_of(id, sizeof(id)), out);
}

const char *http_request_id(const struct http_exchange *x)
{
	const char *id = http_header(x, HTTP_REQUEST_ID);

	return id ? id : "";
}

void http_exchange_done(struct http_exchange *x)
{
	json_decref(x->json);
	x->json = NULL;
	for (size_t i = 0; i < x->reply_count; i++)
		free(x->reply_texts[i]);
	x->reply_count = 0;
}

uint64_t http_exchange_id(const struct http_exchange *x)
{
	return x->id;
}

const char *http_method(const struct http_exchange *x)
{
	return x->method;
}

const char *http_path(const struct http_exchange *x)
{
	return x->path;
}

const char *http_query(struct http_exchange *x, const char *name)
{
	for (size_t i = 0; i < x->query_count; i++)
		if (strcasecmp(x->query[i].name, name) == 0)
			return x->query[i].value;
	return NULL;
}

const json_t *http_body(struct http_exchange *x)
{
	struct error err;

	if (x->json)
		return x->json;
	if (x->body_len == 0)
		return x->json = json_object();

	int result = json_object_parse(span_of(x->body, x->body_len), &x->json, &err);

	memory_wipe(x->body, x->body_len); /* a password may have been in it */
	if (result < 0) {
		http_reply_problem(x, 400, "bad_request", -1, "%s", err.text);
		return NULL;
	}
	return x->json;
}

struct span http_body_bytes(struct http_exchange *x)
{
	return span_of(x->body, x->body_len);
}

const char *http_header(const struct http_exchange *x, const char *name)
{
	for (size_t i = 0; x && i < x->header_count; i++)
		if (strcasecmp(x->headers[i].name, name) == 0)
			return x->headers[i].value;
	return NULL;
}

const char *http_bearer(const struct http_exchange *x)
{
	const char *value = http_header(x, "Authorization");

	return value && str_starts(value, "Bearer ") ? value + strlen("Bearer ") : NULL;
}

const char *http_peer(const struct http_exchange *x)
{
	return x->address;
}

const char *http_peer_cn(const struct http_exchange *x)
{
	return x->cn;
}

const char *http_peer_ou(const struct http_exchange *x)
{
	return x->ou;
}

const char *http_peer_key(const struct http_exchange *x)
{
	return x->key_sha256;
}

const char *http_status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} texts[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 206, "Partial Content" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 412, "Precondition Failed" },
		{ 416, "Range Not Satisfiable" },
		{ 422, "Unprocessable Content" },
		{ 429, "Too Many Requests" },
		{ 500, "Internal Server Error" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 507, "Insufficient Storage" },
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i].status == status)
			return texts[i].text;
	return "Unknown";
}

void http_reply_header(struct http_exchange *x, const char *name, const char *value)
{
	size_t name_size = strlen(name) + 1, value_size = strlen(value) + 1;

	if (x->reply_count == HTTP_HEADERS_MAX - 1) /* one is the request's id */
		abort(); /* our own are few */
	char *text = xcalloc(1, name_size + value_size);

	memcpy(text, name, name_size);
	memcpy(text + name_size, value, value_size);
	x->reply_texts[x->reply_count++] = text;
}

static void send_answer(struct http_exchange *x, struct http_answer *answer)
{
	for (size_t i = 0; i < x->reply_count; i++) {
		const char *name = x->reply_texts[i];

		answer->headers[i] = (struct http_field){ name, name + strlen(name) + 1 };
	}
	answer->header_count = x->reply_count;
	if (*http_request_id(x))
		answer->headers[answer->header_count++] =
			(struct http_field){ HTTP_REQUEST_ID, http_request_id(x) };
	x->carrier->answer(x, answer);
}

static void reply_json(struct http_exchange *x, int status, const char *type, const json_t *body)
{
	struct http_answer answer = { .status = status, .type = type, .no_body = !body };
	struct buf text = { 0 };

	if (body)
		json_write(body, &text);
	answer.body = buf_span(&text);
	send_answer(x, &answer);
	if (text.ptr) /* a token may have been in it */
		memory_wipe(text.ptr, text.capacity);
	buf_done(&text);
}

void http_reply_json(struct http_exchange *x, int status, const json_t *body)
{
	reply_json(x, status, "application/json", body);
}

void http_reply_bytes(struct http_exchange *x, const char *range, struct span bytes)
{
	struct http_answer answer = {
		.status = range ? 206 : 200,
		.type = "application/octet-stream",
		.body = bytes,
	};

	if (range)
		http_reply_header(x, "Content-Range", range);
	send_answer(x, &answer);
}

void http_reply_file(struct http_exchange *x, const char *type, const char *name, struct span body)
{
	struct http_answer answer = { .status = 200, .type = type, .body = body };
	char disposition[160];

	snprintf(disposition, sizeof(disposition), "attachment; filename=\"%.120s\"",
		 name ? name : "");
	if (name)
		http_reply_header(x, "Content-Disposition", disposition);
	send_answer(x, &answer);
}

static json_t *problem_json(const struct http_exchange *x, int status, const char *code,
			    const char *detail)
{
	return json_pack("{s:s, s:s, s:i, s:s, s:s, s:s}", "type", "about:blank", "title",
			 http_status_text(status), "status", status, "detail", detail, "code",
			 code, "request_id", http_request_id(x));
}

void http_reply_problem_with(struct http_exchange *x, int status, const char *code,
			     const json_t *extra, const char *detail)
{
	OWNED(json_decref) json_t *body = problem_json(x, status, code, detail);

	json_object_update(body, (json_t *)(uintptr_t)extra);
	reply_json(x, status, "application/problem+json", body);
}

void http_reply_problem(struct http_exchange *x, int status, const char *code,
			int64_t retry_after_ms, const char *detail_fmt, ...)
{
	char detail[512];
	va_list args;

	va_start(args, detail_fmt);
	vsnprintf(detail, sizeof(detail), detail_fmt, args);
	va_end(args);
	detail[utf8_prefix(span_text(detail), sizeof(detail))] = '\0';

	OWNED(json_decref) json_t *body = problem_json(x, status, code, detail);

	if (retry_after_ms >= 0) {
		char seconds[24];

		snprintf(seconds, sizeof(seconds), "%lld",
			 (long long)((retry_after_ms + 999) / 1000));
		http_reply_header(x, "Retry-After", seconds);
		json_object_set_new(body, "retry_after_ms", json_integer(retry_after_ms));
	}
	reply_json(x, status, "application/problem+json", body);
}

void http_stream_begin(struct http_exchange *x, const char *type)
{
	struct http_answer answer = { .status = 200, .type = type, .more = true };

	x->streaming = true;
	send_answer(x, &answer);
}

int http_stream_send(struct http_exchange *x, struct span bytes)
{
	if (x->carrier->behind(x) > HTTP_STREAM_BEHIND_MAX)
		return -EAGAIN;
	if (bytes.len)
		x->carrier->piece(x, bytes);
	return 0;
}

void http_stream_end(struct http_exchange *x)
{
	x->carrier->end(x);
}
