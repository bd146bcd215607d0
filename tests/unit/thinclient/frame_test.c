/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include <errno.h>
#include <string.h>
#include "thinclient/frame.h"

enum { W = 8, H = 4 };

static void fill(uint8_t *pixels, uint8_t value)
{
	memset(pixels, value, W * H * 4);
}

static struct frame *new_frame(void)
{
	struct frame *frame = frame_new();

	assert_int_equal(frame_resize(frame, W, H), 0);
	return frame;
}

static int64_t complete_at(struct frame *frame)
{
	struct frame_state state;

	frame_get_state(frame, &state);
	return state.complete_us;
}

static void a_picture_is_complete_when_all_is_painted_and_not_blank(void **state)
{
	OWNED(frame_free) struct frame *frame = new_frame();
	uint8_t pixels[W * H * 4];
	struct frame_rect all = { 0, 0, W, H }, left = { 0, 0, 4, H }, right = { 4, 0, 4, H };

	fill(pixels, 0);
	frame_paint(frame, pixels, W * 4, &all, 1, 10);
	assert_int_equal(complete_at(frame), 0);	/* black all over */
	pixels[0] = 0xFF;
	frame_paint(frame, pixels, W * 4, &left, 1, 20);
	assert_int_equal(complete_at(frame), 20);
	frame_paint(frame, pixels, W * 4, &right, 1, 30);
	assert_int_equal(complete_at(frame), 20);	/* the first one counts */
}

static void a_half_painted_picture_is_not_complete(void **state)
{
	OWNED(frame_free) struct frame *frame = new_frame();
	uint8_t pixels[W * H * 4];
	struct frame_rect left = { 0, 0, 4, H }, right = { 4, 0, 4, H };

	fill(pixels, 7);
	pixels[4] = 0xFF;
	frame_paint(frame, pixels, W * 4, &left, 1, 10);
	frame_paint(frame, pixels, W * 4, &left, 1, 11);
	assert_int_equal(complete_at(frame), 0);
	frame_paint(frame, pixels, W * 4, &right, 1, 12);
	assert_int_equal(complete_at(frame), 12);
}

static void the_unused_byte_does_not_make_a_picture(void **state)
{
	OWNED(frame_free) struct frame *frame = new_frame();
	uint8_t pixels[W * H * 4];
	struct frame_rect all = { 0, 0, W, H };

	fill(pixels, 0);
	pixels[3] = 0xFF;
	frame_paint(frame, pixels, W * 4, &all, 1, 10);
	assert_int_equal(complete_at(frame), 0);
}

static void a_black_screen_from_a_lossy_codec_is_no_picture(void **state)
{
	OWNED(frame_free) struct frame *frame = new_frame();
	uint8_t pixels[W * H * 4];
	struct frame_rect all = { 0, 0, W, H };

	for (size_t i = 0; i < sizeof(pixels); i++)
		pixels[i] = (uint8_t)(i % 9);
	frame_paint(frame, pixels, W * 4, &all, 1, 10);
	assert_int_equal(complete_at(frame), 0);
	pixels[40] = 200;
	frame_paint(frame, pixels, W * 4, &all, 1, 20);
	assert_int_equal(complete_at(frame), 20);
}

static void rectangles_outside_are_clipped(void **state)
{
	OWNED(frame_free) struct frame *frame = new_frame();
	uint8_t pixels[W * H * 4];
	struct frame_rect wild[] = { { -5, -5, 100, 100 }, { W, 0, 5, 5 }, { 0, H, 5, 5 },
				     { 3, 3, -1, 4 } };
	struct frame_rect dirty[FRAME_MAX_DIRTY];
	struct frame_state seen;
	size_t stride;

	fill(pixels, 9);
	frame_paint(frame, pixels, W * 4, wild, ARRAY_LEN(wild), 10);
	const uint8_t *got = frame_lock(frame, &seen, &stride);

	assert_memory_equal(got, pixels, sizeof(pixels));
	assert_int_equal(frame_take_dirty(frame, dirty), 1);
	assert_int_equal(dirty[0].x, 0);
	assert_int_equal(dirty[0].w, W);
	assert_int_equal(frame_take_dirty(frame, dirty), 0);
	frame_unlock(frame);
}

static void many_dirty_rectangles_become_one_that_covers_them(void **state)
{
	OWNED(frame_free) struct frame *frame = new_frame();
	uint8_t pixels[W * H * 4];
	struct frame_rect dirty[FRAME_MAX_DIRTY];
	struct frame_state seen;
	size_t stride;

	fill(pixels, 1);
	for (int i = 0; i <= FRAME_MAX_DIRTY; i++)
		frame_paint(frame, pixels, W * 4, &(struct frame_rect){ i % W, i / W % H, 1, 1 }, 1,
			    1);
	frame_lock(frame, &seen, &stride);
	assert_int_equal(frame_take_dirty(frame, dirty), 1);
	frame_unlock(frame);
	assert_int_equal(dirty[0].w, W);
	assert_int_equal(dirty[0].h, H);
}

static void sizes_are_bounded(void **state)
{
	OWNED(frame_free) struct frame *frame = new_frame();

	assert_int_equal(frame_resize(frame, 0, 5), -EINVAL);
	assert_int_equal(frame_resize(frame, 5, FRAME_MAX_SIDE + 1), -EINVAL);
	struct frame_state seen;

	frame_get_state(frame, &seen);
	assert_int_equal(seen.resizes, 1);
	assert_int_equal(seen.width, W);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_picture_is_complete_when_all_is_painted_and_not_blank),
		cmocka_unit_test(a_half_painted_picture_is_not_complete),
		cmocka_unit_test(the_unused_byte_does_not_make_a_picture),
		cmocka_unit_test(a_black_screen_from_a_lossy_codec_is_no_picture),
		cmocka_unit_test(rectangles_outside_are_clipped),
		cmocka_unit_test(many_dirty_rectangles_become_one_that_covers_them),
		cmocka_unit_test(sizes_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
