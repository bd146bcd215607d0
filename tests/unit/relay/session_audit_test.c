/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include <string.h>
#include "hostagent/relay/connection.h"
#include "hostagent/relay/session_audit.h"

static void test_counts_add_up(void **state)
{
	struct rdp_denied d = { .kind = RDP_DENIED_STATIC_CHANNEL, .from = RDP_CLIENT, .count = 1,
		.name = "rdp2tcp" };
	struct message_event first, rest;

	audit_denied(&d, &first);
	assert_int_equal(first.count, 1);
	assert_false(audit_denied_rest(&d, &rest));
	d.count = 12;
	assert_true(audit_denied_rest(&d, &rest));
	assert_int_equal(first.count + rest.count, 12);
	assert_string_equal(rest.name, "rdp2tcp");
	assert_string_equal(rest.what, "static_channel");
}

/* Whatever is told here uses the words that the parent and the broker know. */
static void assert_passes_parent(const struct message_event *e)
{
	struct event out;

	assert_true(connection_event(e, &out));
}

static void test_every_word_is_known(void **state)
{
	struct message_event e;

	for (int kind = RDP_DENIED_STATIC_CHANNEL; kind <= RDP_DENIED_CLIPBOARD; kind++) {
		struct rdp_denied d = { .kind = (enum rdp_denied_kind)kind,
					.count = 1,
					.name = "x" };
		audit_denied(&d, &e);
		assert_passes_parent(&e);
	}
	for (int end = RDP_END_NONE; end <= RDP_END_FAULT; end++) {
		audit_ended((enum rdp_end)end, (const uint64_t[]){ 12, UINT64_MAX }, &e);
		assert_string_equal(e.detail,
				    "12 bytes to the desktop, 18446744073709551615 from it");
		assert_passes_parent(&e);
		assert_true(strlen(e.name) > 0);
		if (audit_early_end((enum rdp_end)end, RDP_MCS_SETUP, &e))
			assert_passes_parent(&e);
	}
	audit_active(&e);
	assert_passes_parent(&e);
	audit_tls(RDP_GUEST, "wrong version number", &e);
	assert_passes_parent(&e);
}

static void test_fault_names_pdu_side_and_place(void **state)
{
	const struct rdp_fault fault = { .pdu = "mcs_connect_initial", .reason = "33 channels",
		.from = RDP_CLIENT, .offset = 1234 };
	struct message_event e;

	audit_fault(&fault, &e);
	assert_string_equal(e.name, "mcs_connect_initial");
	assert_non_null(strstr(e.detail, "33 channels"));
	assert_non_null(strstr(e.detail, "1234"));
	assert_non_null(strstr(e.detail, "client"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_add_up),
		cmocka_unit_test(test_every_word_is_known),
		cmocka_unit_test(test_fault_names_pdu_side_and_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
