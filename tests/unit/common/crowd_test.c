/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/crowd.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/test.h"

static void rows_are_counted_together(void **state)
{
	OWNED(crowd_free) struct crowd *crowd = crowd_new(2);
	pid_t child;
	int status;

	assert_true(crowd_enter(crowd, 0, "192.0.2.1", 2, 3));
	child = fork();
	if (child == 0) {
		bool in = crowd_enter(crowd, 1, "192.0.2.1", 2, 3) &&
			  crowd_enter(crowd, 1, "2001:db8::1", 2, 3);
		_exit(!in);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(crowd_count(crowd), 3);
	assert_false(crowd_enter(crowd, 0, "192.0.2.1", 2, 100));
	assert_false(crowd_enter(crowd, 0, "192.0.2.7", 2, 3));
	assert_true(crowd_enter(crowd, 0, "2001:db8::1", 2, 4));
	crowd_leave(crowd, 0, "2001:db8::1");
	assert_int_equal(crowd_count(crowd), 3);
	crowd_leave(crowd, 0, "192.0.2.1");
	assert_int_equal(crowd_count(crowd), 2);
	crowd_clear(crowd, 1); /* it has died */
	assert_int_equal(crowd_count(crowd), 0);
	assert_true(crowd_enter(crowd, 0, "2001:db8::1", 1, 1));
}

enum { MOST = 6, ROUNDS = 2000, ROWS = 4 };

struct door {
	struct crowd *crowd;
	pthread_barrier_t *together;
	unsigned row;
	int let_in[ROUNDS];
};

static void *many_come(void *arg)
{
	struct door *door = arg;

	for (int i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(door->together);
		for (int n = 0; n < MOST; n++)
			door->let_in[i] +=
				crowd_enter(door->crowd, door->row, "192.0.2.1", MOST, 100);
		pthread_barrier_wait(door->together);
		for (int n = 0; n < door->let_in[i]; n++)
			crowd_leave(door->crowd, door->row, "192.0.2.1");
	}
	return NULL;
}

static void as_many_get_in_as_may_when_all_come_at_once(void **state)
{
	OWNED(crowd_free) struct crowd *crowd = crowd_new(ROWS);
	pthread_barrier_t together;
	static struct door doors[ROWS];
	pthread_t threads[ROWS];

	pthread_barrier_init(&together, NULL, ROWS);
	for (unsigned i = 0; i < ROWS; i++) {
		doors[i] = (struct door){ crowd, &together, i, { 0 } };
		assert_int_equal(pthread_create(&threads[i], NULL, many_come, &doors[i]), 0);
	}
	for (int i = 0; i < ROWS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < ROUNDS; i++)
		assert_int_equal(doors[0].let_in[i] + doors[1].let_in[i] + doors[2].let_in[i] +
					 doors[3].let_in[i],
				 MOST);
	assert_int_equal(crowd_count(crowd), 0);
	pthread_barrier_destroy(&together);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_counted_together),
		cmocka_unit_test(as_many_get_in_as_may_when_all_come_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
