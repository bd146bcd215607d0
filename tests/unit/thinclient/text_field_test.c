/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include <string.h>
#include "thinclient/text_field.h"

static void whole_characters_are_edited(void **state)
{
	struct text_field f = { 0 };

	text_field_insert(&f, "a山b");
	assert_int_equal(f.caret, 5);
	text_field_left(&f);
	text_field_backspace(&f);
	assert_string_equal(f.text, "ab");
	assert_int_equal(f.caret, 1);
	text_field_insert(&f, "田");
	assert_string_equal(f.text, "a田b");
	text_field_home(&f);
	text_field_delete(&f);
	text_field_delete(&f);
	assert_string_equal(f.text, "b");
	text_field_right(&f);
	text_field_right(&f);
	assert_int_equal(f.caret, 1);
}

static void the_ends_are_safe(void **state)
{
	struct text_field f = { 0 };

	text_field_backspace(&f);
	text_field_delete(&f);
	text_field_left(&f);
	text_field_right(&f);
	assert_int_equal(f.len, 0);
}

static void what_does_not_fit_or_is_no_text_stays_out(void **state)
{
	struct text_field f = { 0 };

	for (int i = 0; i < TEXT_FIELD_MAX - 1; i++)
		text_field_insert(&f, "x");
	text_field_insert(&f, "山");	/* three bytes, one is left */
	assert_int_equal(f.len, TEXT_FIELD_MAX - 1);
	text_field_insert(&f, "y");
	text_field_insert(&f, "z");
	assert_int_equal(f.len, TEXT_FIELD_MAX);
	text_field_wipe(&f);
	text_field_insert(&f, "a\x07\x1b" "b\x7f");
	assert_string_equal(f.text, "ab");
	text_field_insert(&f, "\xff\xfe");
	assert_string_equal(f.text, "ab");
}

static void a_password_shows_dots_and_leaves_nothing(void **state)
{
	static const char zeros[TEXT_FIELD_MAX + 1];
	struct text_field f = { .masked = true };
	char shown[TEXT_FIELD_SHOWN_MAX];

	text_field_insert(&f, "p山w");
	text_field_shown(&f, f.len, shown);
	assert_string_equal(shown, "●●●");
	text_field_shown(&f, 4, shown);
	assert_string_equal(shown, "●●");
	text_field_wipe(&f);
	assert_memory_equal(f.text, zeros, sizeof(zeros));
}

static void removed_characters_are_overwritten(void **state)
{
	static const char zeros[16];
	struct text_field f = { .masked = true };

	text_field_insert(&f, "secret");
	for (int i = 0; i < 6; i++)
		text_field_backspace(&f);
	assert_memory_equal(f.text, zeros, sizeof(zeros));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_characters_are_edited),
		cmocka_unit_test(the_ends_are_safe),
		cmocka_unit_test(what_does_not_fit_or_is_no_text_stays_out),
		cmocka_unit_test(a_password_shows_dots_and_leaves_nothing),
		cmocka_unit_test(removed_characters_are_overwritten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
