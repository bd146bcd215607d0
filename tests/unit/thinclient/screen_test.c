/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include <string.h>
#include "thinclient/screen.h"

static struct screen form(const char *user)
{
	struct screen s;

	screen_init(&s, LANGUAGE_EN, user);
	return s;
}

static void the_keyboard_alone_signs_in(void **state)
{
	struct screen s = form(NULL);

	assert_int_equal(s.focus, FOCUS_USER);
	screen_type(&s, "山田");
	assert_int_equal(screen_press(&s, SCREEN_KEY_ENTER), SCREEN_NOTHING);
	assert_int_equal(s.focus, FOCUS_PASSWORD);	/* taken to what is missing */
	screen_type(&s, "pw");
	assert_int_equal(screen_press(&s, SCREEN_KEY_ENTER), SCREEN_SUBMIT);
	assert_string_equal(s.user.text, "山田");
	assert_string_equal(s.password.text, "pw");
}

static void tab_goes_round_both_ways(void **state)
{
	struct screen s = form(NULL);

	screen_press(&s, SCREEN_KEY_BACKTAB);
	assert_int_equal(s.focus, FOCUS_BUTTON);
	screen_type(&s, "nowhere");
	assert_int_equal(s.user.len + s.password.len, 0);
	screen_press(&s, SCREEN_KEY_TAB);
	assert_int_equal(s.focus, FOCUS_USER);
}

static void a_failure_keeps_the_name_and_drops_the_password(void **state)
{
	struct screen s = form("mary");

	screen_type(&s, "wrong");
	screen_show_form(&s, "wrong_credentials", true, 0);
	assert_string_equal(s.user.text, "mary");
	assert_int_equal(s.password.len, 0);
	assert_int_equal(s.password.text[0], 0);
	assert_int_equal(s.focus, FOCUS_PASSWORD);
	char title[128];

	screen_window_title(&s, title, sizeof(title));
	assert_string_equal(title, "Genkan: sign in (wrong_credentials)");
}

static void the_mouse_finds_fields_and_button(void **state)
{
	struct screen s = form("mary");
	struct screen_layout l;

	screen_arrange(&s, 1280, 800, 0, &l);
	screen_click(&s, &l, l.fields[0].x + 5, l.fields[0].y + 5);
	assert_int_equal(s.focus, FOCUS_USER);
	screen_click(&s, &l, l.fields[1].x + 5, l.fields[1].y + 5);
	screen_type(&s, "pw");
	assert_int_equal(screen_click(&s, &l, l.button.x + 1, l.button.y + 1), SCREEN_SUBMIT);
	assert_int_equal(screen_click(&s, &l, 1, 1), SCREEN_NOTHING);
}

static bool inside(struct screen_rect r, struct screen_rect card)
{
	return r.w == 0 || (r.x > card.x && r.y > card.y && r.x + r.w < card.x + card.w &&
			    r.y + r.h < card.y + card.h);
}

static void everything_lies_in_the_card_and_apart(void **state)
{
	struct screen s = form("mary");
	struct screen_layout l;

	screen_arrange(&s, 1280, 800, 60, &l);
	assert_true(inside(l.message, l.card));
	assert_true(inside(l.fields[0], l.card) && inside(l.fields[1], l.card));
	assert_true(inside(l.button, l.card));
	assert_true(l.message.y + l.message.h < l.fields[0].y);
	assert_true(l.fields[0].y + l.fields[0].h < l.fields[1].y);
	assert_true(l.fields[1].y + l.fields[1].h < l.button.y);
	assert_int_equal(l.card.x, (1280 - l.card.w) / 2);
}

static void a_desktop_is_chosen_with_keys_or_mouse(void **state)
{
	static const struct desktop_entry two[] = { { .id = "a", .title = "A" },
						    { .id = "b", .title = "B" } };
	struct screen s = form("mary");
	struct screen_layout l;

	screen_set_desktops(&s, two, 2);
	s.state = FLOW_CHOOSING;
	screen_press(&s, SCREEN_KEY_DOWN);
	assert_int_equal(screen_press(&s, SCREEN_KEY_ENTER), SCREEN_CHOOSE);
	assert_int_equal(s.chosen, 1);
	screen_press(&s, SCREEN_KEY_DOWN);
	assert_int_equal(s.chosen, 0);
	screen_arrange(&s, 1280, 800, 0, &l);
	assert_int_equal(screen_click(&s, &l, l.rows[1].x + 2, l.rows[1].y + 2), SCREEN_CHOOSE);
	assert_int_equal(s.chosen, 1);
	assert_int_equal(screen_press(&s, SCREEN_KEY_ESCAPE), SCREEN_CANCEL);
}

static void the_menu_has_what_the_pool_allows(void **state)
{
	struct screen s = form("mary");
	enum screen_item items[ITEMS];
	struct screen_layout l;

	s.state = FLOW_MENU;
	assert_int_equal(screen_menu(&s, items), 2);
	s.may_reset = true;
	assert_int_equal(screen_menu(&s, items), 3);
	assert_int_equal(items[2], ITEM_RESET);
	screen_open_menu(&s);
	assert_int_equal(screen_press(&s, SCREEN_KEY_ENTER), SCREEN_BACK);
	screen_press(&s, SCREEN_KEY_UP);
	assert_int_equal(s.item, ITEM_RESET);
	assert_int_equal(screen_press(&s, SCREEN_KEY_ENTER), SCREEN_WISH);
	screen_arrange(&s, 1280, 800, 0, &l);
	assert_int_equal(screen_click(&s, &l, l.rows[1].x + 2, l.rows[1].y + 2), SCREEN_CANCEL);
	assert_int_equal(l.rows[3].w, 0);
	assert_int_equal(screen_click(&s, &l, 1, 1), SCREEN_BACK);
}

