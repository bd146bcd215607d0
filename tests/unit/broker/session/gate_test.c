/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include "broker/session/gate.h"

static void count(void *arg)
{
	++*(int *)arg;
}

static void one_at_a_time_in_order(void **state)
{
	struct gate *gate = gate_new(1, 2);
	struct gate_pass a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };
	int b_in = 0, c_in = 0;

	assert_int_equal(gate_enter(gate, "hanako", &a, count, NULL), 0);
	assert_int_equal(gate_enter(gate, "hanako", &b, count, &b_in), 1);
	assert_int_equal(gate_enter(gate, "hanako", &c, count, &c_in), 1);
	assert_int_equal(gate_enter(gate, "hanako", &d, count, NULL), -EAGAIN);
	gate_leave(gate, &d);
	gate_leave(gate, &a);
	assert_int_equal(b_in, 1);
	assert_int_equal(c_in, 0);
	gate_leave(gate, &a);	/* twice is nothing */
	assert_int_equal(c_in, 0);
	gate_leave(gate, &b);
	assert_int_equal(c_in, 1);
	gate_leave(gate, &c);
	assert_int_equal(gate_enter(gate, "hanako", &a, count, NULL), 0);
	gate_leave(gate, &a);
	gate_free(gate);
}

static void keys_do_not_wait_for_each_other(void **state)
{
	struct gate *gate = gate_new(2, 0);
	struct gate_pass passes[5] = { 0 };

	assert_int_equal(gate_enter(gate, "a", &passes[0], count, NULL), 0);
	assert_int_equal(gate_enter(gate, "a", &passes[1], count, NULL), 0);
	assert_int_equal(gate_enter(gate, "a", &passes[2], count, NULL), -EAGAIN);
	assert_int_equal(gate_enter(gate, "b", &passes[3], count, NULL), 0);
	gate_leave(gate, &passes[0]);
	assert_int_equal(gate_enter(gate, "a", &passes[4], count, NULL), 0);
	gate_free(gate);	/* with some inside */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_at_a_time_in_order),
		cmocka_unit_test(keys_do_not_wait_for_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
