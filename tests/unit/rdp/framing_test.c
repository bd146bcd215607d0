/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rdp/rdp_test.h"

static const char *why;
static struct frame frame;

static void test_tpkt(void **state)
{
	struct span in = recorded(REC_DENIED, REC_CONNECT_INITIAL);

	assert_int_equal(frame_parse(in, &frame, &why), in.len);
	assert_int_equal(frame.kind, FRAME_TPKT);
	assert_span_equal(frame.body, span_of(in.ptr + 4, in.len - 4));
	ASSERT_TRUNCATION_WAITS(in, frame_parse(cut, &frame, &why));
}

static void test_tpkt_takes_only_its_length(void **state)
{
	assert_int_equal(frame_parse(BYTES(3, 0, 0, 5, 0xaa, 0xbb), &frame, &why), 5);
	assert_span_equal(frame.body, BYTES(0xaa));
}

static void test_fastpath_short_and_long(void **state)
{
	struct span both[] = { BYTES(0x04, 5, 1, 2, 3), BYTES(0x04, 0x80, 6, 1, 2, 3) };

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(frame_parse(both[i], &frame, &why), both[i].len);
		assert_int_equal(frame.kind, FRAME_FASTPATH);
		assert_span_equal(frame.body, BYTES(1, 2, 3));
		ASSERT_TRUNCATION_WAITS(both[i], frame_parse(cut, &frame, &why));
	}
}

static void test_refused(void **state)
{
	const struct {
		struct span in;
		const char *why;
	} cases[] = {
		{ BYTES(3, 1, 0, 5, 0), "TPKT reserved byte set" },
		{ BYTES(3, 0, 0, 4), "TPKT length" },
		{ BYTES(3, 0, 0, 0), "TPKT length" },
		{ BYTES(0x04, 2), "fast-path length" },
		{ BYTES(0x04, 0x80, 3), "fast-path length" },
		{ BYTES(0x84, 5, 0, 0, 0), "fast-path security flags" },
		{ BYTES(0x44, 5, 0, 0, 0), "fast-path security flags" },
		{ BYTES(0x01), "neither TPKT nor fast-path" },
		{ BYTES('G', 'E', 'T', ' '), "neither TPKT nor fast-path" },
		{ BYTES(0x16, 3, 1), "neither TPKT nor fast-path" },	/* TLS without X.224 */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(frame_parse(cases[i].in, &frame, &why), -EBADMSG);
		assert_string_equal(why, cases[i].why);
	}
}

static void test_tpkt_too_long_to_write(void **state)
{
	OWNED(buf_done) struct buf out = BUF_LIMIT(1 << 20);
	size_t at = tpkt_begin(&out);

	buf_put_zeros(&out, 65531);
	tpkt_end(&out, at);
	assert_false(out.failed);
	assert_int_equal(frame_parse(buf_span(&out), &frame, &why), 65535);
	buf_put_u8(&out, 0);
	tpkt_end(&out, at);
	assert_true(out.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tpkt),
		cmocka_unit_test(test_tpkt_takes_only_its_length),
		cmocka_unit_test(test_fastpath_short_and_long),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_tpkt_too_long_to_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
