/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rdp/rdp_test.h"
#include "common/base/text.h"
#include "hostagent/rdp/info.h"
#include "hostagent/rdp/mcs.h"

static const char *why;
static struct client_info info;

static struct span info_data(void)
{
	struct mcs_pdu pdu;

	assert_int_equal(mcs_parse(recorded_body(REC_DENIED, REC_INFO), &pdu, &why), 0);
	return pdu.data;
}

static void test_libfreerdp(void **state)
{
	assert_int_equal(client_info_parse(info_data(), &info, &why), 0);
	assert_true(info.flags & INFO_UNICODE);
	assert_ascii(info.user, "ticket");
	assert_ascii(info.address, "127.0.0.1");
	assert_int_equal(info.extent, INFO_DST_DISABLED);
	assert_int_equal(info.time_zone.len, INFO_TIME_ZONE_LEN);
}

/* The extended part ends wherever its writer is old enough, so only some cuts are refused. */
static void test_truncation(void **state)
{
	struct span data = info_data();
	size_t accepted = 0;

	for (size_t len = 0; len < data.len; len++) {
		uint8_t *copy = exact_copy(data, len);
		int rc = client_info_parse(span_of(copy, len), &info, &why);

		if (rc == 0) {
			assert_true(info.extent < INFO_DST_DISABLED);
			accepted++;
		}
		free(copy);
	}
	assert_int_equal(accepted, INFO_DST_DISABLED);
}

static void test_round_trip(void **state)
{
	OWNED(buf_done) struct buf first = { 0 };
	OWNED(buf_done) struct buf second = { 0 };
	struct client_info again;

	assert_int_equal(client_info_parse(info_data(), &info, &why), 0);
	client_info_encode(&info, &first);
	assert_int_equal(client_info_parse(buf_span(&first), &again, &why), 0);
	assert_int_equal(again.extent, info.extent);
	assert_int_equal(again.flags, info.flags);
	assert_int_equal(again.performance_flags, info.performance_flags);
	assert_span_equal(again.time_zone, info.time_zone);
	assert_span_equal(again.dst_name, info.dst_name);
	client_info_encode(&again, &second);
	assert_span_equal(buf_span(&first), buf_span(&second));
}

/* A minimal packet whose five texts have these sizes on paper and these bytes in truth. */
static int parse_texts(uint32_t flags, const uint16_t sizes[5], struct span texts)
{
	OWNED(buf_done) struct buf in = { 0 };

	buf_put_u16le(&in, SEC_INFO_PACKET);
	buf_put_u16le(&in, 0);
	buf_put_u32le(&in, 0);
	buf_put_u32le(&in, flags);
	for (size_t i = 0; i < 5; i++)
		buf_put_u16le(&in, sizes[i]);
	buf_put_span(&in, texts);

	uint8_t *copy = exact_copy(buf_span(&in), in.len);
	int rc = client_info_parse(span_of(copy, in.len), &info, &why);

	free(copy);
	return rc;
}

static void test_lengths_off_by_one(void **state)
{
	const struct span texts = BYTES(0, 0, 'u', 0, 0, 0, 'p', 0, 0, 0, 0, 0, 0, 0);
	const struct {
		uint16_t sizes[5];
		const char *why;
	} cases[] = {
		{ { 0, 3, 2, 0, 0 }, "text length" },
		{ { 0, 1, 2, 0, 0 }, "text length" },
		{ { 0, 4, 2, 0, 0 }, "text without NUL" },
		{ { 0, 0, 2, 0, 0 }, "text without NUL" },
		{ { 0, 2, 2, 0, 2 }, "too short" },
		{ { 0, 512, 2, 0, 0 }, "text length" },
		{ { 0, 0xffff, 2, 0, 0 }, "text length" },
		{ { 0, 0xfffe, 2, 0, 0 }, "text length" },
	};

	assert_int_equal(parse_texts(INFO_UNICODE, (const uint16_t[]){ 0, 2, 2, 0, 0 }, texts), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(parse_texts(INFO_UNICODE, cases[i].sizes, texts), -EBADMSG);
		assert_string_equal(why, cases[i].why);
	}
}

static void test_ansi_is_refused(void **state)
{
	assert_int_equal(parse_texts(0, (const uint16_t[]){ 0, 0, 0, 0, 0 }, BYTES(0, 0, 0, 0, 0)),
			 -EBADMSG);
	assert_string_equal(why, "texts are not Unicode");
}

static int parse_user(const uint8_t *units, size_t len)
{
	OWNED(buf_done) struct buf texts = { 0 };

	buf_put_zeros(&texts, 2);
	buf_put(&texts, units, len);
	buf_put_zeros(&texts, 8);
	return parse_texts(INFO_UNICODE, (const uint16_t[]){ 0, (uint16_t)len, 0, 0, 0 },
			   buf_span(&texts));
}

static void test_surrogates(void **state)
{
	assert_int_equal(parse_user((const uint8_t[]){ 0x3d, 0xd8, 0x00, 0xde }, 4), 0);
	assert_int_equal(parse_user((const uint8_t[]){ 0x3d, 0xd8 }, 2), -EBADMSG);
	assert_string_equal(why, "text is no UTF-16");
	assert_int_equal(parse_user((const uint8_t[]){ 0x3d, 0xd8, 'a', 0 }, 4), -EBADMSG);
	assert_int_equal(parse_user((const uint8_t[]){ 0x00, 0xde, 0x3d, 0xd8 }, 4), -EBADMSG);
	assert_int_equal(parse_user((const uint8_t[]){ 'a', 0, 0, 0, 'b', 0 }, 6), -EBADMSG);
}

static void test_japanese_name(void **state)
{
	OWNED(buf_done) struct buf name = { 0 };

	assert_int_equal(utf8_to_utf16le(span_text("田中 花子"), &name), 0);
	assert_int_equal(parse_user(name.ptr, name.len), 0);
	assert_int_equal(info.user.len, name.len);
}

static void test_security_header(void **state)
{
	struct span data = info_data();
	uint8_t *copy = exact_copy(data, data.len);

	copy[0] = 0x48;	/* with SEC_ENCRYPT */
	assert_int_equal(client_info_parse(span_of(copy, data.len), &info, &why), -EBADMSG);
	copy[0] = 0x40;
	copy[2] = 1;
	assert_int_equal(client_info_parse(span_of(copy, data.len), &info, &why), -EBADMSG);
	assert_string_equal(why, "security header is not SEC_INFO_PKT");
	free(copy);
}

static void test_reconnect_cookie_never_passes(void **state)
{
	OWNED(buf_done) struct buf in = { 0 };
	OWNED(buf_done) struct buf out = { 0 };

	assert_int_equal(client_info_parse(info_data(), &info, &why), 0);
	info.extent = INFO_PERFORMANCE;
	client_info_encode(&info, &in);
	buf_put_u16le(&in, 28);
	for (int i = 0; i < 28; i++)
		buf_put_u8(&in, 0xc7);
	assert_int_equal(client_info_parse(buf_span(&in), &info, &why), 0);
	assert_int_equal(info.extent, INFO_RECONNECT);
	client_info_encode(&info, &out);
	assert_null(memmem(out.ptr, out.len, "\xc7\xc7", 2));
	assert_int_equal(out.len, in.len - 28);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libfreerdp),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_lengths_off_by_one),
		cmocka_unit_test(test_ansi_is_refused),
		cmocka_unit_test(test_surrogates),
		cmocka_unit_test(test_japanese_name),
		cmocka_unit_test(test_security_header),
		cmocka_unit_test(test_reconnect_cookie_never_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
