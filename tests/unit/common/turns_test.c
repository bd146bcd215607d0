/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/turns.h"

#include "tests/unit/test.h"

static void who_is_through_makes_room(void **state)
{
	struct turns turns;
	struct turn people[TURNS] = { 0 };

	(void)state;
	turns_init(&turns);
	for (int i = 0; i < TURNS; i++) {
		assert_false(turns_full(&turns));
		turns_take(&turns, &people[i], 1000);
	}
	assert_true(turns_full(&turns));
	turns_leave(&turns, &people[7]);
	assert_false(turns_full(&turns));
	turns_leave(&turns, &people[7]); /* twice is once */
	assert_int_equal(turns.count, TURNS - 1);
	assert_false(turns_free(&turns));
	for (int i = 8; i < 8 + TURNS / 2 - 1; i++)
		turns_leave(&turns, &people[i]);
	assert_true(turns_free(&turns));
}

static void the_silent_lose_their_places_first(void **state)
{
	struct turns turns;
	struct turn silent = { 0 }, slow = { 0 }, late = { 0 };

	(void)state;
	turns_init(&turns);
	turns_take(&turns, &silent, 1000);
	turns_take(&turns, &slow, 1000);
	slow.spoke = true;
	turns_take(&turns, &late, 1000 + TURN_SILENT_MS - 1);
	turns_expire(&turns, 1000 + TURN_SILENT_MS - 1);
	assert_int_equal(turns.count, 3);
	turns_expire(&turns, 1000 + TURN_SILENT_MS);
	assert_int_equal(turns.count, 2);
	assert_null(silent.link.next);
	turns_expire(&turns, 1000 + TURN_MS);
	assert_int_equal(turns.count, 0);
	turns_leave(&turns, &slow); /* it gets through after all */
	assert_int_equal(turns.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_through_makes_room),
		cmocka_unit_test(the_silent_lose_their_places_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
