/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include "pool/exception.h"

static const struct exception_facts asked = {
	.state = EXCEPTION_REQUESTED, .requested_by = "anna", .user = "hanako", .expires_at_ms = 1000,
};

static struct exception_facts in(enum exception_state state)
{
	struct exception_facts facts = asked;

	facts.state = state;
	return facts;
}

static void another_one_approves(void **state)
{
	assert_int_equal(exception_may_approve(&asked, "boris", 999), REASON_OK);
	assert_int_equal(exception_may_approve(&asked, "anna", 999), REASON_SAME_ADMIN);
	assert_int_equal(exception_may_approve(&asked, "Anna", 999), REASON_SAME_ADMIN);
	assert_int_equal(exception_may_approve(&asked, "hanako", 999), REASON_SAME_ADMIN);
}

static void only_what_waits_is_approved(void **state)
{
	assert_int_equal(exception_may_approve(&asked, "boris", 1000), REASON_EXCEPTION_OVER);
	for (int i = 0; i < EXCEPTION_STATES; i++) {
		struct exception_facts facts = in((enum exception_state)i);

		assert_int_equal(exception_may_approve(&facts, "boris", 1),
				 i == EXCEPTION_REQUESTED ? REASON_OK : REASON_EXCEPTION_OVER);
		assert_int_equal(exception_is_in_force(&facts, 1), i == EXCEPTION_APPROVED);
		assert_false(exception_is_in_force(&facts, 1000));
	}
}

static void what_is_open_can_be_revoked(void **state)
{
	for (int i = 0; i < EXCEPTION_STATES; i++) {
		struct exception_facts facts = in((enum exception_state)i);
		bool open = i == EXCEPTION_REQUESTED || i == EXCEPTION_APPROVED;

		assert_int_equal(exception_may_revoke(&facts, 1),
				 open ? REASON_OK : REASON_EXCEPTION_OVER);
		assert_int_equal(exception_may_revoke(&facts, 1000), REASON_EXCEPTION_OVER);
	}
}

static void words_and_devices(void **state)
{
	enum exception_state parsed;

	for (int i = 0; i < EXCEPTION_STATES; i++) {
		assert_int_equal(exception_state_parse(exception_state_word((enum exception_state)i),
						       &parsed), 0);
		assert_int_equal(parsed, i);
	}
	assert_true(exception_state_parse("granted", &parsed) < 0);
	assert_true(exception_device_valid("drive"));
	assert_false(exception_device_valid("usb"));
	assert_false(exception_device_valid(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_one_approves),
		cmocka_unit_test(only_what_waits_is_approved),
		cmocka_unit_test(what_is_open_can_be_revoked),
		cmocka_unit_test(words_and_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
