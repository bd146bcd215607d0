/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/buf.h"

#include <stdio.h>

#define DEFAULT_LIMIT ((size_t)16 << 20)
#define FIRST_CAPACITY 128

void buf_done(struct buf *b)
{
	free(b->ptr);
	*b = (struct buf){ .limit = b->limit };
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

void buf_consume(struct buf *b, size_t len)
{
	if (len >= b->len) {
		b->len = 0;
		return;
	}
	memmove(b->ptr, b->ptr + len, b->len - len);
	b->len -= len;
}

void buf_truncate(struct buf *b, size_t len)
{
	if (len < b->len)
		b->len = len;
}

/* One byte more than asked is always there, so that buf_text() can end the text. */
uint8_t *buf_reserve(struct buf *b, size_t len)
{
	size_t limit = b->limit ? b->limit : DEFAULT_LIMIT;

	if (b->failed || len > limit || b->len > limit - len) {
		b->failed = true;
		return NULL;
	}
	if (b->len + len + 1 > b->capacity) {
		size_t capacity = b->capacity ? b->capacity : FIRST_CAPACITY;

		while (capacity < b->len + len + 1)
			capacity *= 2;

		uint8_t *grown = realloc(b->ptr, capacity);

		if (!grown) {
			b->failed = true;
			return NULL;
		}
		b->ptr = grown;
		b->capacity = capacity;
	}
	return b->ptr + b->len;
}

uint8_t *buf_extend(struct buf *b, size_t len)
{
	uint8_t *at = buf_reserve(b, len);

	if (at) {
		memset(at, 0, len);
		b->len += len;
	}
	return at;
}

void buf_put(struct buf *b, const void *bytes, size_t len)
{
	uint8_t *at = buf_reserve(b, len);

	if (at && len) {
		memcpy(at, bytes, len);
		b->len += len;
	}
}

void buf_put_span(struct buf *b, struct span bytes)
{
	buf_put(b, bytes.ptr, bytes.len);
}

void buf_put_text(struct buf *b, const char *text)
{
	buf_put(b, text, strlen(text));
}

void buf_put_zeros(struct buf *b, size_t len)
{
	(void)buf_extend(b, len);
}

static void put_big(struct buf *b, uint64_t v, size_t width)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < width; i++)
		bytes[i] = (uint8_t)(v >> 8 * (width - 1 - i));
	buf_put(b, bytes, width);
}

static void put_little(struct buf *b, uint64_t v, size_t width)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < width; i++)
		bytes[i] = (uint8_t)(v >> 8 * i);
	buf_put(b, bytes, width);
}

void buf_put_u8(struct buf *b, uint8_t v)
{
	buf_put(b, &v, 1);
}

void buf_put_u16be(struct buf *b, uint16_t v)
{
	put_big(b, v, 2);
}

void buf_put_u16le(struct buf *b, uint16_t v)
{
	put_little(b, v, 2);
}

void buf_put_u32be(struct buf *b, uint32_t v)
{
	put_big(b, v, 4);
}

void buf_put_u32le(struct buf *b, uint32_t v)
{
	put_little(b, v, 4);
}

void buf_put_u64be(struct buf *b, uint64_t v)
{
	put_big(b, v, 8);
}

void buf_put_u64le(struct buf *b, uint64_t v)
{
	put_little(b, v, 8);
}

void buf_set_u16be(struct buf *b, size_t at, uint16_t v)
{
	if (b->len < 2 || at > b->len - 2) {
		b->failed = true;
		return;
	}
	b->ptr[at] = (uint8_t)(v >> 8);
	b->ptr[at + 1] = (uint8_t)v;
}

void buf_set_u16le(struct buf *b, size_t at, uint16_t v)
{
	buf_set_u16be(b, at, (uint16_t)(v << 8 | v >> 8));
}

void buf_set_u32le(struct buf *b, size_t at, uint32_t v)
{
	if (b->len < 4 || at > b->len - 4) {
		b->failed = true;
		return;
	}
	for (size_t i = 0; i < 4; i++)
		b->ptr[at + i] = (uint8_t)(v >> 8 * i);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	char small[256];

	va_start(args, fmt);
	int wanted = vsnprintf(small, sizeof(small), fmt, args);
	va_end(args);
	if (wanted < 0) {
		b->failed = true;
		return;
	}
	if ((size_t)wanted < sizeof(small)) {
		buf_put(b, small, (size_t)wanted);
		return;
	}

	uint8_t *at = buf_reserve(b, (size_t)wanted);	/* the spare byte takes the NUL */

	if (!at)
		return;
	va_start(args, fmt);
	vsnprintf((char *)at, (size_t)wanted + 1, fmt, args);
	va_end(args);
	b->len += (size_t)wanted;
}

const char *buf_text(struct buf *b)
{
	if (!b->ptr)
		return "";
	b->ptr[b->len] = '\0';
	return (const char *)b->ptr;
}

char *buf_steal_text(struct buf *b)
{
	if (!b->ptr)
		return xstrdup("");
	b->ptr[b->len] = '\0';

	char *text = (char *)STEAL(b->ptr);

	b->len = b->capacity = 0;
	b->failed = false;
	return text;
}
