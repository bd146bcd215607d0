/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
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

static int set_up(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/store.db", folder);
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
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
