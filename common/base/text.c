/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/text.h"

#include <errno.h>

static const char base64_plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int str_copy(char *out, size_t size, const char *text)
{
	size_t len = strlen(text);

	if (len >= size)
		return -ENAMETOOLONG;
	memcpy(out, text, len + 1);
	return 0;
}

bool str_starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

void hex_encode(struct span in, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < in.len; i++) {
		out[2 * i] = digits[in.ptr[i] >> 4];
		out[2 * i + 1] = digits[in.ptr[i] & 15];
	}
	out[2 * in.len] = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_decode(const char *text, uint8_t *out, size_t out_len)
{
	if (strlen(text) != 2 * out_len)
		return -EINVAL;
	for (size_t i = 0; i < 2 * out_len; i++)
		if (hex_digit(text[i]) < 0)
			return -EINVAL;
	for (size_t i = 0; i < out_len; i++)
		out[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
	return 0;
}

static void base64_put(struct span in, const char *alphabet, bool pad, struct buf *out)
{
	for (size_t i = 0; i < in.len; i += 3) {
		size_t have = in.len - i < 3 ? in.len - i : 3;
		uint32_t group = (uint32_t)in.ptr[i] << 16;

		if (have > 1)
			group |= (uint32_t)in.ptr[i + 1] << 8;
		if (have > 2)
			group |= in.ptr[i + 2];
		for (size_t c = 0; c <= have; c++)
			buf_put_u8(out, (uint8_t)alphabet[group >> (18 - 6 * c) & 63]);
		for (size_t c = have; pad && c < 3; c++)
			buf_put_u8(out, '=');
	}
}

void base64url_encode(struct span in, struct buf *out)
{
	base64_put(in, base64_url, false, out);
}

void base64_encode(struct span in, struct buf *out)
{
	base64_put(in, base64_plain, true, out);
}

static int base64_digit(uint8_t c, const char *alphabet)
{
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

static ssize_t base64_get(struct span text, const char *alphabet, uint8_t *out, size_t limit)
{
	size_t tail = text.len % 4;
	size_t bytes = text.len / 4 * 3 + (tail ? tail - 1 : 0);
	uint32_t bits = 0;
	size_t at = 0;

	if (tail == 1 || bytes > limit)
		return -EINVAL;
	for (size_t i = 0; i < text.len; i++)
		if (base64_digit(text.ptr[i], alphabet) < 0)
			return -EINVAL;
	for (size_t i = 0; i < text.len; i++) {
		bits = bits << 6 | (uint32_t)base64_digit(text.ptr[i], alphabet);
		if (i % 4 == 0)
			continue;
		unsigned left = (unsigned)(6 - 2 * (i % 4));
		out[at++] = (uint8_t)(bits >> left);
		bits &= (1u << left) - 1;
	}
	return bits ? -EINVAL : (ssize_t)at;	/* leftover bits must be zero: one text per value */
}

ssize_t base64url_decode(struct span text, uint8_t *out, size_t limit)
{
	return base64_get(text, base64_url, out, limit);
}

ssize_t base64_decode(struct span text, uint8_t *out, size_t limit)
{
	if (text.len % 4)
		return -EINVAL;
	for (int pads = 0; pads < 2 && text.len && text.ptr[text.len - 1] == '='; pads++)
		text.len--;
	return base64_get(text, base64_plain, out, limit);
}

/* Bytes of the character at the front, 0 when there is no valid one. */
static size_t utf8_character(struct span text)
{
	uint8_t first = text.ptr[0];
	size_t len = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3
		   : first < 0xf5 ? 4 : 0;

	if (len == 0 || len > text.len)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((text.ptr[i] & 0xc0) != 0x80)
			return 0;
	if ((first == 0xe0 && text.ptr[1] < 0xa0) || (first == 0xed && text.ptr[1] > 0x9f) ||
	    (first == 0xf0 && text.ptr[1] < 0x90) || (first == 0xf4 && text.ptr[1] > 0x8f))
		return 0;
	return len;
}

size_t utf8_prefix(struct span text, size_t max)
{
	size_t at = 0;

	while (at < text.len) {
		size_t len = utf8_character(span_of(text.ptr + at, text.len - at));

		if (len == 0 || at + len > max)
			break;
		at += len;
	}
	return at;
}

bool utf8_valid(struct span text)
{
	return utf8_prefix(text, text.len) == text.len;
}

static void utf8_put(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_put_u8(out, (uint8_t)c);
	} else if (c < 0x800) {
		buf_put_u8(out, (uint8_t)(0xc0 | c >> 6));
		buf_put_u8(out, (uint8_t)(0x80 | (c & 63)));
	} else if (c < 0x10000) {
		buf_put_u8(out, (uint8_t)(0xe0 | c >> 12));
		buf_put_u8(out, (uint8_t)(0x80 | (c >> 6 & 63)));
		buf_put_u8(out, (uint8_t)(0x80 | (c & 63)));
	} else {
		buf_put_u8(out, (uint8_t)(0xf0 | c >> 18));
		buf_put_u8(out, (uint8_t)(0x80 | (c >> 12 & 63)));
		buf_put_u8(out, (uint8_t)(0x80 | (c >> 6 & 63)));
		buf_put_u8(out, (uint8_t)(0x80 | (c & 63)));
	}
}

int utf16le_to_utf8(struct span in, struct buf *out)
{
	struct reader r = reader_of(in);
	size_t start = out->len;

	if (in.len % 2)
		return -EILSEQ;
	while (r.rest.len) {
		uint32_t c = read_u16le(&r);

		if (c >= 0xd800 && c < 0xdc00) {
			uint32_t low = read_u16le(&r);

			if (r.bad || low < 0xdc00 || low > 0xdfff)
				goto bad;
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		} else if (c >= 0xdc00 && c < 0xe000) {
			goto bad;
		}
		utf8_put(out, c);
	}
	return out->failed ? -EMSGSIZE : 0;
bad:
	buf_truncate(out, start);
	return -EILSEQ;
}

int utf8_to_utf16le(struct span in, struct buf *out)
{
	if (!utf8_valid(in))
		return -EILSEQ;
	for (size_t at = 0; at < in.len;) {
		size_t len = utf8_character(span_of(in.ptr + at, in.len - at));
		uint32_t c = len == 1 ? in.ptr[at] : in.ptr[at] & (0x7fu >> len);

		for (size_t i = 1; i < len; i++)
			c = c << 6 | (in.ptr[at + i] & 63u);
		at += len;
		if (c >= 0x10000) {
			buf_put_u16le(out, (uint16_t)(0xd800 + ((c - 0x10000) >> 10)));
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		buf_put_u16le(out, (uint16_t)c);
	}
	return out->failed ? -EMSGSIZE : 0;
}
