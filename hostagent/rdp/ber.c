/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/rdp/ber.h"

static size_t length_read(struct reader *r)
{
	uint8_t first = read_u8(r);

	if (first < 0x80)
		return first;
	if (first == 0x81)
		return read_u8(r);
	if (first == 0x82)
		return read_u16be(r);
	r->bad = true;
	return 0;
}

struct span ber_read(struct reader *r, uint16_t tag)
{
	uint16_t found = tag > 0xff ? read_u16be(r) : read_u8(r);

	if (found != tag)
		r->bad = true;
	return read_bytes(r, length_read(r));
}

uint32_t ber_read_u32(struct reader *r, uint16_t tag)
{
	struct span content = ber_read(r, tag);
	uint32_t value = 0;

	/* A fifth byte is the zero that keeps the sign positive. */
	if (content.len == 0 || content.len > 5 || (content.len == 5 && content.ptr[0] != 0)) {
		r->bad = true;
		return 0;
	}
	for (size_t i = 0; i < content.len; i++)
		value = value << 8 | content.ptr[i];
	return value;
}

static size_t tag_size(uint16_t tag)
{
	return tag > 0xff ? 2 : 1;
}

static size_t length_size(size_t length)
{
	return length < 0x80 ? 1 : length < 0x100 ? 2 : 3;
}

size_t ber_size(uint16_t tag, size_t length)
{
	return tag_size(tag) + length_size(length) + length;
}

void ber_put_header(struct buf *out, uint16_t tag, size_t length)
{
	if (length > 0xffff) {
		out->failed = true;
		return;
	}
	if (tag > 0xff)
		buf_put_u16be(out, tag);
	else
		buf_put_u8(out, (uint8_t)tag);
	if (length_size(length) > 1)
		buf_put_u8(out, (uint8_t)(0x7f + length_size(length)));
	if (length_size(length) > 2)
		buf_put_u16be(out, (uint16_t)length);
	else
		buf_put_u8(out, (uint8_t)length);
}

/* A leading one bit would make it negative, so each width ends a bit early. */
static size_t integer_len(uint32_t value)
{
	return value < 0x80 ? 1 : value < 0x8000 ? 2 : value < 0x800000 ? 3
	     : value < 0x80000000u ? 4 : 5;
}

size_t ber_u32_size(uint32_t value)
{
	return ber_size(BER_INTEGER, integer_len(value));
}

void ber_put_u32(struct buf *out, uint16_t tag, uint32_t value)
{
	size_t len = integer_len(value);

	ber_put_header(out, tag, len);
	for (size_t i = len; i > 0; i--)
		buf_put_u8(out, (uint8_t)((uint64_t)value >> 8 * (i - 1)));
}

void ber_put_octets(struct buf *out, struct span content)
{
	ber_put_header(out, BER_OCTETS, content.len);
	buf_put_span(out, content);
}

size_t per_read_length(struct reader *r)
{
	uint8_t first = read_u8(r);

	if (first < 0x80)
		return first;
	return (size_t)(first & 0x7f) << 8 | read_u8(r);
}

void per_put_length(struct buf *out, size_t length)
{
	if (length > 0x7fff)
		out->failed = true;
	else if (length < 0x80)
		buf_put_u8(out, (uint8_t)length);
	else
		buf_put_u16be(out, (uint16_t)(0x8000 | length));
}

uint32_t per_read_u32(struct reader *r)
{
	size_t length = per_read_length(r);

	if (length == 1)
		return read_u8(r);
	if (length == 2)
		return read_u16be(r);
	if (length == 4)
		return read_u32be(r);
	r->bad = true;
	return 0;
}
