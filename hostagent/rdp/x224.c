/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/rdp/x224.h"

#include "hostagent/rdp/framing.h"

#define TPDU_REQUEST 0xe0
#define TPDU_CONFIRM 0xd0
#define TPDU_DATA 0xf0
#define TPDU_EOT 0x80
#define NEG_REQUEST 1
#define NEG_RESPONSE 2
#define NEG_FAILURE 3
#define NEG_LEN 8
#define NEG_CORRELATION_INFO_PRESENT 0x08
#define CORRELATION 6
#define CORRELATION_LEN 36

/* Length indicator, code, references and class; both directions share the shape (X.224 13.3). */
static int header_read(struct reader *r, uint8_t code, const char **why)
{
	uint8_t indicated = read_u8(r);
	size_t rest = r->rest.len;
	uint8_t tpdu = read_u8(r);

	read_skip(r, 4);	/* destination and source reference: ours mean nothing */
	uint8_t class_option = read_u8(r);

	if (r->bad)
		return pdu_bad(why, "too short");
	if (indicated != rest)
		return pdu_bad(why, "X.224 length indicator");
	if (tpdu != code)
		return pdu_bad(why, "not the expected X.224 TPDU");
	if (class_option != 0)
		return pdu_bad(why, "X.224 class");
	return 0;
}

static size_t header_begin(struct buf *out, uint8_t code)
{
	size_t at = tpkt_begin(out);

	buf_put_u8(out, 0);	/* length indicator, see header_end */
	buf_put_u8(out, code);
	buf_put_zeros(out, 5);
	return at;
}

static void header_end(struct buf *out, size_t begun_at)
{
	if (!out->failed)
		out->ptr[begun_at + 4] = (uint8_t)(out->len - begun_at - 5);
	tpkt_end(out, begun_at);
}

static void negotiation_put(struct buf *out, uint8_t type, uint8_t flags, uint32_t value)
{
	buf_put_u8(out, type);
	buf_put_u8(out, flags);
	buf_put_u16le(out, NEG_LEN);
	buf_put_u32le(out, value);
}

/* A line that ends in CR LF. It is present when the variable part does not begin with the type
 * byte of a negotiation request, which no printable line does. */
static int token_read(struct reader *r, struct span *out, const char **why)
{
	for (size_t i = 0; i + 1 < r->rest.len; i++) {
		uint8_t c = r->rest.ptr[i];

		if (c == '\r' && r->rest.ptr[i + 1] == '\n') {
			*out = read_bytes(r, i);
			read_skip(r, 2);
			return 0;
		}
		if (c < 0x20 || c > 0x7e)
			return pdu_bad(why, "unprintable routing token");
	}
	return pdu_bad(why, "unfinished routing token");
}

static int correlation_read(struct reader *r, const char **why)
{
	uint8_t type = read_u8(r);
	uint8_t flags = read_u8(r);
	uint16_t length = read_u16le(r);

	read_skip(r, CORRELATION_LEN - 4);
	if (type != CORRELATION || flags != 0 || length != CORRELATION_LEN)
		return pdu_bad(why, "correlation info");
	return 0;
}

int x224_request_parse(struct span body, struct x224_request *out, const char **why)
{
	struct reader r = reader_of(body);
	struct x224_request request = { 0 };

	if (header_read(&r, TPDU_REQUEST, why) < 0)
		return -EBADMSG;
	if (r.rest.len && r.rest.ptr[0] != NEG_REQUEST && token_read(&r, &request.token, why) < 0)
		return -EBADMSG;
	if (r.rest.len) {
		uint8_t type = read_u8(&r);

		request.has_protocols = true;
		request.flags = read_u8(&r);
		uint16_t length = read_u16le(&r);

		request.protocols = read_u32le(&r);
		if (type != NEG_REQUEST || length != NEG_LEN)
			return pdu_bad(why, "negotiation request");
	}
	request.has_correlation = request.flags & NEG_CORRELATION_INFO_PRESENT;
	if (request.has_correlation && correlation_read(&r, why) < 0)
		return -EBADMSG;
	if (pdu_finish(&r, why) < 0)
		return -EBADMSG;
	*out = request;
	return 0;
}

void x224_request_encode(uint32_t protocols, struct buf *out)
{
	size_t at = header_begin(out, TPDU_REQUEST);

	negotiation_put(out, NEG_REQUEST, 0, protocols);
	header_end(out, at);
}

int x224_confirm_parse(struct span body, struct x224_confirm *out, const char **why)
{
	struct reader r = reader_of(body);
	struct x224_confirm confirm = { 0 };

	if (header_read(&r, TPDU_CONFIRM, why) < 0)
		return -EBADMSG;
	if (r.rest.len) {
		uint8_t type = read_u8(&r);

		confirm.flags = read_u8(&r);
		uint16_t length = read_u16le(&r);
		uint32_t value = read_u32le(&r);

		if ((type != NEG_RESPONSE && type != NEG_FAILURE) || length != NEG_LEN)
			return pdu_bad(why, "negotiation response");
		confirm.failed = type == NEG_FAILURE;
		*(confirm.failed ? &confirm.failure_code : &confirm.protocol) = value;
	}
	if (pdu_finish(&r, why) < 0)
		return -EBADMSG;
	*out = confirm;
	return 0;
}

void x224_confirm_encode(const struct x224_confirm *confirm, struct buf *out)
{
	size_t at = header_begin(out, TPDU_CONFIRM);

	if (confirm->failed)
		negotiation_put(out, NEG_FAILURE, 0, confirm->failure_code);
	else
		negotiation_put(out, NEG_RESPONSE, confirm->flags, confirm->protocol);
	header_end(out, at);
}

bool x224_data_read(struct reader *r)
{
	return read_u8(r) == 2 && read_u8(r) == TPDU_DATA && read_u8(r) == TPDU_EOT;
}

void x224_data_put(struct buf *out)
{
	buf_put_u8(out, 2);
	buf_put_u8(out, TPDU_DATA);
	buf_put_u8(out, TPDU_EOT);
}
