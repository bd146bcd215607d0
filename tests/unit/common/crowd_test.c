/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/crowd.h"

#include <sys/wait.h>
#include "tests/unit/test.h"

static void counts_are_shared_by_processes(void **state)
{
	OWNED(crowd_free) struct crowd *crowd = crowd_new(2);
	int status;

	(void)state;
	crowd_enter(crowd, 0, "192.0.2.1");
	pid_t pid = fork();
	if (pid == 0) {
		crowd_enter(crowd, 1, "192.0.2.1");
		crowd_enter(crowd, 1, "2001:db8::1");
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(crowd_count(crowd), 3);
	assert_int_equal(crowd_count_of(crowd, "192.0.2.1"), 2);
	assert_int_equal(crowd_count_of(crowd, "2001:db8::1"), 1);
	assert_int_equal(crowd_count_of(crowd, "192.0.2.7"), 0);
	crowd_leave(crowd, 0, "192.0.2.1");
	assert_int_equal(crowd_count_of(crowd, "192.0.2.1"), 1);
	crowd_clear(crowd, 1); /* it has died */
	assert_int_equal(crowd_count(crowd), 0);
	assert_int_equal(crowd_count_of(crowd, "2001:db8::1"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_shared_by_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
