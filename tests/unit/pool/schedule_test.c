/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "pool/schedule.h"

static int at(int day, int hour, int minute)
{
	return day * SCHEDULE_DAY_MINUTES + hour * 60 + minute;
}

static void lines_are_read_strictly(void **state)
{
	static const char *const bad[] = {
		"", "mon", "mon 08:00-09:00", "mon 8:00-09:00 spare 1", "mon 08:00 spare 1",
		"mon 24:01-09:00 spare 1", "mon 24:00-09:00 spare 1", "mon 08:60-09:00 spare 1",
		"day 08:00-09:00 spare 1", "mon- 08:00-09:00 spare 1", "mon, 08:00-09:00 spare 1",
		"mon 08:00-09:00 spare", "mon 08:00-09:00 spare -1", "mon 08:00-09:00 spare 1x",
		"mon 08:00-09:00 spare 10001", " mon 08:00-09:00 spare 1",
	};
	struct schedule_line line;
	struct error err = { 0 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (schedule_parse(bad[i], &line, &err) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
	assert_int_equal(schedule_parse("mon-fri,sun 07:30-18:00 spare 20", &line, &err), 0);
	assert_int_equal(line.days, 0x5f);
	assert_int_equal(line.from, 450);
	assert_int_equal(line.until, 1080);
	assert_int_equal(line.spare, 20);
	assert_int_equal(schedule_parse("fri-mon 00:00-24:00 spare 0", &line, &err), 0);
	assert_int_equal(line.days, 0x71);
}

static void hours_begin_and_end_where_they_say(void **state)
{
	struct schedule_line line;

	assert_int_equal(schedule_parse("mon-fri 07:30-18:00 spare 20", &line, NULL), 0);
	assert_false(schedule_holds(&line, at(0, 7, 29)));
	assert_true(schedule_holds(&line, at(0, 7, 30)));
	assert_true(schedule_holds(&line, at(4, 17, 59)));
	assert_false(schedule_holds(&line, at(4, 18, 0)));
	assert_false(schedule_holds(&line, at(5, 12, 0)));
}

static void a_night_belongs_to_the_day_it_begins_on(void **state)
{
	struct schedule_line line;

	assert_int_equal(schedule_parse("sun 22:00-06:00 spare 2", &line, NULL), 0);
	assert_false(schedule_holds(&line, at(6, 5, 0)));
	assert_true(schedule_holds(&line, at(6, 22, 0)));
	assert_true(schedule_holds(&line, at(0, 5, 59)));	/* the week wraps */
	assert_false(schedule_holds(&line, at(0, 6, 0)));
	assert_false(schedule_holds(&line, at(0, 22, 0)));
}

static void the_largest_line_that_holds_counts(void **state)
{
	struct pool pool = { .size_spare = 3, .schedule_count = 3 };

	strcpy(pool.schedule[0], "mon-fri 07:00-19:00 spare 10");
	strcpy(pool.schedule[1], "mon 07:00-09:00 spare 25");
	strcpy(pool.schedule[2], "sat,sun 00:00-24:00 spare 0");
	assert_int_equal(schedule_spare(&pool, at(0, 8, 0)), 25);
	assert_int_equal(schedule_spare(&pool, at(0, 9, 0)), 10);
	assert_int_equal(schedule_spare(&pool, at(0, 6, 59)), 3);
	assert_int_equal(schedule_spare(&pool, at(6, 23, 59)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_read_strictly),
		cmocka_unit_test(hours_begin_and_end_where_they_say),
		cmocka_unit_test(a_night_belongs_to_the_day_it_begins_on),
		cmocka_unit_test(the_largest_line_that_holds_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
