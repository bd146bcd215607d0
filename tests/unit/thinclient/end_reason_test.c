/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include <freerdp/error.h>
#include "thinclient/end_reason.h"

static void a_wrong_certificate_comes_first(void **state)
{
	struct end_facts f = { .pin_refused = true, .asked = true,
			       .last_error = FREERDP_ERROR_TLS_CONNECT_FAILED };

	assert_string_equal(end_reason(&f), "relay_untrusted");
	assert_false(end_reason_is_normal(end_reason(&f)));
}

static void before_the_desktop_it_is_the_relay(void **state)
{
	struct end_facts f = { .last_error = FREERDP_ERROR_CONNECT_ACCESS_DENIED };

	assert_string_equal(end_reason(&f), "ticket_invalid");
	f.last_error = FREERDP_ERROR_CONNECT_FAILED;
	assert_string_equal(end_reason(&f), "relay_unreachable");
	f.last_error = FREERDP_ERROR_TLS_CONNECT_FAILED;
	assert_string_equal(end_reason(&f), "relay_refused");
}

static void in_the_desktop_the_server_says_why(void **state)
{
	struct end_facts f = { .was_active = true,
			       .error_info = ERRINFO_DISCONNECTED_BY_OTHER_CONNECTION };

	assert_string_equal(end_reason(&f), "session_moved");
	assert_true(end_reason_is_normal("session_moved"));
	f.error_info = ERRINFO_LOGOFF_BY_USER;
	assert_string_equal(end_reason(&f), "session_ended");
	f.error_info = 0;
	f.last_error = FREERDP_ERROR_CONNECT_FAILED;
	assert_string_equal(end_reason(&f), "connection_lost");
	assert_false(end_reason_is_normal("connection_lost"));
}

static void our_own_wish_is_no_failure(void **state)
{
	struct end_facts f = { .asked = true, .was_active = true };

	assert_string_equal(end_reason(&f), "closed");
	assert_true(end_reason_is_normal("closed"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wrong_certificate_comes_first),
		cmocka_unit_test(before_the_desktop_it_is_the_relay),
		cmocka_unit_test(in_the_desktop_the_server_says_why),
		cmocka_unit_test(our_own_wish_is_no_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
