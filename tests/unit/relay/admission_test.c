/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include "hostagent/relay/admission.h"

static struct source v4(uint8_t last)
{
	return source_of_ipv4((const uint8_t[]){ 192, 0, 2, last });
}

static void test_total_cap(void **state)
{
	struct admission *a = admission_new(2, 10, 10);

	assert_int_equal(admission_enter(a, v4(1)), ADMIT);
	assert_int_equal(admission_enter(a, v4(2)), ADMIT);
	assert_int_equal(admission_enter(a, v4(3)), REFUSE_TOTAL);
	assert_int_equal(admission_total(a), 2);
	admission_leave(a, v4(1), true);
	assert_int_equal(admission_enter(a, v4(3)), ADMIT);
	admission_free(a);
}

static void test_one_source_cannot_take_the_places_of_others(void **state)
{
	struct admission *a = admission_new(10, 2, 10);

	assert_int_equal(admission_enter(a, v4(1)), ADMIT);
	assert_int_equal(admission_enter(a, v4(1)), ADMIT);
	assert_int_equal(admission_enter(a, v4(1)), REFUSE_SOURCE);
	assert_int_equal(admission_enter(a, v4(2)), ADMIT);
	admission_leave(a, v4(1), true);
	assert_int_equal(admission_enter(a, v4(1)), ADMIT);
	admission_free(a);
}

static void test_waiting_ends_with_the_ticket(void **state)
{
	struct admission *a = admission_new(10, 10, 2);

	assert_int_equal(admission_enter(a, v4(1)), ADMIT);
	assert_int_equal(admission_enter(a, v4(2)), ADMIT);
	assert_int_equal(admission_enter(a, v4(3)), REFUSE_WAITING);
	admission_proven(a);
	assert_int_equal(admission_enter(a, v4(3)), ADMIT);
	admission_leave(a, v4(1), false);
	assert_int_equal(admission_waiting(a), 2);
	admission_free(a);
}

static void test_refused_entries_count_nowhere(void **state)
{
	struct admission *a = admission_new(1, 1, 1);

	assert_int_equal(admission_enter(a, v4(1)), ADMIT);
	for (int i = 0; i < 100; i++)
		assert_int_not_equal(admission_enter(a, v4((uint8_t)i)), ADMIT);
	admission_leave(a, v4(1), true);
	assert_int_equal(admission_total(a), 0);
	assert_int_equal(admission_waiting(a), 0);
	admission_free(a);
}

static void test_sources_of_ipv6(void **state)
{
	const uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff, 192, 0, 2, 1 };
	const uint8_t one[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 7, [15] = 1 };
	const uint8_t neighbour[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 7, [15] = 2 };
	const uint8_t stranger[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 8, [15] = 1 };
	struct source a = source_of_ipv6(one), b = source_of_ipv6(neighbour);
	struct source c = source_of_ipv6(stranger), d = source_of_ipv6(mapped), e = v4(1);

	assert_memory_equal(&a, &b, sizeof(a));
	assert_memory_not_equal(&a, &c, sizeof(a));
	assert_memory_equal(&d, &e, sizeof(d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_total_cap),
		cmocka_unit_test(test_one_source_cannot_take_the_places_of_others),
		cmocka_unit_test(test_waiting_ends_with_the_ticket),
		cmocka_unit_test(test_refused_entries_count_nowhere),
		cmocka_unit_test(test_sources_of_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
