/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/front/front_message.h"

#include <errno.h>

#include "common/base/text.h"
#include "common/net/packet_text.h"

enum {
	FLAG_MORE = 1,
	FLAG_NO_BODY = 2,
	FLAGS = 3,
	ID_BITS = 48,
};

/* ------------------------------------------------------------------------------------- reading */

static struct span read_sized(struct reader *r)
{
	return read_bytes(r, read_u32be(r));
}

static size_t read_fields(struct reader *r, struct http_field *out, size_t max)
{
	size_t count = read_u8(r);

	if (count > max) {
		r->bad = true;
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		out[i].name = packet_text_read(r);
		out[i].value = packet_text_read(r);
	}
	return count;
}

static bool is_method(const char *text)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "DELETE", "?" };

	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (strcmp(text, methods[i]) == 0)
			return true;
	return false;
}

static bool is_address(const char *text)
{
	return strlen(text) < 64 && text[strspn(text, "0123456789abcdefABCDEF.:%?")] == '\0';
}

static bool is_key(const char *text)
{
	return !*text || (strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64);
}

static bool is_known_header(const char *name)
{
	for (size_t i = 0; http_exchange_headers[i]; i++)
		if (strcmp(name, http_exchange_headers[i]) == 0)
			return true;
	return false;
}

static bool request_is_sane(const struct http_exchange *x)
{
	for (size_t i = 0; i < x->header_count; i++)
		if (!is_known_header(x->headers[i].name))
			return false;
	if (http_header(x, HTTP_REQUEST_ID) && !http_request_id_valid(http_request_id(x)))
		return false;
	return is_method(x->method) && is_address(x->address) && is_key(x->key_sha256) &&
	       utf8_valid(span_text(x->path)) && strlen(x->cn) < 128 && strlen(x->ou) < 64 &&
	       utf8_valid(span_text(x->cn)) && utf8_valid(span_text(x->ou));
}

static void read_body(struct reader *r, struct front_message *m)
{
	m->body_len = read_u32be(r);
	m->bytes = read_rest(r);
	if (m->body_len > FRONT_BODY_MAX || m->bytes.len > m->body_len)
		r->bad = true;
}

static void read_request(struct reader *r, struct front_message *m)
{
	struct http_exchange *x = &m->request;

	x->method = packet_text_read(r);
	x->path = packet_text_read(r);
	x->address = packet_text_read(r);
	x->cn = packet_text_read(r);
	x->ou = packet_text_read(r);
	x->key_sha256 = packet_text_read(r);
	x->query_count = read_fields(r, x->query, HTTP_QUERY_MAX);
	x->header_count = read_fields(r, x->headers, HTTP_HEADERS_MAX);
	read_body(r, m);
	if (!r->bad && !request_is_sane(x))
		r->bad = true;
}

