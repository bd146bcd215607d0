/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include <sys/wait.h>
#include "common/sys/clock.h"
#include "common/sys/work.h"

struct story {
	struct loop *loop;
	struct work *work;
	int timers, jobs, late, child_status;
	bool ran;
};

static void stop(void *arg)
{
	struct story *s = arg;

	s->timers++;
	loop_stop(s->loop);
}

static void run_job(void *arg)
{
	((struct story *)arg)->ran = true;
}

static void job_done(void *arg, int status)
{
	struct story *s = arg;

	s->jobs++;
	if (status == -ETIMEDOUT)
		s->late++;
	if (s->work && s->jobs == 3)
		loop_stop(s->loop);
}

static void timers_fire_once(void **state)
{
	OWNED(loop_free) struct loop *loop = loop_new();
	struct story s = { .loop = loop };
	struct loop_timer *kept = loop_timer_new(loop, stop, &s);
	struct loop_timer *stopped = loop_timer_new(loop, stop, &s);

	loop_timer_start(stopped, 0);
	loop_timer_stop(stopped);
	loop_timer_start(kept, 5);
	loop_run(loop);
	assert_int_equal(s.timers, 1);
	loop_timer_free(kept);
	loop_timer_free(stopped);
}

static void jobs_come_back_on_the_loop(void **state)
{
	OWNED(loop_free) struct loop *loop = loop_new();
	struct story s = { .loop = loop };

	s.work = work_new(loop, "test", 2, 8);
	assert_int_equal(work_submit(s.work, 0, run_job, job_done, &s), 0);
	assert_int_equal(work_submit(s.work, 1, run_job, job_done, &s), 0);	/* long past */
	assert_int_equal(work_submit(s.work, clock_monotonic_ms() + 60000, run_job, job_done, &s), 0);
	loop_run(loop);
	assert_true(s.ran);
	assert_int_equal(s.jobs, 3);
	assert_int_equal(s.late, 1);
	assert_int_equal(work_queued(s.work), 0);
	work_free(s.work);
}

static void block_until_told(void *arg)
{
	int *pipe_end = arg;
	char c;

	assert_int_equal(read(*pipe_end, &c, 1), 1);
}

static void ignore(void *arg, int status)
{
}

static void a_full_queue_says_so_and_freeing_finishes_each_job(void **state)
{
	OWNED(loop_free) struct loop *loop = loop_new();
	struct story s = { .loop = loop };
	struct work *work = work_new(loop, "test", 1, 3);
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(work_submit(work, 0, block_until_told, ignore, &ends[0]), 0);
	assert_int_equal(work_submit(work, 0, run_job, job_done, &s), 0);
	assert_int_equal(work_submit(work, 0, run_job, job_done, &s), 0);
	assert_int_equal(work_submit(work, 0, run_job, job_done, &s), -EAGAIN);
	assert_int_equal(write(ends[1], "x", 1), 1);
	work_free(work);
	assert_int_equal(s.jobs, 2);
	close(ends[0]);
	close(ends[1]);
}

static void child_ended(void *arg, pid_t pid, int status)
{
	struct story *s = arg;

	s->child_status = status;
	loop_stop(s->loop);
}

static void children_are_reaped(void **state)
{
	OWNED(loop_free) struct loop *loop = loop_new();
	struct story s = { .loop = loop };
	struct loop_child *watch;
	pid_t pid = fork();

	if (pid == 0)
		_exit(7);
	assert_int_equal(loop_child_new(loop, pid, child_ended, &s, &watch), 0);
	loop_run(loop);
	assert_int_equal(WEXITSTATUS(s.child_status), 7);
	loop_child_free(watch);
	assert_int_equal(loop_child_new(loop, pid, child_ended, &s, &watch), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_once), cmocka_unit_test(jobs_come_back_on_the_loop),
		cmocka_unit_test(a_full_queue_says_so_and_freeing_finishes_each_job),
		cmocka_unit_test(children_are_reaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
