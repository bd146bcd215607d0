/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/rdp/share.h"

#define HEADER_LEN 6
#define PDU_TYPE_MASK 0x000f
#define PDU_VERSION 0x0010
#define STREAM_LOW 1

int share_next(struct reader *r, struct share_pdu *out, const char **why)
{
	if (r->rest.len == 0)
		return 0;

	uint16_t total = read_u16le(r);
	uint16_t type = read_u16le(r);
	uint16_t source = read_u16le(r);

	if (r->bad || total < HEADER_LEN || total - (size_t)HEADER_LEN > r->rest.len)
		return pdu_bad(why, "share control length");
	if ((type & ~PDU_TYPE_MASK) != PDU_VERSION)
		return pdu_bad(why, "share control version");

	struct share_pdu pdu = {
		.type = (enum share_type)(type & PDU_TYPE_MASK),
		.source = source,
		.body = read_bytes(r, total - (size_t)HEADER_LEN),
	};

	if (pdu.type == SHARE_DATA) {
		if (pdu.body.len < SHARE_DATA_HEADER_LEN)
			return pdu_bad(why, "share data too short");
		pdu.data_type = pdu.body.ptr[8];
	}
	*out = pdu;
	return 1;
}

size_t share_begin(struct buf *out, enum share_type type, uint16_t source)
{
	size_t at = out->len;

	buf_put_u16le(out, 0);
	buf_put_u16le(out, (uint16_t)(PDU_VERSION | type));
	buf_put_u16le(out, source);
	return at;
}

void share_end(struct buf *out, size_t begun_at)
{
	size_t length = out->failed ? 0 : out->len - begun_at;

	if (length > 0xffff)
		out->failed = true;
	else
		buf_set_u16le(out, begun_at, (uint16_t)length);
}

void share_error_info_encode(uint32_t share_id, uint16_t source, uint32_t error, struct buf *out)
{
	size_t at = share_begin(out, SHARE_DATA, source);

	buf_put_u32le(out, share_id);
	buf_put_u8(out, 0);
	buf_put_u8(out, STREAM_LOW);
	buf_put_u16le(out, 8);	/* uncompressedLength: from pduType2 on */
	buf_put_u8(out, SHARE_DATA_ERROR_INFO);
	buf_put_u8(out, 0);
	buf_put_u16le(out, 0);
	buf_put_u32le(out, error);
	share_end(out, at);
}
