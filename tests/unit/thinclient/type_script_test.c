/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include <errno.h>
#include "common/base/buf.h"
#include "thinclient/type_script.h"

static void note(void *arg, struct key_stroke s)
{
	if (s.scancode)
		buf_printf(arg, "%s%x ", s.down ? "+" : "-", s.scancode);
	else
		buf_printf(arg, "U%x ", s.unicode);
}

static void assert_typed(const char *text, const char *expected)
{
	OWNED(buf_done) struct buf strokes = { 0 };

	assert_int_equal(type_script_run(text, note, &strokes, NULL), 0);
	assert_string_equal(buf_text(&strokes), expected);
}

static void characters_become_keys(void **state)
{
	assert_typed("a", "+1e -1e ");
	assert_typed("A", "+2a +1e -1e -2a ");
	assert_typed("|", "+2a +2b -2b -2a ");
	assert_typed("/\n", "+35 -35 +1c -1c ");
	assert_typed("{{", "+2a +1a -1a -2a ");
}

static void chords_are_pressed_together(void **state)
{
	assert_typed("{ctrl+alt+t}", "+1d +38 +14 -14 -38 -1d ");
	assert_typed("{Enter}", "+1c -1c ");
	assert_typed("{up}", "+148 -148 ");
}

static void other_characters_go_as_unicode(void **state)
{
	assert_typed("山", "U5c71 ");
	assert_typed("😀", "Ud83d Ude00 ");
}

static void what_is_not_understood_types_nothing(void **state)
{
	static const char *const bad[] = { "ab{nokey}", "{ctrl+", "{}", "{+}", "\x01", "\xff",
					   "{a+a+a+a+a+a+a+a+a}" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		OWNED(buf_done) struct buf strokes = { 0 };

		assert_int_equal(type_script_run(bad[i], note, &strokes, NULL), -EINVAL);
		assert_int_equal(strokes.len, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(characters_become_keys),
		cmocka_unit_test(chords_are_pressed_together),
		cmocka_unit_test(other_characters_go_as_unicode),
		cmocka_unit_test(what_is_not_understood_types_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
