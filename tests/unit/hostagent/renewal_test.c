/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "hostagent/renewal.h"

#define DAY INT64_C(86400)
#define BEGINS INT64_C(1700000000)

static void a_long_one_is_renewed_30_days_before(void **state)
{
	int64_t ends = BEGINS + 825 * DAY;

	assert_false(renewal_due(BEGINS, ends, BEGINS));
	assert_false(renewal_due(BEGINS, ends, ends - 30 * DAY - 1));
	assert_true(renewal_due(BEGINS, ends, ends - 30 * DAY));
	assert_true(renewal_due(BEGINS, ends, ends + DAY));
}

/* A fresh one must never be due at once, however short it is: hosts would ask without end. */
static void a_short_one_is_renewed_in_its_last_third(void **state)
{
	for (int64_t days = 1; days <= 90; days++) {
		int64_t ends = BEGINS + days * DAY;

		assert_false(renewal_due(BEGINS, ends, BEGINS + days * DAY / 2));
		assert_false(renewal_due(BEGINS, ends, ends - days * DAY / 3 - 1));
		assert_true(renewal_due(BEGINS, ends, ends - days * DAY / 3));
	}
}

static void warnings_come_at_30_7_and_1_days_and_behind_the_end(void **state)
{
	int64_t ends = BEGINS;

	assert_int_equal(renewal_warnings(ends, ends - 30 * DAY - 1), 0);
	assert_int_equal(renewal_warnings(ends, ends - 30 * DAY), 1);
	assert_int_equal(renewal_warnings(ends, ends - 7 * DAY), 2);
	assert_int_equal(renewal_warnings(ends, ends - DAY), 3);
	assert_int_equal(renewal_warnings(ends, ends - 1), 3);
	assert_int_equal(renewal_warnings(ends, ends), 4);
	assert_int_equal(renewal_warnings(ends, ends + 400 * DAY), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_long_one_is_renewed_30_days_before),
		cmocka_unit_test(a_short_one_is_renewed_in_its_last_third),
		cmocka_unit_test(warnings_come_at_30_7_and_1_days_and_behind_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
