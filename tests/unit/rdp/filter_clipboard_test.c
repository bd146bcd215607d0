/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rdp/rdp_test.h"
#include "hostagent/rdp/filter_clipboard.h"

#define YES CLIPRDR_OK
#define NO CLIPRDR_FAIL

static const char *why;
static struct clipboard_filter filter;
static enum rdp_clipboard policy;
static struct buf out, denied;

static void note(void *context, struct span name)
{
	buf_put_span(&denied, name);
	buf_put_text(&denied, ";");
}

static void begin(enum rdp_clipboard directions)
{
	filter = (struct clipboard_filter){ 0 };
	policy = directions;
}

/* The verdict, or -EBADMSG; `out` and `denied` are of this message. */
static int take_raw(enum rdp_side from, struct span message, bool truncated)
{
	enum clipboard_verdict verdict = CLIPBOARD_DROP;

	buf_reset(&out);
	buf_reset(&denied);
	why = NULL;
	int rc = clipboard_take(&filter, policy, from, message, truncated, note, NULL, &out,
				&verdict, &why);

	if (rc == 0 && verdict == CLIPBOARD_DROP)
		assert_int_equal(out.len, 0);
	return rc < 0 ? rc : (int)verdict;
}

static int take(enum rdp_side from, enum cliprdr_type type, uint16_t flags, struct span body)
{
	OWNED(buf_done) struct buf message = { 0 };

	cliprdr_encode(type, flags, body, &message);
	return take_raw(from, buf_span(&message), false);
}

static void assert_out(enum cliprdr_type type, uint16_t flags, struct span body)
{
	OWNED(buf_done) struct buf wanted = { 0 };

	cliprdr_encode(type, flags, body, &wanted);
	assert_span_equal(buf_span(&out), buf_span(&wanted));
}

#define EMPTY span_of(NULL, 0)
#define TEXT BYTES('h', 0, 'i', 0, 0, 0)
/* Text in two formats, HTML, a list of files, a picture, and text once more. */
#define RICH_LIST                                                                                  \
	BYTES(13, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0x10, 0xc0, 0, 0, 'H', 0, 'T', 0, 0, 0,         \
	      0x0a, 0xc0, 0, 0, 'F', 0, 'G', 0, 'D', 0, 'W', 0, 0, 0, 8, 0, 0, 0, 0, 0, 13, 0, 0,  \
	      0, 0, 0)
#define TEXT_LIST BYTES(13, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0)
#define REQUEST(id) BYTES(id, 0, 0, 0)

static void capabilities_exchange(void)
{
	struct span body = BYTES(1, 0, 0, 0, 1, 0, 12, 0, 2, 0, 0, 0, 0x3e, 0, 0, 0);
	struct span left = BYTES(1, 0, 0, 0, 1, 0, 12, 0, 2, 0, 0, 0, 2, 0, 0, 0);

	for (int side = 0; side < RDP_SIDES; side++) {
		assert_int_equal(take((enum rdp_side)side, CLIPRDR_CAPABILITIES, 0, body),
				 CLIPBOARD_PASS);
		assert_out(CLIPRDR_CAPABILITIES, 0, left);
	}
}

static void test_files_are_taken_out_of_capabilities(void **state)
{
	begin(RDP_CLIPBOARD_BOTH);
	capabilities_exchange();
	assert_true(filter.long_names[RDP_CLIENT] && filter.long_names[RDP_GUEST]);
}

static void test_only_text_is_left_of_a_list(void **state)
{
	for (int side = 0; side < RDP_SIDES; side++) {
		begin(RDP_CLIPBOARD_BOTH);
		capabilities_exchange();
		assert_int_equal(take((enum rdp_side)side, CLIPRDR_FORMAT_LIST, 0, RICH_LIST),
				 CLIPBOARD_PASS);
		assert_out(CLIPRDR_FORMAT_LIST, 0, TEXT_LIST);
		assert_string_equal(buf_text(&denied), "HT;FGDW;CF_DIB;");
	}
}