/* It becomes a line of a header. */
static bool is_header_value(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static bool headers_are_sane(const struct http_answer *a)
{
	for (size_t i = 0; i < a->header_count; i++)
		if (!is_header_value(a->headers[i].name) || strchr(a->headers[i].name, ':') ||
		    !is_header_value(a->headers[i].value))
			return false;
	return is_header_value(a->type);
}

static void read_answer(struct reader *r, struct front_message *m)
{
	struct http_answer *a = &m->answer;
	uint8_t flags = read_u8(r);

	a->status = read_u16be(r);
	a->more = flags & FLAG_MORE;
	a->no_body = flags & FLAG_NO_BODY;
	a->type = packet_text_read(r);
	a->header_count = read_fields(r, a->headers, HTTP_HEADERS_MAX);
	read_body(r, m);
	if (flags & ~FLAGS || a->status < 200 || a->status > 599 || !headers_are_sane(a))
		r->bad = true;
}

static void read_pem(struct reader *r, struct front_message *m)
{
	m->pem.certificate = read_sized(r);
	m->pem.key = read_sized(r);
	m->pem.ca = read_sized(r);
}

static uint64_t read_id(struct reader *r)
{
	uint64_t id = read_u64be(r);

	if (id >> ID_BITS)
		r->bad = true;
	return id;
}

int front_message_parse(struct span packet, struct front_message *out)
{
	struct reader r = reader_of(packet);
	uint8_t kind = read_u8(&r);

	memset(out, 0, sizeof(*out));
	if (kind < FRONT_CERTIFICATE || kind > FRONT_DRAINED)
		return -EBADMSG;
	out->kind = kind;
	out->problem = "";
	if (kind != FRONT_CERTIFICATE && kind != FRONT_READY)
		out->id = read_id(&r);
	switch (out->kind) {
	case FRONT_CERTIFICATE:
		read_pem(&r, out);
		break;
	case FRONT_ANSWER:
		read_answer(&r, out);
		break;
	case FRONT_REQUEST:
		read_request(&r, out);
		break;
	case FRONT_PIECE:
	case FRONT_BODY:
		out->bytes = read_rest(&r);
		break;
	case FRONT_READY:
		out->problem = packet_text_read(&r);
		break;
	case FRONT_DRAINED:
		out->drained_bytes = read_u64be(&r);
		break;
	case FRONT_END:
	case FRONT_GONE:
		break;
	}
	return reader_finished(&r) ? 0 : -EBADMSG;
}

/* ------------------------------------------------------------------------------------- writing */

static void put_text(struct buf *out, const char *text)
{
	packet_text_write(out, text, UINT16_MAX);
}

static void put_sized(struct buf *out, struct span bytes)
{
	buf_put_u32be(out, (uint32_t)bytes.len);
	buf_put_span(out, bytes);
}

static void put_fields(struct buf *out, const struct http_field *fields, size_t count)
{
	buf_put_u8(out, (uint8_t)count);
	for (size_t i = 0; i < count; i++) {
		put_text(out, fields[i].name);
		put_text(out, fields[i].value);
	}
}

static void put_start(struct buf *out, enum front_kind kind, uint64_t id)
{
	buf_put_u8(out, (uint8_t)kind);
	buf_put_u64be(out, id);
}

static size_t put_fitting(struct buf *out, struct span bytes)
{
	size_t room = out->len < PACKET_MAX ? PACKET_MAX - out->len : 0;
	size_t len = bytes.len < room ? bytes.len : room;

	buf_put(out, bytes.ptr, len);
	return len;
}

static size_t put_body(struct buf *out, struct span body)
{
	buf_put_u32be(out, (uint32_t)body.len);
	return put_fitting(out, body);
}

void front_certificate_write(const struct tls_pem *pem, struct buf *out)
{
	buf_put_u8(out, FRONT_CERTIFICATE);
	put_sized(out, pem->certificate);
	put_sized(out, pem->key);
	put_sized(out, pem->ca);
}

size_t front_answer_write(uint64_t id, const struct http_answer *a, struct buf *out)
{
	put_start(out, FRONT_ANSWER, id);
	buf_put_u8(out, (uint8_t)((a->more ? FLAG_MORE : 0) | (a->no_body ? FLAG_NO_BODY : 0)));
	buf_put_u16be(out, (uint16_t)a->status);
	put_text(out, a->type);
	put_fields(out, a->headers, a->header_count);
	return put_body(out, a->body);
}

size_t front_request_write(uint64_t id, const struct http_exchange *x, struct buf *out)
{
	put_start(out, FRONT_REQUEST, id);
	put_text(out, x->method);
	put_text(out, x->path);
	put_text(out, x->address);
	put_text(out, x->cn);
	put_text(out, x->ou);
	put_text(out, x->key_sha256);
	put_fields(out, x->query, x->query_count);
	put_fields(out, x->headers, x->header_count);
	return put_body(out, span_of(x->body, x->body_len));
}

size_t front_bytes_write(enum front_kind kind, uint64_t id, struct span bytes, struct buf *out)
{
	put_start(out, kind, id);
	return put_fitting(out, bytes);
}

void front_end_write(enum front_kind kind, uint64_t id, struct buf *out)
{
	put_start(out, kind, id);
}

void front_drained_write(uint64_t id, uint64_t bytes, struct buf *out)
{
	put_start(out, FRONT_DRAINED, id);
	buf_put_u64be(out, bytes);
}

void front_ready_write(const char *problem, struct buf *out)
{
	buf_put_u8(out, FRONT_READY);
	put_text(out, problem);
}
