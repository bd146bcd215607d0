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

struct visitor {
	struct gate *gate;
	struct gate_pass pass;
	int *let_in;
	bool leaves;
};

static void visit(void *arg)
{
	struct visitor *v = arg;

	++*v->let_in;
	if (v->leaves)
		gate_leave(v->gate, &v->pass);
}

static unsigned room_of(void *arg, const char *key)
{
	assert_string_equal(key, "a");
	return *(unsigned *)arg;
}

static void room_that_shrinks_is_kept_to(void **state)
{
	struct gate *gate = gate_new(100, 9);
	int let_in = 0;
	struct visitor v[8] = { 0 };
	unsigned room = 3;

	gate_set_room(gate, room_of, &room);
	for (int i = 0; i < 8; i++) {
		v[i] = (struct visitor){ .gate = gate, .let_in = &let_in };
		assert_int_equal(gate_enter(gate, "a", &v[i].pass, visit, &v[i]), i >= 3);
	}
	room = 2;
	gate_leave(gate, &v[0].pass);
	assert_int_equal(let_in, 0);	/* two are inside still */
	gate_leave(gate, &v[1].pass);
	assert_int_equal(let_in, 1);
	room = 1;
	gate_leave(gate, &v[2].pass);
	assert_int_equal(let_in, 1);
	room = 100;	/* those who wait need not any more: they are told to go */
	for (int i = 4; i < 8; i++)
		v[i].leaves = true;
	gate_leave(gate, &v[3].pass);
	assert_int_equal(let_in, 5);
	gate_free(gate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_at_a_time_in_order),
		cmocka_unit_test(keys_do_not_wait_for_each_other),
		cmocka_unit_test(room_that_shrinks_is_kept_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
