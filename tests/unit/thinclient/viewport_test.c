/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include "thinclient/viewport.h"

static void assert_fit(int dw, int dh, int ww, int wh, int x, int y, int w, int h)
{
	struct frame_rect r = viewport_fit(dw, dh, ww, wh);

	assert_int_equal(r.x, x);
	assert_int_equal(r.y, y);
	assert_int_equal(r.w, w);
	assert_int_equal(r.h, h);
}

static void the_desktop_fits_in_proportion(void **state)
{
	assert_fit(800, 600, 800, 600, 0, 0, 800, 600);
	assert_fit(800, 600, 1600, 600, 400, 0, 800, 600);
	assert_fit(800, 600, 800, 1000, 0, 200, 800, 600);
	assert_fit(1600, 1200, 400, 400, 0, 50, 400, 300);
	assert_fit(8192, 1, 4, 4, 0, 1, 4, 1);
}

static void positions_stay_on_the_desktop(void **state)
{
	struct frame_rect fit = { 100, 0, 400, 300 };
	int x, y;

	viewport_to_desktop(fit, 800, 600, 100, 0, &x, &y);
	assert_int_equal(x, 0);
	viewport_to_desktop(fit, 800, 600, 300, 150, &x, &y);
	assert_int_equal(x, 400);
	assert_int_equal(y, 300);
	viewport_to_desktop(fit, 800, 600, 0, 5000, &x, &y);
	assert_int_equal(x, 0);
	assert_int_equal(y, 599);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_desktop_fits_in_proportion),
		cmocka_unit_test(positions_stay_on_the_desktop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
