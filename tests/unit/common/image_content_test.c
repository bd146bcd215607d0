/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include "common/base/text.h"
#include "common/wire/image_content.h"

#define SIZE ((size_t)(2 * IMAGE_PIECE_BYTES + 5))

static uint8_t *sample(void)
{
	uint8_t *bytes = xcalloc(1, SIZE);

	for (size_t i = 0; i < SIZE; i += 4099)
		bytes[i] = (uint8_t)(i * 31);
	return bytes;
}

/* In whatever portions the bytes come, the hashes are those of the whole and of each piece. */
static void portions_make_no_difference(void **state)
{
	OWNED(free) uint8_t *bytes = sample();
	const size_t steps[] = { SIZE, 1 << 20, (size_t)IMAGE_PIECE_BYTES, 999983 };
	uint8_t digest[IMAGE_HASH_BYTES];
	char whole[65], sha256[65];

	image_piece_hash(span_of(bytes, SIZE), digest);
	hex_encode(span_of(digest, sizeof(digest)), whole);
	for (size_t s = 0; s < ARRAY_LEN(steps); s++) {
		OWNED(image_hash_free) struct image_hash *hash = image_hash_new();
		OWNED(image_content_done) struct image_content content = { 0 };

		for (size_t at = 0; at < SIZE; at += steps[s])
			image_hash_put(hash, span_of(bytes + at, at + steps[s] < SIZE ? steps[s] : SIZE - at));
		assert_int_equal(image_hash_bytes(hash), SIZE);
		image_hash_end(hash, sha256, &content);
		assert_string_equal(sha256, whole);
		assert_int_equal(content.count, 3);
		for (size_t i = 0; i < content.count; i++) {
			image_piece_hash(span_of(bytes + image_piece_offset(i),
						 (size_t)image_piece_len((int64_t)SIZE, i)), digest);
			assert_memory_equal(digest, content.pieces[i], sizeof(digest));
		}
	}
}

static void a_file_that_ends_with_a_piece_has_no_empty_one(void **state)
{
	OWNED(free) uint8_t *bytes = sample();
	OWNED(image_hash_free) struct image_hash *hash = image_hash_new();
	OWNED(image_content_done) struct image_content content = { 0 };
	char sha256[65];

	image_hash_put(hash, span_of(bytes, (size_t)(2 * IMAGE_PIECE_BYTES)));
	image_hash_end(hash, sha256, &content);
	assert_int_equal(content.count, 2);
	assert_int_equal(image_piece_count(2 * IMAGE_PIECE_BYTES), 2);
	assert_int_equal(image_piece_count(1), 1);
	assert_int_equal(image_piece_len(2 * IMAGE_PIECE_BYTES, 1), IMAGE_PIECE_BYTES);
}

static void lists_are_written_and_read_and_nothing_else_is(void **state)
{
	OWNED(image_content_done) struct image_content content = { 0 };
	OWNED(buf_done) struct buf text = { 0 }, again = { 0 };
	struct error err;

	for (int i = 0; i < 64 * 3; i++)
		buf_put_u8(&text, (uint8_t)"0123456789abcdef"[i % 16]);
	assert_int_equal(image_content_parse((int64_t)SIZE, buf_text(&text), &content, &err), 0);
	image_content_write(&content, &again);
	assert_string_equal(buf_text(&again), buf_text(&text));

	struct image_content none = { 0 };
	const int64_t sizes[] = { -1, 0, 5, 2 * IMAGE_PIECE_BYTES, IMAGE_BYTES_MAX + 1, INT64_MAX };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		assert_int_equal(image_content_parse(sizes[i], buf_text(&text), &none, &err), -EINVAL);
	text.ptr[7] = 'x';
	assert_int_equal(image_content_parse((int64_t)SIZE, buf_text(&text), &none, &err), -EINVAL);
	assert_null(none.pieces);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(portions_make_no_difference),
		cmocka_unit_test(a_file_that_ends_with_a_piece_has_no_empty_one),
		cmocka_unit_test(lists_are_written_and_read_and_nothing_else_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
