/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rdp/rdp_test.h"
#include "hostagent/rdp/cliprdr.h"

static const char *why;

/* As FreeRDP 3.10 sends it: general set, version 2, all four file capabilities. */
static const uint8_t capabilities[] = { 7, 0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 1, 0, 12, 0,
					2, 0, 0, 0, 0x3e, 0, 0, 0 };

static void test_header(void **state)
{
	struct cliprdr_message m;

	assert_int_equal(cliprdr_parse(span_of(capabilities, sizeof(capabilities)), &m, &why), 0);
	assert_int_equal(m.type, CLIPRDR_CAPABILITIES);
	assert_int_equal(m.body.len, 16);
	ASSERT_TRUNCATION_REFUSED(span_of(capabilities, sizeof(capabilities)),
				  cliprdr_parse(cut, &m, &why));
	/* xrdp's format list response, with its four bytes too many */
	assert_int_equal(cliprdr_parse(BYTES(3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0), &m, &why), 0);
	assert_int_equal(m.flags, CLIPRDR_OK);
	assert_int_equal(m.body.len, 0);
	assert_int_equal(cliprdr_parse(BYTES(3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), &m, &why),
			 -EBADMSG);
	assert_string_equal(why, "clipboard message with trailing bytes");
	assert_int_equal(cliprdr_parse(BYTES(0, 0, 0, 0, 0, 0, 0, 0), &m, &why), -EBADMSG);
	assert_int_equal(cliprdr_parse(BYTES(12, 0, 0, 0, 0, 0, 0, 0), &m, &why), -EBADMSG);
	assert_string_equal(why, "clipboard message type");
	assert_int_equal(cliprdr_parse(BYTES(5, 0, 1, 0, 0xff, 0xff, 0xff, 0xff), &m, &why),
			 -EBADMSG);
}

static void test_capabilities(void **state)
{
	struct span body = span_of(capabilities + 8, 16);
	OWNED(buf_done) struct buf out = { 0 };
	uint32_t flags;

	assert_int_equal(cliprdr_capabilities_parse(body, &flags, &why), 0);
	assert_int_equal(flags, 0x3e);
	ASSERT_TRUNCATION_REFUSED(body, cliprdr_capabilities_parse(cut, &flags, &why));
	cliprdr_capabilities_encode(0x3e, &out);
	assert_span_equal(buf_span(&out), span_of(capabilities, sizeof(capabilities)));
	/* an unknown set is read over */
	assert_int_equal(cliprdr_capabilities_parse(BYTES(1, 0, 0, 0, 9, 0, 5, 0, 1), &flags, &why), 0);
	assert_int_equal(flags, 0);
	assert_int_equal(cliprdr_capabilities_parse(BYTES(1, 0, 0, 0, 9, 0, 3, 0), &flags, &why),
			 -EBADMSG);
	assert_int_equal(cliprdr_capabilities_parse(BYTES(9, 0, 0, 0), &flags, &why), -EBADMSG);
	assert_int_equal(cliprdr_capabilities_parse(BYTES(0, 0, 0, 0, 0), &flags, &why), -EBADMSG);
}

static void test_long_names(void **state)
{
	struct reader r = reader_of(BYTES(13, 0, 0, 0, 0, 0,
					  0x0a, 0xc0, 0, 0, 'F', 0, 'i', 0, 0x42, 0x30, 0, 0,
					  15, 0, 0, 0, 0, 0));
	struct cliprdr_format f;

	assert_int_equal(cliprdr_format_next(&r, true, false, &f, &why), 1);
	assert_int_equal(f.id, 13);
	assert_string_equal(f.name, "CF_UNICODETEXT");
	assert_int_equal(cliprdr_format_next(&r, true, false, &f, &why), 1);
	assert_int_equal(f.id, 0xc00a);
	assert_string_equal(f.name, "Fi?");
	assert_int_equal(cliprdr_format_next(&r, true, false, &f, &why), 1);
	assert_string_equal(f.name, "CF_HDROP");
	assert_int_equal(cliprdr_format_next(&r, true, false, &f, &why), 0);

	r = reader_of(BYTES(13, 0, 0, 0, 'F', 0));
	assert_int_equal(cliprdr_format_next(&r, true, false, &f, &why), -EBADMSG);
	assert_string_equal(why, "clipboard format name without an end");
}

static void test_short_names(void **state)
{
	uint8_t bytes[2 * 36] = { 0x34, 0x12, 0, 0, 'H', 0, 'T', 0 };
	struct cliprdr_format f;

	bytes[36] = 99;
	memset(bytes + 40, 'x', 32);	/* without its NUL */
	struct reader r = reader_of(span_of(bytes, sizeof(bytes)));

	assert_int_equal(cliprdr_format_next(&r, false, false, &f, &why), 1);
	assert_int_equal(f.id, 0x1234);
	assert_string_equal(f.name, "HT");
	assert_int_equal(cliprdr_format_next(&r, false, true, &f, &why), 1);
	assert_int_equal(strlen(f.name), 32);
	assert_int_equal(cliprdr_format_next(&r, false, true, &f, &why), 0);
	r = reader_of(span_of(bytes, 35));
	assert_int_equal(cliprdr_format_next(&r, false, false, &f, &why), -EBADMSG);
	assert_string_equal(why, "clipboard format too short");
}

static void test_names_are_cut(void **state)
{
	uint8_t bytes[4 + 2 * 300 + 2] = { 77 };
	struct cliprdr_format f;
	struct reader r = reader_of(span_of(bytes, sizeof(bytes)));

	for (size_t i = 0; i < 300; i++)
		bytes[4 + 2 * i] = 'n';
	assert_int_equal(cliprdr_format_next(&r, true, false, &f, &why), 1);
	assert_int_equal(strlen(f.name), CLIPRDR_NAME_MAX - 1);
	assert_int_equal(r.rest.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_short_names),
		cmocka_unit_test(test_names_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
