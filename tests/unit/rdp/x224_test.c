/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rdp/rdp_test.h"
#include "hostagent/rdp/x224.h"

static const char *why;
static struct x224_request request;
static struct x224_confirm confirm;

static void test_libfreerdp_request(void **state)
{
	struct span body = recorded_body(REC_DENIED, REC_X224_REQUEST);

	assert_int_equal(x224_request_parse(body, &request, &why), 0);
	assert_span_equal(request.token, span_text("Cookie: mstshash=ticket"));
	assert_true(request.has_protocols);
	assert_true(request.protocols & X224_PROTOCOL_RDSTLS);
	assert_false(request.has_correlation);
	ASSERT_TRUNCATION_REFUSED(body, x224_request_parse(cut, &request, &why));
}

static void test_request_without_anything(void **state)
{
	assert_int_equal(x224_request_parse(BYTES(6, 0xe0, 0, 0, 0, 0, 0), &request, &why), 0);
	assert_int_equal(request.token.len, 0);
	assert_false(request.has_protocols);
	assert_int_equal(request.protocols, 0);
}

static void test_request_with_correlation(void **state)
{
	uint8_t body[7 + 8 + 36] = { 50, 0xe0, 0, 0, 0, 0, 0, 1, 8, 8, 0, 4, 0, 0, 0, 6, 0, 36, 0 };

	assert_int_equal(x224_request_parse(span_of(body, sizeof(body)), &request, &why), 0);
	assert_true(request.has_correlation);
	body[17] = 35;
	assert_int_equal(x224_request_parse(span_of(body, sizeof(body)), &request, &why), -EBADMSG);
	assert_string_equal(why, "correlation info");
	body[8] = 0;	/* not announced: trailing bytes */
	assert_int_equal(x224_request_parse(span_of(body, sizeof(body)), &request, &why), -EBADMSG);
	assert_string_equal(why, "trailing bytes");
}

static void test_request_refused(void **state)
{
	const struct {
		struct span body;
		const char *why;
	} cases[] = {
		{ BYTES(7, 0xe0, 0, 0, 0, 0, 0), "X.224 length indicator" },
		{ BYTES(5, 0xe0, 0, 0, 0, 0, 0), "X.224 length indicator" },
		{ BYTES(6, 0xd0, 0, 0, 0, 0, 0), "not the expected X.224 TPDU" },
		{ BYTES(6, 0xe0, 0, 0, 0, 0, 2), "X.224 class" },
		{ BYTES(9, 0xe0, 0, 0, 0, 0, 0, 'a', 'b', 'c'), "unfinished routing token" },
		{ BYTES(10, 0xe0, 0, 0, 0, 0, 0, 'a', 0x80, '\r', '\n'), "unprintable routing token" },
		{ BYTES(10, 0xe0, 0, 0, 0, 0, 0, 'a', '\n', '\r', '\n'), "unprintable routing token" },
		{ BYTES(14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 9, 0, 4, 0, 0, 0), "negotiation request" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(x224_request_parse(cases[i].body, &request, &why), -EBADMSG);
		assert_string_equal(why, cases[i].why);
	}
}

static void test_request_round_trip(void **state)
{
	OWNED(buf_done) struct buf out = { 0 };
	struct frame frame;

	x224_request_encode(X224_PROTOCOL_SSL, &out);
	assert_int_equal(frame_parse(buf_span(&out), &frame, &why), out.len);
	assert_int_equal(x224_request_parse(frame.body, &request, &why), 0);
	assert_int_equal(request.protocols, X224_PROTOCOL_SSL);
	assert_int_equal(request.token.len, 0);
}

static void test_shadow_confirm(void **state)
{
	OWNED(buf_done) struct buf out = { 0 };
	struct span body = recorded_body(REC_DENIED, REC_X224_CONFIRM);

	assert_int_equal(x224_confirm_parse(body, &confirm, &why), 0);
	assert_false(confirm.failed);
	assert_int_equal(confirm.protocol, X224_PROTOCOL_SSL);
	ASSERT_TRUNCATION_REFUSED(body, x224_confirm_parse(cut, &confirm, &why));
	x224_confirm_encode(&confirm, &out);
	assert_span_equal(span_of(out.ptr + 11, out.len - 11), span_of(body.ptr + 7, body.len - 7));
}

static void test_failure_round_trip(void **state)
{
	OWNED(buf_done) struct buf out = { 0 };
	struct frame frame;

	x224_confirm_encode(&(struct x224_confirm){ .failed = true,
						    .failure_code = X224_FAIL_SSL_REQUIRED },
			    &out);
	assert_int_equal(frame_parse(buf_span(&out), &frame, &why), out.len);
	assert_int_equal(x224_confirm_parse(frame.body, &confirm, &why), 0);
	assert_true(confirm.failed);
	assert_int_equal(confirm.failure_code, X224_FAIL_SSL_REQUIRED);
}

static void test_plain_confirm_selects_nothing(void **state)
{
	assert_int_equal(x224_confirm_parse(BYTES(6, 0xd0, 0, 0, 0, 0, 0), &confirm, &why), 0);
	assert_false(confirm.failed);
	assert_int_equal(confirm.protocol, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libfreerdp_request),
		cmocka_unit_test(test_request_without_anything),
		cmocka_unit_test(test_request_with_correlation),
		cmocka_unit_test(test_request_refused),
		cmocka_unit_test(test_request_round_trip),
		cmocka_unit_test(test_shadow_confirm),
		cmocka_unit_test(test_failure_round_trip),
		cmocka_unit_test(test_plain_confirm_selects_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
