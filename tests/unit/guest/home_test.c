/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <string.h>
#include "guest/home_io.h"

enum { LEN = 2048, MAGIC = 1024 + 0x38, STATE = 1024 + 0x3a, INCOMPAT = 1024 + 0x60 };

static void only_a_clean_disk_goes_unchecked(void **state)
{
	uint8_t head[LEN] = { 0 };
	const struct span all = span_of(head, LEN);

	assert_int_equal(home_look(all), HOME_NO_FILE_SYSTEM);
	head[MAGIC] = 0x53;
	head[MAGIC + 1] = 0xef;
	assert_int_equal(home_look(span_of(head, LEN - 1)), HOME_NO_FILE_SYSTEM);
	assert_int_equal(home_look(all), HOME_TO_CHECK);	/* still mounted when it was left */
	head[STATE] = 1;
	assert_int_equal(home_look(all), HOME_CLEAN);
	head[INCOMPAT] = 0x44;	/* a journal to replay */
	assert_int_equal(home_look(all), HOME_TO_CHECK);
	head[INCOMPAT] = 0x40;
	head[STATE] = 3;	/* errors were seen */
	assert_int_equal(home_look(all), HOME_TO_CHECK);
}

static void a_check_that_changed_nothing_has_nothing_to_undo(void **state)
{
	uint8_t head[16] = "E2UNDO02";

	assert_false(home_has_undo(span_of(head, sizeof(head))));
	head[8] = 1;
	assert_true(home_has_undo(span_of(head, sizeof(head))));
	assert_false(home_has_undo(span_of(head, sizeof(head) - 1)));
	head[0] = 'F';
	assert_false(home_has_undo(span_of(head, sizeof(head))));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_clean_disk_goes_unchecked),
		cmocka_unit_test(a_check_that_changed_nothing_has_nothing_to_undo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
