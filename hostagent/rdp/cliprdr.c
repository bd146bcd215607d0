/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/rdp/cliprdr.h"

#include <stdio.h>

#define PADDING_MAX 4
#define SHORT_NAME_LEN 32
#define CAPABILITY_GENERAL 1
#define CAPABILITY_GENERAL_LEN 12
#define CAPABILITY_VERSION 2
#define CAPABILITY_SETS_MAX 8

int cliprdr_parse(struct span in, struct cliprdr_message *out, const char **why)
{
	struct reader r = reader_of(in);
	uint16_t type = read_u16le(&r);
	uint16_t flags = read_u16le(&r);
	uint32_t len = read_u32le(&r);
	struct span body = read_bytes(&r, len);

	if (r.bad)
		return pdu_bad(why, "clipboard message too short");
	if (r.rest.len > PADDING_MAX)
		return pdu_bad(why, "clipboard message with trailing bytes");
	if (type < CLIPRDR_MONITOR_READY || type > CLIPRDR_UNLOCK)
		return pdu_bad(why, "clipboard message type");
	*out = (struct cliprdr_message){ (enum cliprdr_type)type, flags, body };
	return 0;
}

void cliprdr_encode(enum cliprdr_type type, uint16_t flags, struct span body, struct buf *out)
{
	buf_put_u16le(out, (uint16_t)type);
	buf_put_u16le(out, flags);
	buf_put_u32le(out, (uint32_t)body.len);
	buf_put_span(out, body);
}

int cliprdr_capabilities_parse(struct span body, uint32_t *flags, const char **why)
{
	struct reader r = reader_of(body);
	uint16_t count = read_u16le(&r);

	*flags = 0;
	read_skip(&r, 2);
	if (count > CAPABILITY_SETS_MAX)
		return pdu_bad(why, "clipboard capability sets");
	for (uint16_t i = 0; i < count; i++) {
		uint16_t type = read_u16le(&r);
		uint16_t len = read_u16le(&r);
		struct reader set = reader_of(read_bytes(&r, len < 4 ? 0 : len - 4u));

		if (r.bad || len < 4)
			return pdu_bad(why, "clipboard capability set length");
		if (type != CAPABILITY_GENERAL)
			continue;
		read_skip(&set, 4);
		*flags = read_u32le(&set);
		if (!reader_finished(&set))
			return pdu_bad(why, "clipboard general capability set length");
	}
	return pdu_finish(&r, why);
}

void cliprdr_capabilities_encode(uint32_t flags, struct buf *out)
{
	buf_put_u16le(out, CLIPRDR_CAPABILITIES);
	buf_put_u16le(out, 0);
	buf_put_u32le(out, 4 + CAPABILITY_GENERAL_LEN);
	buf_put_u16le(out, 1);
	buf_put_u16le(out, 0);
	buf_put_u16le(out, CAPABILITY_GENERAL);
	buf_put_u16le(out, CAPABILITY_GENERAL_LEN);
	buf_put_u32le(out, CAPABILITY_VERSION);
	buf_put_u32le(out, flags);
}

/* One character of a name, or 0 at its end. What is not printable ASCII reads as '?'. */
static char name_char(struct reader *r, bool wide)
{
	uint16_t c = wide ? read_u16le(r) : read_u8(r);

	if (c == 0)
		return '\0';
	return c >= 0x20 && c <= 0x7e ? (char)c : '?';
}

/* Reads over a name up to its NUL; false when it has none. */
static bool name_read(struct reader *r, bool wide, char out[CLIPRDR_NAME_MAX])
{
	size_t len = 0;

	while (!r->bad) {
		char c = name_char(r, wide);

		if (r->bad)
			break;
		if (c == '\0') {
			out[len] = '\0';
			return true;
		}
		if (len < CLIPRDR_NAME_MAX - 1)
			out[len++] = c;
	}
	return false;
}

int cliprdr_format_next(struct reader *r, bool long_names, bool ascii_names,
			struct cliprdr_format *out, const char **why)
{
	if (r->rest.len == 0)
		return 0;

	struct cliprdr_format format = { .id = read_u32le(r) };

	if (long_names) {
		if (!name_read(r, true, format.name))
			return pdu_bad(why, "clipboard format name without an end");
	} else {
		uint8_t bytes[SHORT_NAME_LEN + 2] = { 0 };	/* a full field needs no NUL */
		struct span field = read_bytes(r, SHORT_NAME_LEN);

		if (r->bad)
			return pdu_bad(why, "clipboard format too short");
		memcpy(bytes, field.ptr, field.len);

		struct reader name = reader_of(span_of(bytes, sizeof(bytes)));

		(void)name_read(&name, !ascii_names, format.name);
	}
	if (!format.name[0])
		cliprdr_format_name(format.id, format.name);
	*out = format;
	return 1;
}

void cliprdr_format_put(uint32_t id, bool long_names, struct buf *out)
{
	buf_put_u32le(out, id);
	buf_put_zeros(out, long_names ? 2 : SHORT_NAME_LEN);
}

void cliprdr_format_name(uint32_t id, char out[CLIPRDR_NAME_MAX])
{
	static const char *const standard[] = {
		[1] = "CF_TEXT",	[2] = "CF_BITMAP",	[3] = "CF_METAFILEPICT",
		[4] = "CF_SYLK",	[5] = "CF_DIF",		[6] = "CF_TIFF",
		[7] = "CF_OEMTEXT",	[8] = "CF_DIB",		[9] = "CF_PALETTE",
		[10] = "CF_PENDATA",	[11] = "CF_RIFF",	[12] = "CF_WAVE",
		[13] = "CF_UNICODETEXT", [14] = "CF_ENHMETAFILE", [15] = "CF_HDROP",
		[16] = "CF_LOCALE",	[17] = "CF_DIBV5",
	};

	if (id < ARRAY_LEN(standard) && standard[id])
		snprintf(out, CLIPRDR_NAME_MAX, "%s", standard[id]);
	else
		snprintf(out, CLIPRDR_NAME_MAX, "format %u", (unsigned)id);
}
