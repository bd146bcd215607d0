/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/rdp/framing.h"

#define TPKT_VERSION 3
#define TPKT_HEADER_LEN 4
#define TPKT_MAX 65535
#define FASTPATH_ACTION_MASK 0x03
#define FASTPATH_SECURITY_MASK 0xc0	/* SECURE_CHECKSUM, ENCRYPTED */
#define FASTPATH_LONG 0x80

static ssize_t tpkt_parse(struct span in, struct frame *out, const char **why)
{
	struct reader r = reader_of(in);

	read_skip(&r, 1);
	uint8_t reserved = read_u8(&r);
	uint16_t length = read_u16be(&r);

	if (r.bad)
		return 0;
	if (reserved != 0)
		return pdu_bad(why, "TPKT reserved byte set");
	if (length <= TPKT_HEADER_LEN)
		return pdu_bad(why, "TPKT length");
	if (in.len < length)
		return 0;
	out->kind = FRAME_TPKT;
	out->body = span_of(in.ptr + TPKT_HEADER_LEN, length - (size_t)TPKT_HEADER_LEN);
	return length;
}

static ssize_t fastpath_parse(struct span in, struct frame *out, const char **why)
{
	if (in.ptr[0] & FASTPATH_SECURITY_MASK)
		return pdu_bad(why, "fast-path security flags");
	if (in.len < 2)
		return 0;

	size_t header_len = 2;
	size_t length = in.ptr[1];

	if (length & FASTPATH_LONG) {
		if (in.len < 3)
			return 0;
		header_len = 3;
		length = (length & ~(size_t)FASTPATH_LONG) << 8 | in.ptr[2];
	}
	if (length <= header_len)
		return pdu_bad(why, "fast-path length");
	if (in.len < length)
		return 0;
	out->kind = FRAME_FASTPATH;
	out->body = span_of(in.ptr + header_len, length - header_len);
	return (ssize_t)length;
}

ssize_t frame_parse(struct span in, struct frame *out, const char **why)
{
	if (in.len == 0)
		return 0;
	if (in.ptr[0] == TPKT_VERSION)
		return tpkt_parse(in, out, why);
	if ((in.ptr[0] & FASTPATH_ACTION_MASK) == 0)
		return fastpath_parse(in, out, why);
	return pdu_bad(why, "neither TPKT nor fast-path");
}

size_t tpkt_begin(struct buf *out)
{
	size_t at = out->len;

	buf_put_u8(out, TPKT_VERSION);
	buf_put_u8(out, 0);
	buf_put_u16be(out, 0);
	return at;
}

void tpkt_end(struct buf *out, size_t begun_at)
{
	if (out->failed || out->len - begun_at > TPKT_MAX) {
		out->failed = true;
		return;
	}
	buf_set_u16be(out, begun_at + 2, (uint16_t)(out->len - begun_at));
}
