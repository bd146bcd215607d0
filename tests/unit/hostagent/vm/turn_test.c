/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "hostagent/vm/turn.h"

#define WAITS(number) { .waits = true, .came = (number) }
#define USER(number) { .waits = true, .for_user = true, .came = (number) }
#define UNDER_WAY { .under_way = true }

static void as_many_as_suit_the_processors(void **state)
{
	assert_int_equal(vm_starts_default(1, VM_ACCEL_TCG), 2);
	assert_int_equal(vm_starts_default(8, VM_ACCEL_TCG), 8);
	assert_int_equal(vm_starts_default(8, VM_ACCEL_KVM), 16);
	assert_int_equal(vm_starts_default(1000, VM_ACCEL_KVM), VM_STARTS_MAX);
}

static void who_came_first_is_next(void **state)
{
	const struct vm_start starts[] = { WAITS(7), UNDER_WAY, WAITS(3), { 0 }, WAITS(5) };

	assert_int_equal(vm_turn_next(starts, 5, 2), 2);
	assert_int_equal(vm_turn_before(starts, 5, 2), 0);
	assert_int_equal(vm_turn_before(starts, 5, 4), 1);
	assert_int_equal(vm_turn_before(starts, 5, 0), 2);
}

static void nobody_is_next_while_enough_are_under_way(void **state)
{
	const struct vm_start starts[] = { UNDER_WAY, WAITS(1), UNDER_WAY };

	assert_int_equal(vm_turn_next(starts, 3, 2), 3);
	assert_int_equal(vm_turn_next(starts, 3, 3), 1);
	assert_int_equal(vm_turn_next(starts, 1, 3), 1); /* nobody waits */
}

static void users_go_before_spares(void **state)
{
	const struct vm_start starts[] = { WAITS(1), USER(9), WAITS(2), USER(4) };

	assert_int_equal(vm_turn_next(starts, 4, 1), 3);
	assert_int_equal(vm_turn_before(starts, 4, 3), 0);
	assert_int_equal(vm_turn_before(starts, 4, 1), 1);
	assert_int_equal(vm_turn_before(starts, 4, 0), 2);
	assert_int_equal(vm_turn_before(starts, 4, 2), 3);
}

/* Starts come and end in any order: never too many at a time, every one gets its turn, and whoever
 * goes has nobody before it. */
static void any_course_of_events(void **state)
{
	enum { COUNT = 60, MOST = 3 };
	uint32_t random = 12345;

	for (int round = 0; round < 50; round++) {
		struct vm_start starts[COUNT] = { 0 };
		size_t arrived = 0, served = 0, under_way = 0;

		while (served < COUNT || under_way > 0) {
			random = random * 1664525 + 1013904223;
			if (random >> 30 < 2 && arrived < COUNT) {
				starts[arrived] = (struct vm_start){
					.waits = true,
					.for_user = random >> 20 & 1,
					.came = (int64_t)arrived + 1,
				};
				arrived++;
			}
			size_t ends = (random >> 8) % COUNT;
			if (starts[ends].under_way) {
				starts[ends].under_way = false;
				under_way--;
			}
			size_t next = vm_turn_next(starts, arrived, MOST);
			if (next == arrived)
				continue;
			assert_int_equal(vm_turn_before(starts, arrived, next), 0);
			starts[next].waits = false;
			starts[next].under_way = true;
			served++;
			assert_true(++under_way <= MOST);
		}
		assert_int_equal(vm_turn_next(starts, COUNT, MOST), COUNT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_many_as_suit_the_processors),
		cmocka_unit_test(who_came_first_is_next),
		cmocka_unit_test(nobody_is_next_while_enough_are_under_way),
		cmocka_unit_test(users_go_before_spares),
		cmocka_unit_test(any_course_of_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
