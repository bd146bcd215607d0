/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rdp/rdp_test.h"
#include "hostagent/rdp/rdstls.h"

static const char *why;
static struct rdstls_request request;

static void test_libfreerdp_request(void **state)
{
	struct span in = recorded(REC_DENIED, REC_RDSTLS);

	assert_int_equal(rdstls_request_parse(in, &request, &why), in.len);
	for (size_t i = 0; i < RDSTLS_GUID_LEN; i++)
		assert_int_equal(request.locator[i], i * 17);
	for (size_t i = 0; i < RDSTLS_SECRET_LEN; i++)
		assert_int_equal(request.secret[i], i);
	ASSERT_TRUNCATION_WAITS(in, rdstls_request_parse(cut, &request, &why));
}

/* Changes one byte of the recorded request and expects this reason. */
static void expect_refusal(size_t at, uint8_t value, const char *reason)
{
	struct span in = recorded(REC_DENIED, REC_RDSTLS);
	uint8_t *copy = exact_copy(in, in.len);

	copy[at] = value;
	assert_int_equal(rdstls_request_parse(span_of(copy, in.len), &request, &why), -EBADMSG);
	assert_string_equal(why, reason);
	free(copy);
}

static void test_refused(void **state)
{
	size_t len = recorded(REC_DENIED, REC_RDSTLS).len;

	expect_refusal(0, 2, "RDSTLS version");
	expect_refusal(2, 1, "not an RDSTLS authentication request");
	expect_refusal(4, 2, "RDSTLS credentials are not a password");
	expect_refusal(7, 3, "RDSTLS field too long");
	expect_refusal(len - 1, 1, "RDSTLS secret");	/* the NUL */
	expect_refusal(len - 88, '+', "RDSTLS secret");	/* another alphabet */
	expect_refusal(len - 87, 1, "RDSTLS secret");	/* not ASCII */
	expect_refusal(len - 4, '9', "RDSTLS secret");	/* leftover bits */
}

static void test_locator_length(void **state)
{
	struct span in = recorded(REC_DENIED, REC_RDSTLS);
	uint8_t *copy = exact_copy(in, in.len);

	copy[6] = 15;
	memmove(copy + 8, copy + 9, in.len - 9);
	assert_int_equal(rdstls_request_parse(span_of(copy, in.len - 1), &request, &why), -EBADMSG);
	assert_string_equal(why, "RDSTLS locator length");
	free(copy);
}

static void test_secret_without_nul(void **state)
{
	struct span in = recorded(REC_DENIED, REC_RDSTLS);
	uint8_t *copy = exact_copy(in, in.len - 2);
	struct span shorter = span_of(copy, in.len - 2);

	copy[in.len - 90] = 86;	/* the length before the 88 bytes */
	assert_int_equal(rdstls_request_parse(shorter, &request, &why), shorter.len);
	for (size_t i = 0; i < RDSTLS_SECRET_LEN; i++)
		assert_int_equal(request.secret[i], i);
	copy[in.len - 90] = 84;	/* 42 characters, and two bytes that are not asked for */
	assert_int_equal(rdstls_request_parse(shorter, &request, &why), -EBADMSG);
	assert_string_equal(why, "RDSTLS secret");
	free(copy);
}

static void test_answers(void **state)
{
	OWNED(buf_done) struct buf out = { 0 };

	rdstls_capabilities_encode(&out);
	assert_span_equal(buf_span(&out), BYTES(1, 0, 1, 0, 1, 0, 1, 0));
	buf_reset(&out);
	rdstls_response_encode(RDSTLS_ACCESS_DENIED, &out);
	assert_span_equal(buf_span(&out), BYTES(1, 0, 4, 0, 1, 0, 5, 0, 0, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libfreerdp_request),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_locator_length),
		cmocka_unit_test(test_secret_without_nul),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
