/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <sys/wait.h>
#include "guest/processes_io.h"

/* As xrdp makes it: the first process, X and the channel server are children of root's manager. */
static void a_session_ends_from_the_leaves(void **state)
{
	static const struct {
		struct process process;
		enum process_rank rank;
	} session[] = {
		{ { 100, 90, "Xorg" }, PROCESS_DISPLAY },
		{ { 101, 90, "xrdp-chansrv" }, PROCESS_DISPLAY },
		{ { 110, 90, "startwm.sh" }, PROCESS_SESSION },
		{ { 111, 110, "dbus-daemon" }, PROCESS_SESSION },
		{ { 112, 110, "icewm" }, PROCESS_SESSION },
		{ { 120, 112, "lxterminal" }, PROCESS_PROGRAM },
		{ { 121, 120, "bash" }, PROCESS_PROGRAM },
		{ { 122, 1, "pcmanfm" }, PROCESS_PROGRAM },
	};
	struct process items[ARRAY_LEN(session)];
	struct processes list = { items, ARRAY_LEN(session) };

	for (size_t i = 0; i < ARRAY_LEN(session); i++)
		items[i] = session[i].process;
	for (size_t i = 0; i < ARRAY_LEN(session); i++)
		assert_int_equal(processes_rank(&list, &items[i]), session[i].rank);
	assert_int_equal(processes_manager(&list), 90);
}

static void manager_is_who_started_the_display(void **state)
{
	struct process items[] = { { 40, 30, "sshd" }, { 100, 90, "Xorg" }, { 122, 1, "pcmanfm" } };
	struct processes list = { items, ARRAY_LEN(items) }, orphan = { items + 2, 1 };

	assert_int_equal(processes_manager(&list), 90);
	assert_int_equal(processes_manager(&orphan), 0);
}

static void processes_of_a_user_are_found(void **state)
{
	OWNED(processes_done) struct processes list = { 0 }, nobody = { 0 };
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	/* exited and not yet waited for: there is nothing left to end */
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	processes_of(getuid(), &list);
	const struct process *self = processes_find(&list, getpid());
	assert_non_null(self);
	assert_int_equal(self->parent, getppid());
	assert_null(processes_find(&list, child));
	processes_of(4242424, &nobody);
	assert_int_equal(nobody.count, 0);
	waitpid(child, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_ends_from_the_leaves),
		cmocka_unit_test(manager_is_who_started_the_display),
		cmocka_unit_test(processes_of_a_user_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
