/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rdp/rdp_test.h"
#include "hostagent/rdp/ber.h"
#include "hostagent/rdp/mcs.h"

static const char *why;

static void test_connect_initial_round_trip(void **state)
{
	OWNED(buf_done) struct buf out = { 0 };
	struct span pdu = recorded(REC_DENIED, REC_CONNECT_INITIAL);
	struct span body = recorded_body(REC_DENIED, REC_CONNECT_INITIAL);
	struct mcs_connect_initial connect;

	assert_int_equal(mcs_connect_initial_parse(body, &connect, &why), 0);
	mcs_connect_initial_encode(&connect, &out);
	assert_span_equal(buf_span(&out), pdu);
	ASSERT_TRUNCATION_REFUSED(body, mcs_connect_initial_parse(cut, &connect, &why));
}

static void test_connect_response_round_trip(void **state)
{
	OWNED(buf_done) struct buf out = { 0 };
	struct span pdu = recorded(REC_DENIED, REC_CONNECT_RESPONSE);
	struct span body = recorded_body(REC_DENIED, REC_CONNECT_RESPONSE);
	struct mcs_connect_response connect;

	assert_int_equal(mcs_connect_response_parse(body, &connect, &why), 0);
	assert_int_equal(connect.result, 0);
	mcs_connect_response_encode(&connect, &out);
	assert_span_equal(buf_span(&out), pdu);
	ASSERT_TRUNCATION_REFUSED(body, mcs_connect_response_parse(cut, &connect, &why));
}

static void test_integers(void **state)
{
	const uint32_t values[] = { 0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x7fffff, 0x800000,
				    0x7fffffff, 0x80000000, 0xffffffff };
	OWNED(buf_done) struct buf out = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		buf_reset(&out);
		ber_put_u32(&out, BER_INTEGER, values[i]);
		assert_int_equal(out.len, ber_u32_size(values[i]));
		struct reader r = reader_of(buf_span(&out));

		assert_int_equal(ber_read_u32(&r, BER_INTEGER), values[i]);
		assert_true(reader_finished(&r));
	}
}

static void test_ber_lengths(void **state)
{
	struct reader long_form = reader_of(BYTES(4, 0x82, 0, 1, 0xaa));
	struct reader indefinite = reader_of(BYTES(4, 0x80, 0xaa, 0, 0));
	struct reader past_end = reader_of(BYTES(4, 0x82, 0xff, 0xff, 0xaa));
	struct reader three = reader_of(BYTES(4, 0x83, 0, 0, 1, 0xaa));

	assert_span_equal(ber_read(&long_form, BER_OCTETS), BYTES(0xaa));
	assert_false(long_form.bad);
	(void)ber_read(&indefinite, BER_OCTETS);
	assert_true(indefinite.bad);
	(void)ber_read(&past_end, BER_OCTETS);
	assert_true(past_end.bad);
	(void)ber_read(&three, BER_OCTETS);
	assert_true(three.bad);
}

/* Recorded domain PDUs, as one TPKT each. */
static void test_domain_round_trips(void **state)
{
	const struct {
		struct span pdu;
		enum mcs_type type;
	} cases[] = {
		{ BYTES(3, 0, 0, 12, 2, 0xf0, 0x80, 0x04, 1, 0, 1, 0), MCS_ERECT_DOMAIN },
		{ BYTES(3, 0, 0, 8, 2, 0xf0, 0x80, 0x28), MCS_ATTACH_REQUEST },
		{ BYTES(3, 0, 0, 11, 2, 0xf0, 0x80, 0x2e, 0, 0, 8), MCS_ATTACH_CONFIRM },
		{ BYTES(3, 0, 0, 12, 2, 0xf0, 0x80, 0x38, 0, 8, 3, 0xeb), MCS_JOIN_REQUEST },
		{ BYTES(3, 0, 0, 15, 2, 0xf0, 0x80, 0x3e, 0, 0, 8, 3, 0xeb, 3, 0xeb),
		  MCS_JOIN_CONFIRM },
		{ BYTES(3, 0, 0, 9, 2, 0xf0, 0x80, 0x21, 0x80), MCS_DISCONNECT },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		OWNED(buf_done) struct buf out = { 0 };
		struct span body = span_of(cases[i].pdu.ptr + 4, cases[i].pdu.len - 4);
		struct mcs_pdu pdu;

		assert_int_equal(mcs_parse(body, &pdu, &why), 0);
		assert_int_equal(pdu.type, cases[i].type);
		mcs_encode(&pdu, &out);
		assert_span_equal(buf_span(&out), cases[i].pdu);
		ASSERT_TRUNCATION_REFUSED(body, mcs_parse(cut, &pdu, &why));
	}
}

