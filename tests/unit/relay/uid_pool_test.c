/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "hostagent/relay/uid_pool.h"

static struct uid_pool pool;

static int begin(void **state)
{
	pool = (struct uid_pool){ .first = 5000 };
	return 0;
}

static void test_no_id_twice_while_it_is_used(void **state)
{
	uid_t a, b, c;

	assert_true(uid_pool_next(&pool, &a));
	uid_pool_give(&pool, a, 11);
	assert_true(uid_pool_next(&pool, &b));
	uid_pool_give(&pool, b, 12);
	assert_int_equal(a, 5000);
	assert_int_equal(b, 5001);
	uid_pool_free_of(&pool, 11);
	assert_true(uid_pool_next(&pool, &c));
	assert_int_equal(c, 5002);	/* in turn: not the one that was just freed */
}

static void test_all_in_use(void **state)
{
	uid_t uid;

	for (pid_t pid = 1; pid <= UID_POOL_SIZE; pid++) {
		assert_true(uid_pool_next(&pool, &uid));
		uid_pool_give(&pool, uid, pid);
	}
	assert_false(uid_pool_next(&pool, &uid));
	uid_pool_free_of(&pool, 77);
	assert_true(uid_pool_next(&pool, &uid));
	assert_int_equal(uid, 5000 + 76);
}

static void test_strangers_change_nothing(void **state)
{
	uid_t uid;

	uid_pool_give(&pool, 4999, 1);
	uid_pool_give(&pool, 5000 + UID_POOL_SIZE, 1);
	uid_pool_free_of(&pool, 12345);
	assert_true(uid_pool_next(&pool, &uid));
	assert_int_equal(uid, 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_no_id_twice_while_it_is_used, begin),
		cmocka_unit_test_setup(test_all_in_use, begin),
		cmocka_unit_test_setup(test_strangers_change_nothing, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
