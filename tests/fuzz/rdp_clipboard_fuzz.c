/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of both sides, under a policy. Whatever is said, only text formats are ever offered,
 * content only goes the way the policy allows, and nothing about files is passed on. */
#include "tests/fuzz/fuzz.h"
#include "hostagent/rdp/filter_clipboard.h"

static void ignore(void *context, struct span name)
{
	MUST(name.len > 0 && name.len < CLIPRDR_NAME_MAX);
}

static bool is_text(uint32_t id)
{
	return id == 1 || id == 7 || id == 13 || id == 16;
}

static void check_list(const struct clipboard_filter *filter, const struct cliprdr_message *m)
{
	bool long_names = filter->long_names[RDP_CLIENT] && filter->long_names[RDP_GUEST];
	struct reader r = reader_of(m->body);
	struct cliprdr_format format;
	const char *why;
	int more;

	while ((more = cliprdr_format_next(&r, long_names, false, &format, &why)) > 0)
		MUST(is_text(format.id));
	MUST(more == 0);
}

static void check_passed(const struct clipboard_filter *filter, enum rdp_clipboard policy,
			 enum rdp_side from, const struct cliprdr_message *m)
{
	bool gives = policy & (from == RDP_CLIENT ? RDP_CLIPBOARD_TO_DESKTOP
						  : RDP_CLIPBOARD_FROM_DESKTOP);

	MUST(m->type < CLIPRDR_TEMP_DIRECTORY || m->type == CLIPRDR_CAPABILITIES);
	if (m->type == CLIPRDR_FORMAT_LIST) {
		MUST(gives);
		check_list(filter, m);
	}
	if (m->type == CLIPRDR_DATA_RESPONSE)
		MUST(gives && m->body.len <= CLIPRDR_TEXT_MAX);
	if (m->type == CLIPRDR_CAPABILITIES)
		MUST((m->body.ptr[12] & ~CLIPRDR_USE_LONG_NAMES) == 0 && m->body.ptr[13] == 0);
}

static void check_reply(const struct cliprdr_message *m)
{
	MUST(m->type == CLIPRDR_FORMAT_LIST_RESPONSE ||
	     (m->flags == CLIPRDR_FAIL && m->body.len <= 4));
}

/* { u8 side, u16be length, message }... behind one byte of policy. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(span_of(data, size));
	struct clipboard_filter filter = { 0 };
	enum rdp_clipboard policy = (enum rdp_clipboard)(read_u8(&r) & 3);
	OWNED(buf_done) struct buf out = { 0 };

	while (r.rest.len) {
		enum rdp_side from = (enum rdp_side)(read_u8(&r) & 1);
		struct span message = read_bytes(&r, read_u16be(&r));
		enum clipboard_verdict verdict = CLIPBOARD_DROP;
		struct cliprdr_message m;
		const char *why = NULL;

		buf_reset(&out);
		if (r.bad || clipboard_take(&filter, policy, from, message, false, ignore, NULL, &out,
					    &verdict, &why) < 0)
			return 0;
		if (verdict == CLIPBOARD_DROP)
			continue;
		MUST(cliprdr_parse(buf_span(&out), &m, &why) == 0);
		if (verdict == CLIPBOARD_PASS)
			check_passed(&filter, policy, from, &m);
		else
			check_reply(&m);
	}
	return 0;
}
