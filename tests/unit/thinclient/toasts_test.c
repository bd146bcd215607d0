/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <string.h>
#include "thinclient/toasts.h"

static void lines_go_when_their_time_is_over(void **state)
{
	struct toasts t = { 0 };

	assert_int_equal(toasts_tick(&t, 0), -1);
	toasts_add(&t, false, "no USB", 1000);
	toasts_add(&t, true, "昼休み", 1000);
	assert_int_equal(toasts_tick(&t, 1000), TOAST_REFUSED_MS);
	assert_int_equal(toasts_tick(&t, 1000 + TOAST_REFUSED_MS), TOAST_MESSAGE_MS - TOAST_REFUSED_MS);
	assert_int_equal(t.count, 1);
	assert_string_equal(t.items[0].text, "昼休み");
	assert_int_equal(toasts_tick(&t, 1000 + TOAST_MESSAGE_MS), -1);
	assert_int_equal(t.count, 0);
}

static void the_oldest_makes_room(void **state)
{
	static const char *const texts[] = { "one", "two", "three", "four" };
	struct toasts t = { 0 };

	for (int i = 0; i < 4; i++)
		toasts_add(&t, false, texts[i], i);
	assert_int_equal(t.count, TOASTS_MAX);
	assert_string_equal(t.items[0].text, "two");
	toasts_add(&t, false, "two", 100);	/* the same again: still one, and for longer */
	assert_int_equal(t.count, TOASTS_MAX);
	assert_string_equal(t.items[2].text, "two");
	toasts_remove(&t, 7);
	toasts_remove(&t, 0);
	assert_string_equal(t.items[0].text, "four");
}

static void a_long_text_ends_at_a_character(void **state)
{
	char text[1200];
	struct toasts t = { 0 };

	memset(text, 0, sizeof(text));
	for (size_t i = 0; i + 3 < sizeof(text); i += 3)
		memcpy(text + i, "昼", 3);
	toasts_add(&t, true, text, 0);
	assert_int_equal(strlen(t.items[0].text) % 3, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_go_when_their_time_is_over),
		cmocka_unit_test(the_oldest_makes_room),
		cmocka_unit_test(a_long_text_ends_at_a_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