static void the_careful_answer_comes_first(void **state)
{
	struct screen s = form("mary");
	struct screen_layout l;
	char title[96];

	s.state = FLOW_CONFIRM;
	s.item = ITEM_RESTART;
	assert_int_equal(screen_press(&s, SCREEN_KEY_ENTER), SCREEN_BACK);
	screen_press(&s, SCREEN_KEY_RIGHT);
	assert_int_equal(screen_press(&s, SCREEN_KEY_ENTER), SCREEN_CONFIRM);
	assert_int_equal(screen_press(&s, SCREEN_KEY_ESCAPE), SCREEN_BACK);
	screen_arrange(&s, 1280, 800, 60, &l);
	assert_true(inside(l.message, l.card) && inside(l.cancel, l.card) && inside(l.yes, l.card));
	assert_true(l.cancel.x + l.cancel.w < l.yes.x && l.message.y + l.message.h < l.yes.y);
	assert_int_equal(screen_click(&s, &l, l.yes.x + 1, l.yes.y + 1), SCREEN_CONFIRM);
	assert_int_equal(screen_click(&s, &l, l.cancel.x + 1, l.cancel.y + 1), SCREEN_BACK);
	snprintf(s.title, sizeof(s.title), "Office");
	screen_window_title(&s, title, sizeof(title));
	assert_string_equal(title, "Genkan: Office (restart?)");
}

static void waiting_can_be_cancelled(void **state)
{
	struct screen s = form("mary");
	struct screen_layout l;

	s.state = FLOW_PREPARING;
	screen_arrange(&s, 1280, 800, 0, &l);
	assert_int_equal(screen_press(&s, SCREEN_KEY_ENTER), SCREEN_NOTHING);
	assert_int_equal(screen_press(&s, SCREEN_KEY_ESCAPE), SCREEN_CANCEL);
	assert_int_equal(screen_click(&s, &l, l.cancel.x + 1, l.cancel.y + 1), SCREEN_CANCEL);
	assert_int_equal(l.button.w, 0);
}

static void the_forms_behind_the_password(void **state)
{
	struct screen s = form("mary");
	struct screen_layout l;
	char title[128];

	s.state = FLOW_CODE;
	s.factor.enrolling = true;
	screen_ask(&s, "", "");
	assert_int_equal(screen_press(&s, SCREEN_KEY_ENTER), SCREEN_NOTHING);	/* no code yet */
	screen_type(&s, "123 456");
	screen_press(&s, SCREEN_KEY_TAB);
	assert_int_equal(s.focus, FOCUS_BUTTON);	/* there is one field */
	assert_int_equal(screen_press(&s, SCREEN_KEY_ENTER), SCREEN_SUBMIT);
	assert_string_equal(s.code.text, "123 456");
	screen_arrange(&s, 1280, 800, 0, &l);
	assert_true(l.sheet.w > 0 && l.fields[0].y > l.sheet.y + l.sheet.h);
	assert_int_equal(screen_click(&s, &l, l.cancel.x + 1, l.cancel.y + 1), SCREEN_CANCEL);
	assert_int_equal(screen_press(&s, SCREEN_KEY_ESCAPE), SCREEN_CANCEL);

	s.state = FLOW_NEW_PASSWORD;
	screen_ask(&s, "", "");
	assert_int_equal(s.code.len, 0);
	screen_type(&s, "one-Password");
	screen_press(&s, SCREEN_KEY_TAB);
	screen_type(&s, "another");
	assert_int_equal(screen_press(&s, SCREEN_KEY_ENTER), SCREEN_NOTHING);
	screen_window_title(&s, title, sizeof(title));
	assert_string_equal(title, "Genkan: new password (passwords_differ)");
	assert_int_equal(s.fresh.len + s.again.len, 0);
	assert_true(s.fresh.masked && s.again.masked);
	screen_type(&s, "one-Password");
	screen_press(&s, SCREEN_KEY_TAB);
	screen_type(&s, "one-Password");
	assert_int_equal(screen_press(&s, SCREEN_KEY_ENTER), SCREEN_SUBMIT);
	screen_wipe(&s);
	assert_int_equal(s.fresh.text[0], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_keyboard_alone_signs_in),
		cmocka_unit_test(tab_goes_round_both_ways),
		cmocka_unit_test(a_failure_keeps_the_name_and_drops_the_password),
		cmocka_unit_test(the_mouse_finds_fields_and_button),
		cmocka_unit_test(everything_lies_in_the_card_and_apart),
		cmocka_unit_test(a_desktop_is_chosen_with_keys_or_mouse),
		cmocka_unit_test(the_menu_has_what_the_pool_allows),
		cmocka_unit_test(the_careful_answer_comes_first),
		cmocka_unit_test(the_forms_behind_the_password),
		cmocka_unit_test(waiting_can_be_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
