/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include "broker/state_queue.h"
#include "common/sys/file.h"

struct step {
	struct state_job job;
	struct loop *loop;
	const char *pool;	/* made by this step; NULL: nothing */
	int answer;		/* of run */
	int *left;		/* stops the loop at 0 */
	int rc, order;
};

static char folder[] = "/tmp/genkan-state-XXXXXX";
static char path[64];
static int done_count, changes;

static void on_change(void *arg, bool moved)
{
	changes++;
}

static int run(struct store *store, struct state_job *job, struct error *err)
{
	struct step *step = (struct step *)job;
	struct store_audit row = { .at_ms = 1, .who = step->pool, .what = "test", .code = "ok" };

	if (step->pool && store_audit_append(store, &row, err) < 0)
		return -EIO;
	job->touched = step->pool != NULL;
	return step->answer < 0 ? error_set(err, -step->answer, "as asked") : 0;
}

static void done(struct state_job *job, int rc, const struct error *err)
{
	struct step *step = (struct step *)job;

	step->rc = rc;
	step->order = ++done_count;
	if (--*step->left == 0)
		loop_stop(step->loop);
}

static struct state_queue *open_queue(struct loop *loop, unsigned max_queued)
{
	struct state_queue_config config = { .path = path, .max_queued = max_queued,
					     .host_silent_ms = 1000, .on_change = on_change };
	struct state_queue *queue = NULL;

	assert_int_equal(state_queue_new(loop, &config, &queue, NULL), 0);
	return queue;
}

static size_t rows(void)
{
	OWNED(store_close) struct store *store = NULL;
	OWNED(store_audit_list_done) struct store_audit_list list = { 0 };

	assert_int_equal(store_open(path, &store, NULL), 0);
	assert_int_equal(store_audit_rows(store, false, 100, &list, NULL), 0);
	return list.count;
}

static void groups_keep_order_and_failures_stay_alone(void **state)
{
	OWNED(loop_free) struct loop *loop = loop_new();
	struct state_queue *queue = open_queue(loop, 100);
	struct step steps[20] = { 0 };
	int left = 20;

	for (int i = 0; i < 20; i++) {
		steps[i] = (struct step){ .loop = loop, .left = &left,
					  .pool = i == 7 ? NULL : "x",
					  .answer = i == 7 ? -ENOENT : 0 };
		assert_int_equal(state_submit(queue, &steps[i].job, run, done), 0);
	}
	loop_run(loop);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(steps[i].order, i + 1);
		assert_int_equal(steps[i].rc, i == 7 ? -ENOENT : 0);
	}
	assert_true(changes >= 1 && changes < 20);	/* far fewer flushes than jobs */
	state_queue_free(queue);
	assert_int_equal(rows(), 19);
}

static void a_write_error_fails_the_group_and_the_next_one_works(void **state)
{
	OWNED(loop_free) struct loop *loop = loop_new();
	struct state_queue *queue = open_queue(loop, 100);
	size_t before = rows();
	int left = 1;
	struct step bad = { .loop = loop, .left = &left, .pool = "x", .answer = -EIO };
	struct step good = { .loop = loop, .left = &left, .pool = "x" };

	assert_int_equal(state_submit(queue, &bad.job, run, done), 0);
	loop_run(loop);
	assert_int_equal(bad.rc, -EIO);
	left = 1;
	assert_int_equal(state_submit(queue, &good.job, run, done), 0);
	loop_run(loop);
	assert_int_equal(good.rc, 0);
	state_queue_free(queue);
	assert_int_equal(rows(), before + 1);
}

static void a_full_queue_says_so_and_the_end_is_told(void **state)
{
	OWNED(loop_free) struct loop *loop = loop_new();
	struct state_queue *queue = open_queue(loop, 2);
	struct step steps[4] = { 0 };
	int left = 100;

	for (int i = 0; i < 4; i++)
		steps[i] = (struct step){ .loop = loop, .left = &left };
	/* the first goes to the store at once; two may wait */
	for (int i = 0; i < 3; i++)
		assert_int_equal(state_submit(queue, &steps[i].job, run, done), 0);
	assert_int_equal(state_submit(queue, &steps[3].job, run, done), -EAGAIN);
	state_queue_free(queue);
	assert_int_equal(left, 97);
	assert_int_equal(steps[2].rc, -ECANCELED);
}

/* ------------------------------------------------------------------------------------- reading */

static sem_t began, go_on;

static int count_run(struct store *store, struct state_job *job, struct error *err)
{
	struct step *step = (struct step *)job;
	OWNED(store_audit_list_done) struct store_audit_list list = { 0 };
	int rc = store_audit_rows(store, false, 100, &list, err);

	step->answer = (int)list.count;
	return rc;
}

/* Writes, and stays where it is: nothing of its group is committed. */
static int held_run(struct store *store, struct state_job *job, struct error *err)
{
	int rc = run(store, job, err);

	sem_post(&began);
	sem_wait(&go_on);
	return rc;
}

/* Has begun to look, goes on to look later. */
static int slow_count_run(struct store *store, struct state_job *job, struct error *err)
{
	int rc = count_run(store, job, err), before = ((struct step *)job)->answer;

	sem_post(&began);
	sem_wait(&go_on);
	if (rc == 0)
		rc = count_run(store, job, err);
	return rc == 0 && ((struct step *)job)->answer != before ? -EPROTO : rc;
}

static int read_one(struct state_queue *queue, struct loop *loop, state_run_fn *fn)
{
	int left = 1;
	struct step look = { .loop = loop, .left = &left };

	assert_int_equal(state_read(queue, &look.job, fn, done), 0);
	loop_run(loop);
	return look.rc < 0 ? look.rc : look.answer;
}

