/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include "thinclient/backoff.h"

static void waits_grow_to_a_limit(void **state)
{
	static const int64_t expected[] = { 200, 400, 800, 1600, 3200, 5000, 5000 };
	struct backoff backoff = { 0 };

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_int_equal(backoff_next(&backoff, 0), expected[i]);
}

static void a_good_connection_is_remembered(void **state)
{
	struct backoff backoff = { 0 };

	assert_int_equal(backoff_next(&backoff, 3600000), 200);
	assert_int_equal(backoff_next(&backoff, BACKOFF_FORGET_MS - 1), 400);
	assert_int_equal(backoff_next(&backoff, BACKOFF_FORGET_MS), 200);
	assert_int_equal(backoff_next(&backoff, 0), 400);
}

static void what_somebody_decided_is_not_tried_again(void **state)
{
	static const char *const final[] = { "session_moved", "session_ended", "closed",
					     "session_disconnected", "idle_timeout",
					     "session_expired", "not_entitled", "relay_untrusted",
					     "broker_untrusted", "account_disabled", "" };

	for (size_t i = 0; i < sizeof(final) / sizeof(final[0]); i++)
		assert_false(backoff_is_worth_it(final[i]));
	assert_true(backoff_is_worth_it("connection_lost"));
	assert_true(backoff_is_worth_it("broker_unreachable"));
	assert_true(backoff_is_worth_it("ticket_invalid"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_grow_to_a_limit),
		cmocka_unit_test(a_good_connection_is_remembered),
		cmocka_unit_test(what_somebody_decided_is_not_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
