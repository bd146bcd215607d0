/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/span.h"

static uint8_t fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool span_equal_fold(struct span a, struct span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (fold(a.ptr[i]) != fold(b.ptr[i]))
			return false;
	return true;
}

bool span_equal_secret(struct span a, struct span b)
{
	volatile uint8_t difference = 0;

	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		difference |= (uint8_t)(a.ptr[i] ^ b.ptr[i]);
	return difference == 0;
}

struct span read_bytes(struct reader *r, size_t len)
{
	if (r->bad || len > r->rest.len) {
		r->bad = true;
		return (struct span){ 0 };
	}

	struct span taken = { r->rest.ptr, len };

	r->rest.ptr += len;
	r->rest.len -= len;
	return taken;
}

struct span read_rest(struct reader *r)
{
	return read_bytes(r, r->bad ? 0 : r->rest.len);
}

void read_skip(struct reader *r, size_t len)
{
	(void)read_bytes(r, len);
}

static uint64_t read_big(struct reader *r, size_t width)
{
	struct span bytes = read_bytes(r, width);
	uint64_t value = 0;

	for (size_t i = 0; i < bytes.len; i++)
		value = value << 8 | bytes.ptr[i];
	return value;
}

static uint64_t read_little(struct reader *r, size_t width)
{
	struct span bytes = read_bytes(r, width);
	uint64_t value = 0;

	for (size_t i = bytes.len; i > 0; i--)
		value = value << 8 | bytes.ptr[i - 1];
	return value;
}

uint8_t read_u8(struct reader *r)
{
	return (uint8_t)read_big(r, 1);
}

uint16_t read_u16be(struct reader *r)
{
	return (uint16_t)read_big(r, 2);
}

uint16_t read_u16le(struct reader *r)
{
	return (uint16_t)read_little(r, 2);
}

uint32_t read_u32be(struct reader *r)
{
	return (uint32_t)read_big(r, 4);
}

uint32_t read_u32le(struct reader *r)
{
	return (uint32_t)read_little(r, 4);
}

uint64_t read_u64be(struct reader *r)
{
	return read_big(r, 8);
}

uint64_t read_u64le(struct reader *r)
{
	return read_little(r, 8);
}
