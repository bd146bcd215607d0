/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include <png.h>
#include <string.h>
#include "thinclient/screenshot.h"

/* Read back by libpng's own reader. */
static void a_picture_survives_the_file(void **state)
{
	static const uint8_t bgrx[] = { 1, 2, 3, 99, 4, 5, 6, 99, 0, 0, 0, 0,	/* and padding */
					7, 8, 9, 99, 10, 11, 12, 99, 0, 0, 0, 0 };
	static const uint8_t rgb[] = { 3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10 };
	OWNED(buf_done) struct buf file = { 0 };
	png_image image = { .version = PNG_IMAGE_VERSION };
	uint8_t back[sizeof(rgb)];

	assert_int_equal(screenshot_encode(bgrx, 12, 2, 2, &file, NULL), 0);
	assert_true(png_image_begin_read_from_memory(&image, file.ptr, file.len));
	assert_int_equal(image.width, 2);
	assert_int_equal(image.height, 2);
	image.format = PNG_FORMAT_RGB;
	assert_true(png_image_finish_read(&image, NULL, back, 0, NULL));
	assert_memory_equal(back, rgb, sizeof(rgb));
}

static void a_desktop_without_a_picture_saves_nothing(void **state)
{
	OWNED(frame_free) struct frame *frame = frame_new();
	struct error err = { 0 };

	assert_true(screenshot_save(frame, "/nonexistent/x.png", &err) < 0);
	assert_non_null(strstr(err.text, "no picture"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_picture_survives_the_file),
		cmocka_unit_test(a_desktop_without_a_picture_saves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
