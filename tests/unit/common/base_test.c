/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include "common/base/error.h"
#include "common/base/secret.h"
#include "common/base/text.h"

static void reader_stops_at_its_end(void **state)
{
	struct reader r = reader_of(SPAN_LITERAL("\x01\x02\x03\x04\x05"));

	assert_int_equal(read_u16be(&r), 0x0102);
	assert_int_equal(read_u16le(&r), 0x0403);
	assert_int_equal(read_u32be(&r), 0);
	assert_true(r.bad);
	assert_int_equal(read_u8(&r), 0);	/* stays bad: the last byte is not handed out */
	assert_false(reader_finished(&r));
}

static void reader_wide_values(void **state)
{
	struct reader r = reader_of(SPAN_LITERAL("\x01\x02\x03\x04\x05\x06\x07\x08"
						 "\x01\x02\x03\x04\x05\x06\x07\x08"));

	assert_true(read_u64be(&r) == 0x0102030405060708);
	assert_true(read_u64le(&r) == 0x0807060504030201);
	assert_true(reader_finished(&r));
}

static void buffer_refuses_past_its_limit(void **state)
{
	OWNED(buf_done) struct buf b = BUF_LIMIT(10);

	buf_put_text(&b, "12345678");
	buf_put_u32be(&b, 7);
	assert_true(b.failed);
	assert_int_equal(b.len, 8);
	buf_put_u8(&b, 1);
	assert_int_equal(b.len, 8);
	buf_reset(&b);
	buf_printf(&b, "%s-%d", "abcdefg", 42);
	assert_false(b.failed);
	assert_string_equal(buf_text(&b), "abcdefg-42");
}

static void buffer_prints_long_text(void **state)
{
	OWNED(buf_done) struct buf b = { 0 };
	char text[1000];

	memset(text, 'x', sizeof(text) - 1);
	text[999] = '\0';
	buf_printf(&b, "<%s>", text);
	assert_int_equal(b.len, 1001);
	assert_int_equal(buf_text(&b)[1000], '>');
	buf_consume(&b, 1000);
	assert_string_equal(buf_text(&b), ">");
}

static void hex_round_trip(void **state)
{
	uint8_t bytes[3];
	char text[7];

	assert_int_equal(hex_decode("00fFa5", bytes, 3), 0);
	hex_encode(span_of(bytes, 3), text);
	assert_string_equal(text, "00ffa5");
	assert_int_equal(hex_decode("00ffa", bytes, 3), -EINVAL);
	assert_int_equal(hex_decode("00ffag", bytes, 3), -EINVAL);
}

static void base64_round_trips(void **state)
{
	uint8_t in[64], back[64];

	for (size_t len = 0; len <= sizeof(in); len++) {
		OWNED(buf_done) struct buf url = { 0 };
		OWNED(buf_done) struct buf plain = { 0 };

		for (size_t i = 0; i < len; i++)
			in[i] = (uint8_t)(i * 37 + len * 101);
		base64url_encode(span_of(in, len), &url);
		base64_encode(span_of(in, len), &plain);
		assert_int_equal(base64url_decode(buf_span(&url), back, sizeof(back)), len);
		assert_memory_equal(in, back, len);
		assert_int_equal(base64_decode(buf_span(&plain), back, sizeof(back)), len);
		assert_memory_equal(in, back, len);
	}
	assert_int_equal(base64url_decode(SPAN_LITERAL("AAAA"), back, 2), -EINVAL);
	assert_int_equal(base64url_decode(SPAN_LITERAL("AB"), back, 9), -EINVAL);	/* spare bits */
	assert_int_equal(base64url_decode(SPAN_LITERAL("A"), back, 9), -EINVAL);
	assert_int_equal(base64url_decode(SPAN_LITERAL("AA=="), back, 9), -EINVAL);
	assert_int_equal(base64_decode(SPAN_LITERAL("AA"), back, 9), -EINVAL);
	assert_int_equal(base64_decode(SPAN_LITERAL("===="), back, 9), -EINVAL);
}

static void utf8_is_checked(void **state)
{
	assert_true(utf8_valid(SPAN_LITERAL("山田太郎 🦊")));
	assert_false(utf8_valid(SPAN_LITERAL("\xc0\xaf")));		/* overlong */
	assert_false(utf8_valid(SPAN_LITERAL("\xed\xa0\x80")));		/* surrogate */
	assert_false(utf8_valid(SPAN_LITERAL("\xf4\x90\x80\x80")));	/* past U+10FFFF */
	assert_false(utf8_valid(SPAN_LITERAL("\xe5\xb1")));		/* cut */
	assert_int_equal(utf8_prefix(SPAN_LITERAL("山田"), 5), 3);
}

static void utf16_round_trips(void **state)
{
	OWNED(buf_done) struct buf wide = { 0 };
	OWNED(buf_done) struct buf back = { 0 };

	assert_int_equal(utf8_to_utf16le(SPAN_LITERAL("aé山🦊"), &wide), 0);
	assert_int_equal(wide.len, 10);
	assert_int_equal(utf16le_to_utf8(buf_span(&wide), &back), 0);
	assert_string_equal(buf_text(&back), "aé山🦊");
	assert_int_equal(utf16le_to_utf8(SPAN_LITERAL("\x00\xd8"), &back), -EILSEQ);
	assert_int_equal(utf16le_to_utf8(SPAN_LITERAL("\x00\xdc\x00\x00"), &back), -EILSEQ);
	assert_int_equal(utf16le_to_utf8(SPAN_LITERAL("abc"), &back), -EILSEQ);
	assert_string_equal(buf_text(&back), "aé山🦊");
}

static void errors_carry_their_place(void **state)
{
	struct error err;

	assert_int_equal(error_set(&err, EINVAL, "size: %d", 7), -EINVAL);
	assert_int_equal(error_prefix(&err, "pool %s", "gold"), -EINVAL);
	assert_string_equal(err.text, "pool gold: size: 7");
	errno = ENOENT;
	assert_int_equal(error_errno(&err, "open %s", "x"), -ENOENT);
	assert_string_equal(err.text, "open x: No such file or directory");
	assert_int_equal(error_set(NULL, EIO, "unwanted"), -EIO);
}

static void secrets_compare_and_vanish(void **state)
{
	struct secret s = { 0 };

	assert_int_equal(secret_set(&s, SPAN_LITERAL("hunter2")), 0);
	assert_true(span_equal_secret(secret_span(&s), SPAN_LITERAL("hunter2")));
	assert_false(span_equal_secret(secret_span(&s), SPAN_LITERAL("hunter3")));
	secret_wipe(&s);
	assert_int_equal(s.bytes[0], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reader_stops_at_its_end), cmocka_unit_test(reader_wide_values),
		cmocka_unit_test(buffer_refuses_past_its_limit),
		cmocka_unit_test(buffer_prints_long_text), cmocka_unit_test(hex_round_trip),
		cmocka_unit_test(base64_round_trips), cmocka_unit_test(utf8_is_checked),
		cmocka_unit_test(utf16_round_trips), cmocka_unit_test(errors_carry_their_place),
		cmocka_unit_test(secrets_compare_and_vanish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
