/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/rdp/info.h"

#define RECONNECT_COOKIE_LEN 28
#define DST_NAME_MAX 254

static bool utf16_well_formed(struct span text)
{
	struct reader r = reader_of(text);

	while (r.rest.len) {
		uint16_t unit = read_u16le(&r);

		if (unit == 0 || (unit >= 0xdc00 && unit <= 0xdfff))
			return false;
		if (unit >= 0xd800 && unit <= 0xdbff) {
			uint16_t low = read_u16le(&r);

			if (low < 0xdc00 || low > 0xdfff)
				return false;
		}
	}
	return !r.bad;
}

/* libfreerdp counts the NUL of a redirection password into its length. */
static struct span without_nuls(struct span text)
{
	while (text.len >= 2 && text.ptr[text.len - 1] == 0 && text.ptr[text.len - 2] == 0)
		text.len -= 2;
	return text;
}

/* `size` bytes without, then the two of the NUL. */
static int text_read(struct reader *r, size_t size, struct span *out, const char **why)
{
	if (size % 2 || size > INFO_TEXT_MAX - 2)
		return pdu_bad(why, "text length");

	struct span text = without_nuls(read_bytes(r, size));
	uint16_t nul = read_u16le(r);

	if (r->bad)
		return pdu_bad(why, "too short");
	if (nul != 0)
		return pdu_bad(why, "text without NUL");
	if (!utf16_well_formed(text))
		return pdu_bad(why, "text is no UTF-16");
	*out = text;
	return 0;
}

static void text_put(struct buf *out, struct span text)
{
	buf_put_span(out, text);
	buf_put_u16le(out, 0);
}

/* In the extended part the size counts the NUL, and 0 stands for no text. */
static int sized_text_read(struct reader *r, struct span *out, const char **why)
{
	uint16_t size = read_u16le(r);

	*out = (struct span){ 0 };
	if (r->bad)
		return pdu_bad(why, "too short");
	if (size == 0)
		return 0;
	if (size < 2)
		return pdu_bad(why, "text length");
	return text_read(r, size - (size_t)2, out, why);
}

static void sized_text_put(struct buf *out, struct span text)
{
	buf_put_u16le(out, (uint16_t)(text.len + 2));
	text_put(out, text);
}

static int address_read(struct reader *r, struct client_info *info, const char **why)
{
	info->address_family = read_u16le(r);
	if (sized_text_read(r, &info->address, why) < 0)
		return -EBADMSG;
	return sized_text_read(r, &info->directory, why);
}

static int reconnect_read(struct reader *r, const char **why)
{
	uint16_t size = read_u16le(r);

	if (size != 0 && size != RECONNECT_COOKIE_LEN)
		return pdu_bad(why, "auto-reconnect cookie length");
	read_skip(r, size);
	return 0;
}

static int dst_name_read(struct reader *r, struct span *out, const char **why)
{
	uint16_t size = read_u16le(r);

	if (size % 2 || size > DST_NAME_MAX)
		return pdu_bad(why, "time zone name length");
	*out = read_bytes(r, size);
	return 0;
}

static int extended_read(struct reader *r, struct client_info *info, const char **why)
{
	int rc = 0;

	while (rc == 0 && !r->bad && r->rest.len && info->extent < INFO_DST_DISABLED) {
		info->extent++;
		switch (info->extent) {
		case INFO_PLAIN:
			break;
		case INFO_ADDRESS:
			rc = address_read(r, info, why);
			break;
		case INFO_TIME_ZONE:
			info->time_zone = read_bytes(r, INFO_TIME_ZONE_LEN);
			break;
		case INFO_SESSION_ID:
			info->session_id = read_u32le(r);
			break;
		case INFO_PERFORMANCE:
			info->performance_flags = read_u32le(r);
			break;
		case INFO_RECONNECT:
			rc = reconnect_read(r, why);
			break;
		case INFO_RESERVED1:
		case INFO_RESERVED2:
			read_skip(r, 2);
			break;
		case INFO_DST_NAME:
			rc = dst_name_read(r, &info->dst_name, why);
			break;
		case INFO_DST_DISABLED:
			info->dst_disabled = read_u16le(r);
			break;
		}
	}
	return rc;
}

int client_info_parse(struct span data, struct client_info *out, const char **why)
{
	struct reader r = reader_of(data);
	struct client_info info = { 0 };
	struct span *const texts[] = { &info.domain, &info.user, &info.password, &info.shell,
				       &info.work_dir };
	uint16_t sizes[ARRAY_LEN(texts)];

	uint16_t security_flags = read_u16le(&r);
	uint16_t security_high = read_u16le(&r);

	info.code_page = read_u32le(&r);
	info.flags = read_u32le(&r);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		sizes[i] = read_u16le(&r);
	if (r.bad)
		return pdu_bad(why, "too short");
	if (security_flags != SEC_INFO_PACKET || security_high != 0)
		return pdu_bad(why, "security header is not SEC_INFO_PKT");
	if (!(info.flags & INFO_UNICODE))
		return pdu_bad(why, "texts are not Unicode");
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (text_read(&r, sizes[i], texts[i], why) < 0)
			return -EBADMSG;
	if (extended_read(&r, &info, why) < 0 || pdu_finish(&r, why) < 0)
		return -EBADMSG;
	*out = info;
	return 0;
}

static void extended_put(const struct client_info *info, struct buf *out)
{
	for (enum info_extent e = INFO_ADDRESS; e <= info->extent; e++) {
		switch (e) {
		case INFO_PLAIN:
			break;
		case INFO_ADDRESS:
			buf_put_u16le(out, info->address_family);
			sized_text_put(out, info->address);
			sized_text_put(out, info->directory);
			break;
		case INFO_TIME_ZONE:
			buf_put_span(out, info->time_zone);
			break;
		case INFO_SESSION_ID:
			buf_put_u32le(out, info->session_id);
			break;
		case INFO_PERFORMANCE:
			buf_put_u32le(out, info->performance_flags);
			break;
		case INFO_RECONNECT:
		case INFO_RESERVED1:
		case INFO_RESERVED2:
			buf_put_u16le(out, 0);
			break;
		case INFO_DST_NAME:
			buf_put_u16le(out, (uint16_t)info->dst_name.len);
			buf_put_span(out, info->dst_name);
			break;
		case INFO_DST_DISABLED:
			buf_put_u16le(out, info->dst_disabled);
			break;
		}
	}
}

void client_info_encode(const struct client_info *info, struct buf *out)
{
	const struct span texts[] = { info->domain, info->user, info->password, info->shell,
				      info->work_dir };

	buf_put_u16le(out, SEC_INFO_PACKET);
	buf_put_u16le(out, 0);
	buf_put_u32le(out, info->code_page);
	buf_put_u32le(out, info->flags);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (texts[i].len > INFO_TEXT_MAX - 2)
			out->failed = true;
		buf_put_u16le(out, (uint16_t)texts[i].len);
	}
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		text_put(out, texts[i]);
	extended_put(info, out);
}
