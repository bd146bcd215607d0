/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include "tests/unit/test.h"
#include "hostagent/relay/refusals.h"

static struct event from(int address, const char *name)
{
	struct event e = { .kind = "refused", .what = "pdu", .count = 1 };

	snprintf(e.client_address, sizeof(e.client_address), "192.0.2.%d", address);
	snprintf(e.name, sizeof(e.name), "%s", name);
	return e;
}

static void test_first_is_told_rest_is_counted(void **state)
{
	struct refusals r = { 0 };
	struct event e = from(1, "x224"), other = from(1, "timeout"), due[REFUSALS_SLOTS + 1];

	assert_true(refusals_note(&r, &e));
	for (int i = 0; i < 41; i++)
		assert_false(refusals_note(&r, &e));
	assert_true(refusals_note(&r, &other));

	assert_int_equal(refusals_collect(&r, 777, due), 1);
	assert_int_equal(due[0].count, 41);
	assert_int_equal(due[0].at_ms, 777);
	assert_string_equal(due[0].name, "x224");
	assert_int_equal(refusals_collect(&r, 778, due), 0);
	assert_true(refusals_note(&r, &e));	/* a new period */
}

static void test_many_sources_share_one_count(void **state)
{
	struct refusals r = { 0 };
	struct event due[REFUSALS_SLOTS + 1];
	int told = 0;

	for (int i = 0; i < 250; i++) {
		struct event e = from(i, "x224");
		told += refusals_note(&r, &e);
	}
	assert_int_equal(told, REFUSALS_SLOTS);
	assert_int_equal(refusals_collect(&r, 1, due), 1);
	assert_int_equal(due[0].count, 250 - REFUSALS_SLOTS);
	assert_string_equal(due[0].client_address, "several");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_is_told_rest_is_counted),
		cmocka_unit_test(test_many_sources_share_one_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