static void who_reads_waits_for_no_writer_and_sees_what_is_durable(void **state)
{
	OWNED(loop_free) struct loop *loop = loop_new();
	struct state_queue *queue = open_queue(loop, 100);
	int left = 1, before = (int)rows();
	struct step writer = { .loop = loop, .left = &left, .pool = "x" };

	assert_int_equal(state_submit(queue, &writer.job, held_run, done), 0);
	sem_wait(&began);
	for (int i = 0; i < 10; i++)
		assert_int_equal(read_one(queue, loop, count_run), before);
	assert_int_equal(left, 1);
	sem_post(&go_on);
	loop_run(loop);
	assert_int_equal(writer.rc, 0);
	assert_int_equal(read_one(queue, loop, count_run), before + 1);
	state_queue_free(queue);
}

static void a_long_read_holds_nobody_up_and_sees_one_state(void **state)
{
	OWNED(loop_free) struct loop *loop = loop_new();
	struct state_queue *queue = open_queue(loop, 100);
	int left = 1, writers_left = 1, before = (int)rows();
	struct step slow = { .loop = loop, .left = &left };
	struct step writer = { .loop = loop, .left = &writers_left, .pool = "x" };

	assert_int_equal(state_read(queue, &slow.job, slow_count_run, done), 0);
	sem_wait(&began);
	assert_int_equal(state_submit(queue, &writer.job, run, done), 0);
	loop_run(loop);
	assert_int_equal(writer.rc, 0);
	assert_int_equal(read_one(queue, loop, count_run), before + 1);
	assert_int_equal(left, 1);
	sem_post(&go_on);
	loop_run(loop);
	assert_int_equal(slow.rc, 0);
	assert_int_equal(slow.answer, before);
	state_queue_free(queue);
}

static void who_reads_cannot_write(void **state)
{
	OWNED(loop_free) struct loop *loop = loop_new();
	struct state_queue *queue = open_queue(loop, 100);
	int left = 1, before = (int)rows();
	struct step look = { .loop = loop, .left = &left, .pool = "x" };
	struct store_audit row = { .at_ms = 1, .what = "test", .code = "ok" };
	OWNED(store_close) struct store *reader = NULL;

	assert_int_equal(store_open_reader(path, &reader, NULL), 0);
	assert_int_equal(store_begin(reader, NULL), 0);
	assert_int_equal(store_audit_append(reader, &row, NULL), -EROFS);
	store_rollback(reader);
	assert_int_equal(state_read(queue, &look.job, run, done), 0);
	loop_run(loop);
	assert_true(look.rc < 0);
	assert_int_equal(read_one(queue, loop, count_run), before);
	state_queue_free(queue);
}

/* The write fails while one is reading: that one ends as it began, then all is read anew. */
static void after_a_failed_write_readers_begin_anew(void **state)
{
	OWNED(loop_free) struct loop *loop = loop_new();
	struct state_queue *queue = open_queue(loop, 100);
	int left = 1, writers_left = 1, others_left = 2, before = (int)rows();
	struct step slow = { .loop = loop, .left = &left };
	struct step bad = { .loop = loop, .left = &writers_left, .pool = "x", .answer = -EIO };
	struct step good = { .loop = loop, .left = &others_left, .pool = "x" };
	struct step look = { .loop = loop, .left = &others_left };

	assert_int_equal(state_read(queue, &slow.job, slow_count_run, done), 0);
	sem_wait(&began);
	assert_int_equal(state_submit(queue, &bad.job, run, done), 0);
	loop_run(loop);
	assert_int_equal(bad.rc, -EIO);
	assert_int_equal(state_submit(queue, &good.job, run, done), 0);
	assert_int_equal(state_read(queue, &look.job, count_run, done), 0);
	sem_post(&go_on);
	loop_run(loop);
	if (others_left)
		loop_run(loop);
	assert_int_equal(left, 0);
	assert_int_equal(slow.answer, before);
	assert_int_equal(good.rc, 0);
	assert_int_equal(look.rc, 0);
	assert_int_equal(read_one(queue, loop, count_run), before + 1);
	state_queue_free(queue);
}

static void who_reads_is_told_of_a_full_line_and_of_the_end(void **state)
{
	OWNED(loop_free) struct loop *loop = loop_new();
	struct state_queue *queue = open_queue(loop, 2);
	struct step steps[20] = { 0 };
	int left = 100, taken = 0;

	for (int i = 0; i < 20; i++) {
		steps[i] = (struct step){ .loop = loop, .left = &left };
		taken += state_read(queue, &steps[i].job, count_run, done) == 0;
	}
	assert_in_range(taken, 3, 19);
	state_queue_free(queue);
	assert_int_equal(left, 100 - taken);
}

static int set_up(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/store.db", folder);
	sem_init(&began, 0, 0);
	sem_init(&go_on, 0, 0);
	return 0;
}

static int tear_down(void **state)
{
	return file_remove_tree(folder, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_keep_order_and_failures_stay_alone),
		cmocka_unit_test(a_write_error_fails_the_group_and_the_next_one_works),
		cmocka_unit_test(a_full_queue_says_so_and_the_end_is_told),
		cmocka_unit_test(who_reads_waits_for_no_writer_and_sees_what_is_durable),
		cmocka_unit_test(a_long_read_holds_nobody_up_and_sees_one_state),
		cmocka_unit_test(who_reads_cannot_write),
		cmocka_unit_test(after_a_failed_write_readers_begin_anew),
		cmocka_unit_test(who_reads_is_told_of_a_full_line_and_of_the_end),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
