/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/directory/identity.h"

#include <errno.h>
#include <stdio.h>

#define GUID_BYTES 16
#define SID_HEAD 8		/* revision, count, 48 bits of authority */
#define SID_PARTS_MAX 15

/* Which byte of the binary form stands at each place of the text. */
static const uint8_t guid_order[GUID_BYTES] = { 3, 2, 1, 0, 5, 4, 7, 6,
						8, 9, 10, 11, 12, 13, 14, 15 };

int guid_text(struct span bytes, char out[GUID_TEXT_SIZE])
{
	char *at = out;

	if (bytes.len != GUID_BYTES)
		return -EINVAL;
	for (size_t i = 0; i < GUID_BYTES; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		at += snprintf(at, 3, "%02x", bytes.ptr[guid_order[i]]);
	}
	return 0;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int guid_parse(const char *text, uint8_t out[GUID_BYTES])
{
	if (strlen(text) != GUID_TEXT_SIZE - 1)
		return -EINVAL;
	for (size_t i = 0, at = 0; i < GUID_BYTES; i++, at += 2) {
		if ((i == 4 || i == 6 || i == 8 || i == 10) && text[at++] != '-')
			return -EINVAL;
		int high = hex_value(text[at]), low = hex_value(text[at + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		out[guid_order[i]] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

int guid_filter(const char *text, struct buf *out)
{
	uint8_t bytes[GUID_BYTES];

	if (guid_parse(text, bytes) < 0)
		return -EINVAL;
	for (size_t i = 0; i < GUID_BYTES; i++)
		buf_printf(out, "\\%02x", bytes[i]);
	return 0;
}

static uint32_t part_of(struct span sid, size_t i)
{
	const uint8_t *p = sid.ptr + SID_HEAD + 4 * i;

	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int write_sid(struct span sid, const uint32_t *last, char out[SID_TEXT_SIZE])
{
	OWNED(buf_done) struct buf text = BUF_LIMIT(SID_TEXT_SIZE - 1);
	uint64_t authority = 0;
	size_t parts = sid.len > 1 ? sid.ptr[1] : 0;

	if (sid.len < SID_HEAD + 4 || sid.ptr[0] != 1 || parts < 1 || parts > SID_PARTS_MAX ||
	    sid.len != SID_HEAD + 4 * parts)
		return -EINVAL;
	for (size_t i = 2; i < SID_HEAD; i++)
		authority = authority << 8 | sid.ptr[i];
	buf_printf(&text, "S-1-%llu", (unsigned long long)authority);
	for (size_t i = 0; i < parts; i++)
		buf_printf(&text, "-%u", last && i == parts - 1 ? *last : part_of(sid, i));
	if (text.failed)
		return -EINVAL;
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return 0;
}

int sid_text(struct span bytes, char out[SID_TEXT_SIZE])
{
	return write_sid(bytes, NULL, out);
}

int sid_sibling(struct span bytes, uint32_t rid, char out[SID_TEXT_SIZE])
{
	return write_sid(bytes, &rid, out);
}
