/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rdp/rdp_test.h"
#include "hostagent/rdp/share.h"

static const char *why;
static struct share_pdu pdu;

static void test_walks_several(void **state)
{
	struct reader r = reader_of(BYTES(6, 0, 0x16, 0, 0xea, 3,	/* Deactivate All */
					  18, 0, 0x17, 0, 0xea, 3, 1, 0, 0, 0, 0, 1, 4, 0, 40, 0, 0,
					  0));

	assert_int_equal(share_next(&r, &pdu, &why), 1);
	assert_int_equal(pdu.type, SHARE_DEACTIVATE_ALL);
	assert_int_equal(pdu.source, 1002);
	assert_int_equal(pdu.body.len, 0);
	assert_int_equal(share_next(&r, &pdu, &why), 1);
	assert_int_equal(pdu.type, SHARE_DATA);
	assert_int_equal(pdu.data_type, SHARE_DATA_FONT_MAP);
	assert_int_equal(share_next(&r, &pdu, &why), 0);
}

static void test_refused(void **state)
{
	const struct {
		struct span in;
		const char *why;
	} cases[] = {
		{ BYTES(5, 0, 0x16, 0, 0xea), "share control length" },
		{ BYTES(5, 0, 0x16, 0, 0xea, 3), "share control length" },
		{ BYTES(7, 0, 0x16, 0, 0xea, 3), "share control length" },
		{ BYTES(0, 0x80, 0x41, 0, 0, 0, 0, 0), "share control length" },	/* flow PDU */
		{ BYTES(6, 0, 0x26, 0, 0xea, 3), "share control version" },
		{ BYTES(6, 0, 0x16, 1, 0xea, 3), "share control version" },
		{ BYTES(17, 0, 0x17, 0, 0, 0, 1, 0, 0, 0, 0, 1, 4, 0, 40, 0, 0),
		  "share data too short" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct reader r = reader_of(cases[i].in);

		assert_int_equal(share_next(&r, &pdu, &why), -EBADMSG);
		assert_string_equal(why, cases[i].why);
	}
}

static void test_error_info(void **state)
{
	OWNED(buf_done) struct buf out = { 0 };

	share_error_info_encode(0x000103ea, 1002, 1, &out);
	assert_span_equal(buf_span(&out),
			  BYTES(22, 0, 0x17, 0, 0xea, 3, 0xea, 3, 1, 0, 0, 1, 8, 0, 47, 0, 0, 0, 1, 0,
				0, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walks_several),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_error_info),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
