/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "hostagent/vm/overlay.h"

static void expect(int64_t file, int64_t max, int percent, int64_t next, bool full)
{
	struct overlay_level level = overlay_level(file, max);

	assert_int_equal(level.percent, percent);
	assert_int_equal(level.next_bytes, next);
	assert_int_equal(level.full, full);
}

static void levels_are_told_once_each(void **state)
{
	expect(0, 1000, 0, 800, false);
	expect(799, 1000, 0, 800, false);
	expect(800, 1000, 80, 900, false);
	expect(900, 1000, 90, 1000, false);
	expect(999, 1000, 90, 1000, false);
	expect(1000, 1000, 100, 0, true);
	expect(5000, 1000, 100, 0, true);
}

static void without_a_quota_nothing_is_watched(void **state)
{
	expect(INT64_MAX, 0, 0, 0, false);
}

/* What is not divisible by a hundred has its end where it was set. */
static void odd_quotas_end_exactly(void **state)
{
	expect(149, 150, 90, 150, false);
	expect(150, 150, 100, 0, true);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_are_told_once_each),
		cmocka_unit_test(without_a_quota_nothing_is_watched),
		cmocka_unit_test(odd_quotas_end_exactly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
