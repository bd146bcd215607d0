/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include <string.h>
#include "hostagent/relay/connection.h"

static void test_guest_only_behind_a_granted_ticket(void **state)
{
	for (int s = CONNECTION_NEW; s <= CONNECTION_JOINED; s++) {
		enum connection_state at = (enum connection_state)s;
		enum connection_step step = connection_step(&at, MESSAGE_DIAL);

		assert_int_equal(step, s == CONNECTION_GRANTED ? STEP_DIAL : STEP_VIOLATION);
		assert_int_equal(at, s == CONNECTION_GRANTED ? CONNECTION_DIALLING : s);
	}
}

static void test_one_ticket_per_connection(void **state)
{
	enum connection_state at = CONNECTION_NEW;

	assert_int_equal(connection_step(&at, MESSAGE_REDEEM), STEP_REDEEM);
	assert_int_equal(at, CONNECTION_REDEEMING);
	for (int s = CONNECTION_REDEEMING; s <= CONNECTION_JOINED; s++) {
		at = (enum connection_state)s;
		assert_int_equal(connection_step(&at, MESSAGE_REDEEM), STEP_VIOLATION);
		assert_int_equal(at, s);
	}
}

static void test_usage_is_told_of_a_session(void **state)
{
	for (int s = CONNECTION_NEW; s <= CONNECTION_JOINED; s++) {
		enum connection_state at = (enum connection_state)s;

		assert_int_equal(connection_step(&at, MESSAGE_USAGE),
				 s == CONNECTION_JOINED ? STEP_USAGE : STEP_VIOLATION);
		assert_int_equal(at, s);
	}
}

static void test_what_only_the_parent_says_is_out_of_turn(void **state)
{
	static const uint32_t kinds[] = { 0, MESSAGE_REDEEMED, MESSAGE_REFUSED, MESSAGE_GUEST,
		MESSAGE_GUEST_FAILED, MESSAGE_END, 99, UINT32_MAX };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		enum connection_state at = CONNECTION_GRANTED;

		assert_int_equal(connection_step(&at, kinds[i]), STEP_VIOLATION);
	}
}

static void test_events_are_made_safe(void **state)
{
	struct message_event in = { .kind = "denied", .what = "static_channel",
		.name = "r\xc3\xa9\n\"x", .count = 3 };
	struct event out;

	assert_true(connection_event(&in, &out));
	assert_string_equal(out.name, "r???\"x");
	assert_int_equal(out.count, 3);
	assert_string_equal(out.session, "");

	strcpy(in.kind, "admin_login");
	assert_false(connection_event(&in, &out));
	strcpy(in.kind, "denied");
	strcpy(in.what, "anything");
	assert_false(connection_event(&in, &out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guest_only_behind_a_granted_ticket),
		cmocka_unit_test(test_one_ticket_per_connection),
		cmocka_unit_test(test_usage_is_told_of_a_session),
		cmocka_unit_test(test_what_only_the_parent_says_is_out_of_turn),
		cmocka_unit_test(test_events_are_made_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