static void test_fields(void **state)
{
	struct mcs_pdu pdu;

	/* rdesktop's: no lengths */
	assert_int_equal(mcs_parse(BYTES(2, 0xf0, 0x80, 0x04, 0, 1, 0, 1), &pdu, &why), 0);
	assert_int_equal(pdu.type, MCS_ERECT_DOMAIN);
	assert_int_equal(mcs_parse(BYTES(2, 0xf0, 0x80, 0x04, 0, 1, 0, 1, 0), &pdu, &why), -EBADMSG);

	assert_int_equal(mcs_parse(BYTES(2, 0xf0, 0x80, 0x3e, 0, 0, 8, 3, 0xeb, 3, 0xeb), &pdu,
				   &why), 0);
	assert_int_equal(pdu.initiator, 1009);
	assert_int_equal(pdu.requested, 1003);
	assert_int_equal(pdu.channel, 1003);
	assert_int_equal(mcs_parse(BYTES(2, 0xf0, 0x80, 0x21, 0x80), &pdu, &why), 0);
	assert_int_equal(pdu.result, 3);
}

static void test_send(void **state)
{
	OWNED(buf_done) struct buf out = { 0 };
	struct mcs_pdu pdu;
	struct frame frame;
	size_t at = mcs_send_begin(&out, MCS_SEND_REQUEST, 1009, 1004);

	buf_put_text(&out, "hello");
	mcs_send_end(&out, at);
	assert_int_equal(frame_parse(buf_span(&out), &frame, &why), out.len);
	assert_int_equal(mcs_parse(frame.body, &pdu, &why), 0);
	assert_int_equal(pdu.type, MCS_SEND_REQUEST);
	assert_int_equal(pdu.initiator, 1009);
	assert_int_equal(pdu.channel, 1004);
	assert_span_equal(pdu.data, span_text("hello"));
	ASSERT_TRUNCATION_REFUSED(frame.body, mcs_parse(cut, &pdu, &why));
}

static void test_refused(void **state)
{
	const struct {
		struct span body;
		const char *why;
	} cases[] = {
		{ BYTES(2, 0xf0, 0, 0x28), "not X.224 data" },
		{ BYTES(2, 0xf0, 0x80, 0x28, 0), "trailing bytes" },
		{ BYTES(2, 0xf0, 0x80, 0x29), "MCS header bits" },
		{ BYTES(2, 0xf0, 0x80, 0x68, 0, 8, 3, 0xeb, 0x60, 1, 0), "MCS segmentation flags" },
		{ BYTES(2, 0xf0, 0x80, 0x68, 0, 8, 3, 0xeb, 0x71, 1, 0), "MCS segmentation flags" },
		{ BYTES(2, 0xf0, 0x80, 0x68, 0, 8, 3, 0xeb, 0x70, 2, 0), "MCS data length" },
		{ BYTES(2, 0xf0, 0x80, 0x68, 0, 8, 3, 0xeb, 0x70, 0, 0), "MCS data length" },
		{ BYTES(2, 0xf0, 0x80, 0x38, 0xff, 0xff, 3, 0xeb), "too short" },	/* user id */
		{ BYTES(2, 0xf0, 0x80, 0x04, 3, 0, 0, 0, 1, 0), "too short" },
		{ BYTES(2, 0xf0, 0x80, 0x08, 0), "MCS PDU type" },
		{ BYTES(2, 0xf0, 0x80, 0xff), "MCS PDU type" },
	};
	struct mcs_pdu pdu;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(mcs_parse(cases[i].body, &pdu, &why), -EBADMSG);
		assert_string_equal(why, cases[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connect_initial_round_trip),
		cmocka_unit_test(test_connect_response_round_trip),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_ber_lengths),
		cmocka_unit_test(test_domain_round_trips),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_send),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
