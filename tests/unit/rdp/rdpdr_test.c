/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rdp/rdp_test.h"
#include "hostagent/rdp/rdpdr.h"

static const char *why;

struct answers {
	size_t count;
	struct buf bytes;	/* one after the other */
	size_t ends[4];
};

static void collect(void *context, struct span message)
{
	struct answers *answers = context;

	buf_put_span(&answers->bytes, message);
	answers->ends[answers->count++] = answers->bytes.len;
}

static int take(struct rdpdr_noop *noop, uint32_t flags, struct span data, struct answers *answers)
{
	struct svc_chunk chunk = { 0, flags, data };

	return rdpdr_noop_take(noop, &chunk, collect, answers, &why);
}

static int whole(struct span data, struct answers *answers)
{
	struct rdpdr_noop noop = { 0 };

	*answers = (struct answers){ 0 };
	return take(&noop, SVC_FIRST | SVC_LAST, data, answers);
}

static void test_announce(void **state)
{
	struct answers answers;

	assert_int_equal(whole(BYTES('r', 'D', 'n', 'I', 1, 0, 0xc, 0, 7, 0, 0, 0), &answers), 0);
	assert_int_equal(answers.count, 2);
	assert_span_equal(span_of(answers.bytes.ptr, 12),
			  BYTES('r', 'D', 'C', 'C', 1, 0, 12, 0, 7, 0, 0, 0));
	assert_memory_equal(answers.bytes.ptr + 12, "rDNC\1\0\0\0\0\0\0\0\x0e\0\0\0c\0l\0", 20);
	assert_int_equal(answers.ends[1] - answers.ends[0], 16 + 14);
	buf_done(&answers.bytes);
}

static void test_capability(void **state)
{
	struct answers answers;

	assert_int_equal(whole(BYTES('r', 'D', 'P', 'S', 5, 0, 0, 0, 1, 0, 44, 0, 2, 0, 0, 0),
			       &answers), 0);
	assert_int_equal(answers.count, 1);
	assert_int_equal(answers.bytes.len, 8 + 44);
	assert_memory_equal(answers.bytes.ptr, "rDPC\1\0\0\0\1\0\x2c\0\2\0\0\0", 16);
	buf_done(&answers.bytes);
}

static void test_no_devices(void **state)
{
	struct span asks[] = { BYTES('r', 'D', 'C', 'C', 1, 0, 12, 0, 7, 0, 0, 0),
			       BYTES('r', 'D', 'L', 'U') };

	for (size_t i = 0; i < 2; i++) {
		struct answers answers;

		assert_int_equal(whole(asks[i], &answers), 0);
		assert_int_equal(answers.count, 1);
		assert_span_equal(buf_span(&answers.bytes), BYTES('r', 'D', 'A', 'D', 0, 0, 0, 0));
		buf_done(&answers.bytes);
	}
}

static void test_message_in_pieces(void **state)
{
	struct span ask = BYTES('r', 'D', 'n', 'I', 1, 0, 0xc, 0, 7, 0, 0, 0);
	struct rdpdr_noop noop = { 0 };
	struct answers answers = { 0 };

	for (size_t i = 0; i < ask.len; i++) {
		assert_int_equal(answers.count, 0);
		assert_int_equal(take(&noop, (i == 0 ? SVC_FIRST : 0) |
						     (i == ask.len - 1 ? SVC_LAST : 0),
				      span_of(ask.ptr + i, 1), &answers), 0);
	}
	assert_int_equal(answers.count, 2);
	assert_span_equal(span_of(answers.bytes.ptr, 12),
			  BYTES('r', 'D', 'C', 'C', 1, 0, 12, 0, 7, 0, 0, 0));
	buf_done(&answers.bytes);
}

static void test_refused(void **state)
{
	const struct {
		struct span ask;
		const char *why;
	} cases[] = {
		/* an I/O request, to a device that was never announced */
		{ BYTES('r', 'D', 'R', 'I', 1, 0, 0, 0),
		  "device request to a client without devices" },
		{ BYTES('r', 'D', 'r', 'd', 1, 0, 0, 0, 0, 0, 0, 0),
		  "device request to a client without devices" },
		{ BYTES('R', 'P', 'C', 'P'), "device channel component" },
		{ BYTES('r', 'D', 'n'), "device channel component" },
		{ BYTES('r', 'D', 'n', 'I', 1, 0, 12, 0, 7, 0, 0),
		  "device server announce too short" },
		{ { NULL, 0 }, "device channel component" },
	};
	struct answers answers;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(whole(cases[i].ask, &answers), -EBADMSG);
		assert_string_equal(why, cases[i].why);
		assert_int_equal(answers.count, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_announce),
		cmocka_unit_test(test_capability),
		cmocka_unit_test(test_no_devices),
		cmocka_unit_test(test_message_in_pieces),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
