/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rdp/rdp_test.h"
#include "hostagent/rdp/svc.h"

static const char *why;
static const uint8_t zeros[2048];

static void test_parse(void **state)
{
	struct svc_chunk chunk;
	struct span in = BYTES(3, 0, 0, 0, 3, 0, 0, 0, 'a', 'b', 'c');

	assert_int_equal(svc_parse(in, &chunk, &why), 0);
	assert_int_equal(chunk.total, 3);
	assert_int_equal(chunk.flags, SVC_FIRST | SVC_LAST);
	assert_span_equal(chunk.data, span_text("abc"));
	ASSERT_TRUNCATION_REFUSED(BYTES(0, 0, 0, 0, 3, 0, 0, 0), svc_parse(cut, &chunk, &why));
}

static void test_flags(void **state)
{
	const struct {
		uint32_t flags;
		const char *why;	/* NULL: accepted */
	} cases[] = {
		{ 0x00000003, NULL },
		{ 0x00000013, NULL },	/* SHOW_PROTOCOL */
		{ 0x000000e0, NULL },	/* SUSPEND, RESUME, SHADOW_PERSISTENT */
		{ 0x00200003, "compressed channel chunk" },
		{ 0x00400003, "compressed channel chunk" },
		{ 0x00800003, "compressed channel chunk" },
		{ 0x00010003, "compressed channel chunk" },
		{ 0x00000007, "channel chunk flags" },
		{ 0x80000003, "channel chunk flags" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		OWNED(buf_done) struct buf in = { 0 };
		struct svc_chunk chunk;

		buf_put_u32le(&in, 0);
		buf_put_u32le(&in, cases[i].flags);
		int rc = svc_parse(buf_span(&in), &chunk, &why);

		assert_int_equal(rc, cases[i].why ? -EBADMSG : 0);
		if (rc < 0)
			assert_string_equal(why, cases[i].why);
	}
}

#define FIRST SVC_FIRST
#define LAST SVC_LAST

static int track(struct svc_stream *stream, uint32_t total, uint32_t flags, size_t len)
{
	return svc_track(stream, &(struct svc_chunk){ total, flags, span_of(zeros, len) }, 1000,
			 &why);
}

static void test_message_in_pieces(void **state)
{
	struct svc_stream s = { 0 };

	assert_int_equal(track(&s, 100, FIRST, 60), 0);
	assert_true(s.open);
	assert_int_equal(track(&s, 100, 0, 30), 0);
	assert_int_equal(track(&s, 100, LAST, 10), 0);
	assert_false(s.open);
	assert_int_equal(track(&s, 1000, FIRST | LAST, 1000), 0);
	assert_int_equal(track(&s, 0, FIRST | LAST, 0), 0);
}

static void test_first_begins_anew(void **state)
{
	struct svc_stream s = { 0 };

	assert_int_equal(track(&s, 100, FIRST, 60), 0);
	assert_int_equal(track(&s, 70, FIRST, 60), 0);
	assert_int_equal(track(&s, 70, LAST, 10), 0);
}

static void expect_refusal(struct svc_stream s, uint32_t total, uint32_t flags, size_t len,
			   const char *reason)
{
	assert_int_equal(track(&s, total, flags, len), -EBADMSG);
	assert_string_equal(why, reason);
}

static void test_refused(void **state)
{
	const struct svc_stream idle = { 0 };
	const struct svc_stream half = { .total = 100, .received = 50, .open = true };

	expect_refusal(idle, 10, LAST, 10, "channel chunk without a first one");
	expect_refusal(idle, 10, 0, 10, "channel chunk without a first one");
	expect_refusal(half, 101, 0, 10, "channel message length changes");
	expect_refusal(half, 100, 0, 51, "channel chunk runs past its message");
	expect_refusal(half, 100, LAST, 49, "channel message ends early");
	expect_refusal(idle, 10, FIRST | LAST, 9, "channel message ends early");
	expect_refusal(idle, 10, FIRST | LAST, 11, "channel chunk runs past its message");
	expect_refusal(idle, 1001, FIRST, 10, "channel message too long");
	expect_refusal(idle, 0xffffffff, FIRST, 10, "channel message too long");
}

static void test_header(void **state)
{
	OWNED(buf_done) struct buf out = { 0 };

	svc_put_header(&out, 5);
	assert_span_equal(buf_span(&out), BYTES(5, 0, 0, 0, 3, 0, 0, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_message_in_pieces),
		cmocka_unit_test(test_first_begins_anew),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