/* In every policy, text goes from a side exactly when the policy says so. */
static void test_directions(void **state)
{
	const struct { enum rdp_clipboard policy; enum rdp_side from; bool passes; } cases[] = {
		{ RDP_CLIPBOARD_DENY, RDP_CLIENT, false },
		{ RDP_CLIPBOARD_DENY, RDP_GUEST, false },
		{ RDP_CLIPBOARD_TO_DESKTOP, RDP_CLIENT, true },
		{ RDP_CLIPBOARD_TO_DESKTOP, RDP_GUEST, false },
		{ RDP_CLIPBOARD_FROM_DESKTOP, RDP_CLIENT, false },
		{ RDP_CLIPBOARD_FROM_DESKTOP, RDP_GUEST, true },
		{ RDP_CLIPBOARD_BOTH, RDP_CLIENT, true },
		{ RDP_CLIPBOARD_BOTH, RDP_GUEST, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum rdp_side from = cases[i].from;
		enum rdp_side to = from == RDP_CLIENT ? RDP_GUEST : RDP_CLIENT;

		begin(cases[i].policy);
		capabilities_exchange();
		int list = take(from, CLIPRDR_FORMAT_LIST, 0, TEXT_LIST);

		if (!cases[i].passes) {
			assert_int_equal(list, CLIPBOARD_REPLY);
			assert_out(CLIPRDR_FORMAT_LIST_RESPONSE, YES, EMPTY);
			assert_string_equal(buf_text(&denied), "CF_UNICODETEXT;CF_TEXT;");
			assert_int_equal(take(to, CLIPRDR_DATA_REQUEST, 0, REQUEST(13)),
					 CLIPBOARD_REPLY);
			assert_out(CLIPRDR_DATA_RESPONSE, NO, EMPTY);
			assert_int_equal(take(from, CLIPRDR_DATA_RESPONSE, YES, TEXT), CLIPBOARD_DROP);
			assert_string_equal(buf_text(&denied), "content nobody asked for;");
			continue;
		}
		assert_int_equal(list, CLIPBOARD_PASS);
		assert_int_equal(take(to, CLIPRDR_FORMAT_LIST_RESPONSE, YES, EMPTY), CLIPBOARD_PASS);
		assert_int_equal(take(to, CLIPRDR_DATA_REQUEST, 0, REQUEST(13)), CLIPBOARD_PASS);
		assert_out(CLIPRDR_DATA_REQUEST, 0, REQUEST(13));
		assert_int_equal(take(from, CLIPRDR_DATA_RESPONSE, YES, TEXT), CLIPBOARD_PASS);
		assert_out(CLIPRDR_DATA_RESPONSE, YES, TEXT);
		/* once asked, once answered */
		assert_int_equal(take(from, CLIPRDR_DATA_RESPONSE, YES, TEXT), CLIPBOARD_DROP);
		assert_int_equal(take(to, CLIPRDR_FORMAT_LIST_RESPONSE, YES, EMPTY), CLIPBOARD_DROP);
	}
}

static void test_only_what_is_offered_may_be_asked_for(void **state)
{
	const uint8_t never[] = { 0, 2, 8, 15, 17, 45, 255 };

	begin(RDP_CLIPBOARD_BOTH);
	capabilities_exchange();
	assert_int_equal(take(RDP_GUEST, CLIPRDR_DATA_REQUEST, 0, REQUEST(13)), CLIPBOARD_REPLY);
	assert_int_equal(take(RDP_CLIENT, CLIPRDR_FORMAT_LIST, 0, RICH_LIST), CLIPBOARD_PASS);
	for (size_t i = 0; i < sizeof(never); i++) {
		assert_int_equal(take(RDP_GUEST, CLIPRDR_DATA_REQUEST, 0, REQUEST(never[i])),
				 CLIPBOARD_REPLY);
		assert_out(CLIPRDR_DATA_RESPONSE, NO, EMPTY);
		assert_true(denied.len > 0);
	}
	assert_int_equal(take(RDP_GUEST, CLIPRDR_DATA_REQUEST, 0, REQUEST(7)), CLIPBOARD_REPLY);
	assert_int_equal(take(RDP_GUEST, CLIPRDR_DATA_REQUEST, 0, REQUEST(1)), CLIPBOARD_PASS);
	/* and no longer, once something else was copied */
	assert_int_equal(take(RDP_CLIENT, CLIPRDR_FORMAT_LIST, 0, EMPTY), CLIPBOARD_PASS);
	assert_int_equal(take(RDP_GUEST, CLIPRDR_DATA_REQUEST, 0, REQUEST(1)), CLIPBOARD_REPLY);
}

static void test_text_has_a_size(void **state)
{
	static uint8_t bytes[CLIPBOARD_MESSAGE_MAX];
	struct span longest = span_of(bytes, CLIPRDR_TEXT_MAX);

	begin(RDP_CLIPBOARD_BOTH);
	capabilities_exchange();
	(void)take(RDP_CLIENT, CLIPRDR_FORMAT_LIST, 0, TEXT_LIST);
	(void)take(RDP_GUEST, CLIPRDR_DATA_REQUEST, 0, REQUEST(13));
	assert_int_equal(take(RDP_CLIENT, CLIPRDR_DATA_RESPONSE, YES, longest), CLIPBOARD_PASS);
	assert_out(CLIPRDR_DATA_RESPONSE, YES, longest);

	(void)take(RDP_GUEST, CLIPRDR_DATA_REQUEST, 0, REQUEST(13));
	assert_int_equal(take(RDP_CLIENT, CLIPRDR_DATA_RESPONSE, YES,
			      span_of(bytes, CLIPRDR_TEXT_MAX + 1)), CLIPBOARD_PASS);
	assert_out(CLIPRDR_DATA_RESPONSE, NO, EMPTY);
	assert_string_equal(buf_text(&denied), "text over 64 KiB;");

	/* so long that only its beginning was kept */
	(void)take(RDP_GUEST, CLIPRDR_DATA_REQUEST, 0, REQUEST(13));
	memcpy(bytes, "\5\0\1\0\0\0\x40", 7);
	assert_int_equal(take_raw(RDP_CLIENT, span_of(bytes, sizeof(bytes)), true), CLIPBOARD_PASS);
	assert_out(CLIPRDR_DATA_RESPONSE, NO, EMPTY);
	memcpy(bytes, "\2\0\0\0\0\0\x40", 7);
	assert_int_equal(take_raw(RDP_CLIENT, span_of(bytes, sizeof(bytes)), true), -EBADMSG);
	assert_string_equal(why, "clipboard message too long");
}

static void test_files_have_no_way(void **state)
{
	struct span request = BYTES(9, 8, 7, 6, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
				    1, 0);

	for (int side = 0; side < RDP_SIDES; side++) {
		enum rdp_side from = (enum rdp_side)side;

		begin(RDP_CLIPBOARD_BOTH);
		capabilities_exchange();
		assert_int_equal(take(from, CLIPRDR_FILE_REQUEST, 0, request), CLIPBOARD_REPLY);
		assert_out(CLIPRDR_FILE_RESPONSE, NO, BYTES(9, 8, 7, 6));
		assert_string_equal(buf_text(&denied), "file contents request;");
		assert_int_equal(take(from, CLIPRDR_FILE_RESPONSE, YES, TEXT), CLIPBOARD_DROP);
		assert_string_equal(buf_text(&denied), "file contents;");
		assert_int_equal(take(from, CLIPRDR_TEMP_DIRECTORY, 0, TEXT), CLIPBOARD_DROP);
		assert_int_equal(take(from, CLIPRDR_LOCK, 0, REQUEST(1)), CLIPBOARD_DROP);
		assert_int_equal(take(from, CLIPRDR_UNLOCK, 0, REQUEST(1)), CLIPBOARD_DROP);
		assert_string_equal(buf_text(&denied), "lock of files;");
	}
}

/* Without long names on both sides a list has fixed fields, whatever one side says. */
static void test_short_lists(void **state)
{
	uint8_t list[3 * 36] = { 13 };

	list[36] = 15;
	list[72] = 7;
	begin(RDP_CLIPBOARD_BOTH);
	assert_int_equal(take(RDP_GUEST, CLIPRDR_FORMAT_LIST, 0, span_of(list, sizeof(list))),
			 CLIPBOARD_PASS);
	memmove(list + 36, list + 72, 36);
	assert_out(CLIPRDR_FORMAT_LIST, 0, span_of(list, 72));
	assert_string_equal(buf_text(&denied), "CF_HDROP;");
}

static void test_hostile(void **state)
{
	static uint8_t many[513 * 6];
	const struct { enum rdp_side from; enum cliprdr_type type; uint16_t flags;
		       struct span body; } cases[] = {
		{ RDP_CLIENT, CLIPRDR_MONITOR_READY, 0, EMPTY },
		{ RDP_CLIENT, CLIPRDR_FORMAT_LIST, 0, BYTES(13, 0, 0) },
		{ RDP_CLIENT, CLIPRDR_FORMAT_LIST, 0, BYTES(13, 0, 0, 0, 0) },
		{ RDP_CLIENT, CLIPRDR_FORMAT_LIST, 0, span_of(many, sizeof(many)) },
		{ RDP_GUEST, CLIPRDR_DATA_REQUEST, 0, BYTES(13, 0, 0) },
		{ RDP_GUEST, CLIPRDR_DATA_REQUEST, 0, BYTES(13, 0, 0, 0, 0) },
		{ RDP_GUEST, CLIPRDR_FILE_REQUEST, 0, BYTES(13, 0, 0) },
		{ RDP_CLIENT, CLIPRDR_DATA_RESPONSE, 0, TEXT },
		{ RDP_CLIENT, CLIPRDR_DATA_RESPONSE, 3, TEXT },
		{ RDP_CLIENT, CLIPRDR_FORMAT_LIST_RESPONSE, 0, EMPTY },
		{ RDP_CLIENT, CLIPRDR_CAPABILITIES, 0, BYTES(1, 0, 0, 0) },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		begin(RDP_CLIPBOARD_BOTH);
		capabilities_exchange();
		assert_int_equal(take(cases[i].from, cases[i].type, cases[i].flags, cases[i].body),
				 -EBADMSG);
		assert_non_null(why);
	}
	begin(RDP_CLIPBOARD_BOTH);
	(void)take(RDP_CLIENT, CLIPRDR_FORMAT_LIST, 0, EMPTY);
	int rc = CLIPBOARD_PASS;

	for (int i = 0; i < 100 && rc >= 0; i++)
		rc = take(RDP_CLIENT, CLIPRDR_FORMAT_LIST, 0, EMPTY);
	assert_string_equal(why, "too many clipboard lists wait for an answer");
}

static int group_done(void **state)
{
	buf_done(&out);
	buf_done(&denied);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_are_taken_out_of_capabilities),
		cmocka_unit_test(test_only_text_is_left_of_a_list),
		cmocka_unit_test(test_directions),
		cmocka_unit_test(test_only_what_is_offered_may_be_asked_for),
		cmocka_unit_test(test_text_has_a_size),
		cmocka_unit_test(test_files_have_no_way),
		cmocka_unit_test(test_short_lists),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, group_done);
}
