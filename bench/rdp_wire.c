/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/rdp_wire.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#define RECORDED_BY_RELAY 3	/* records: X.224 request, ticket, X.224 confirm */
#define RECORDED_UNTIL_ON 36
#define ORDER_MAGIC 0x474b4c44u	/* "GKLD" */
#define ORDER_LEN 32

struct wire *wire_new(int fd)
{
	struct wire *w = xnew(struct wire);

	w->fd = fd;
	return w;
}

void wire_free(struct wire *w)
{
	if (!w)
		return;
	SSL_free(w->ssl);
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}

bool wire_write(struct wire *w, struct span bytes)
{
	while (bytes.len) {
		ssize_t n = w->ssl ? SSL_write(w->ssl, bytes.ptr, (int)bytes.len)
				   : send(w->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		bytes = span_of(bytes.ptr + n, bytes.len - (size_t)n);
	}
	return true;
}

static bool fill(struct wire *w, size_t len)
{
	while (w->end - w->begin < len) {
		if (w->begin + len > sizeof(w->in)) {
			memmove(w->in, w->in + w->begin, w->end - w->begin);
			w->end -= w->begin;
			w->begin = 0;
		}
		size_t room = sizeof(w->in) - w->end;
		ssize_t n = w->ssl ? SSL_read(w->ssl, w->in + w->end, (int)room)
				   : recv(w->fd, w->in + w->end, room, 0);

		if (n <= 0)
			return false;
		w->end += (size_t)n;
	}
	return true;
}

bool wire_read(struct wire *w, size_t len, struct span *out)
{
	if (!fill(w, len))
		return false;
	*out = span_of(w->in + w->begin, len);
	w->begin += len;
	if (w->begin == w->end && !w->ssl)
		w->begin = w->end = 0;
	return true;
}

bool wire_peek(struct wire *w, uint8_t *out)
{
	return recv(w->fd, out, 1, MSG_PEEK) == 1;
}

static size_t pdu_length(const uint8_t *b)
{
	if (b[0] == 3)
		return (size_t)b[2] << 8 | b[3];
	return b[1] & 0x80 ? (size_t)(b[1] & 0x7f) << 8 | b[2] : b[1];
}

bool wire_read_pdu(struct wire *w, struct span *out)
{
	return fill(w, 4) && wire_read(w, pdu_length(w->in + w->begin), out);
}

/* ---- The connection sequence ---- */

static void read_file(const char *path, struct buf *out)
{
	FILE *file = fopen(path, "rb");
	size_t n;

	if (!file)
		err(1, "%s", path);
	do {
		uint8_t *at = buf_reserve(out, 65536);

		n = fread(at, 1, 65536, file);
		out->len += n;
	} while (n > 0);
	fclose(file);
}

/* Records are what one read brought; steps are PDUs. */
static void add_steps(struct script *s, uint8_t side, struct buf *unread)
{
	size_t at = 0;

	while (unread->len - at >= 4 && unread->len - at >= pdu_length(unread->ptr + at)) {
		size_t len = pdu_length(unread->ptr + at);
		uint8_t *copy = xcalloc(1, len);

		memcpy(copy, unread->ptr + at, len);
		if (s->count == ARRAY_LEN(s->steps))
			errx(1, "the recorded connection is too long");
		s->steps[s->count].side = side;
		s->steps[s->count++].pdu = span_of(copy, len);
		at += len;
	}
	buf_consume(unread, at);
}

void script_load(struct script *s, const char *path)
{
	struct buf unread[2] = { { 0 }, { 0 } };

	*s = (struct script){ 0 };
	read_file(path, &s->recording);
	struct reader r = reader_of(buf_span(&s->recording));

	for (size_t n = 0; n < RECORDED_UNTIL_ON && r.rest.len; n++) {
		uint8_t side = read_u8(&r);
		struct span bytes = read_bytes(&r, read_u32be(&r));

		if (n == 0)
			s->request = bytes;
		else if (n == RECORDED_BY_RELAY - 1)
			s->confirm = bytes;
		if (n < RECORDED_BY_RELAY)
			continue;
		buf_put_span(&unread[side], bytes);
		add_steps(s, side, &unread[side]);
	}
	buf_done(&unread[0]);
	buf_done(&unread[1]);
}

/* Where an MCS send PDU has its type and its channel. */
enum { MCS_TYPE_AT = 7, MCS_CHANNEL_AT = 10, MCS_SEND_MIN = 14 };
#define MCS_SEND_INDICATION 0x68

/* A relay has words of its own for the channels of devices and the like. */
static bool is_aside(struct span expected, struct span got)
{
	if (expected.len < MCS_SEND_MIN || got.len < MCS_SEND_MIN || got.ptr[0] != 3)
		return false;
	return got.ptr[MCS_TYPE_AT] == MCS_SEND_INDICATION &&
	       memcmp(expected.ptr + MCS_CHANNEL_AT, got.ptr + MCS_CHANNEL_AT, 2) != 0;
}

static bool hear(struct wire *w, struct span expected)
{
	struct span got;
	bool good;

	do {
		good = wire_read_pdu(w, &got);
	} while (good && is_aside(expected, got));
	return good;
}

bool script_play(const struct script *s, struct wire *w, uint8_t side)
{
	bool good = true;

	for (size_t i = 0; i < s->count && good; i++)
		good = s->steps[i].side == side ? wire_write(w, s->steps[i].pdu)
						: hear(w, s->steps[i].pdu);
	return good;
}

/* ---- Orders ---- */

void order_encode(const struct order *order, size_t size, struct buf *out)
{
	size_t len = size < ORDER_LEN + 3 ? ORDER_LEN + 3 : size;

	buf_put_u8(out, 0);	/* FASTPATH_OUTPUT_ACTION_FASTPATH; no events counted */
	buf_put_u16be(out, (uint16_t)(0x8000 | len));
	buf_put_u32be(out, ORDER_MAGIC);
	buf_put_u32be(out, order->kind);
	buf_put_u32be(out, order->size);
	buf_put_u32be(out, order->for_ms);
	buf_put_u64be(out, (uint64_t)order->at_us);
	buf_put_u64be(out, (uint64_t)order->count);
	buf_put_zeros(out, len - ORDER_LEN - 3);
}

bool order_decode(struct span pdu, struct order *out)
{
	struct reader r = reader_of(pdu);

	if (read_u8(&r) != 0 || !(read_u16be(&r) & 0x8000) || read_u32be(&r) != ORDER_MAGIC)
		return false;
	out->kind = (uint8_t)read_u32be(&r);
	out->size = read_u32be(&r);
	out->for_ms = read_u32be(&r);
	out->at_us = (int64_t)read_u64be(&r);
	out->count = (int64_t)read_u64be(&r);
	return !r.bad;
}
