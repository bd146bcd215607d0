/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/state_queue.h"

#include <errno.h>
#include <stdatomic.h>

#include "common/sys/clock.h"
#include "common/sys/fault.h"
#include "common/sys/log.h"
#include "common/sys/work.h"

#define GROUP_MAX 64
#define READERS 4	/* three long lists at a time leave a short one its turn */

struct group {
	struct state_queue *queue;
	struct list jobs;
	bool touched, moved, failed, lost;
	struct store_touch_list written;
};

struct state_reader {
	struct state_queue *queue;
	struct store *store;		/* NULL: not opened yet */
	struct state_job *job;		/* NULL: has none */
};

/* Those that have their turn later. */
struct line {
	struct list jobs;
	unsigned count;
};

struct state_queue {
	struct state_queue_config config;
	char *path;
	struct store *store;		/* store thread only, once it runs */
	struct work *work, *reading;
	struct line waiting, asking;	/* to write; to read */
	struct state_reader readers[READERS];
	atomic_bool listening;		/* somebody wants to know what was written to */
	bool busy;			/* a group is with the store */
	bool lost;			/* a write has failed: all is read again from the disk */
	bool closing;
};

/* The words of the audit log's row, and of `explain pool`. */
static void tell_push(const char *pool, const struct store_push *push, enum rollout_event event)
{
	log_info("push", kv_str("pool", pool), kv_str("image", push->image),
		 kv_str("step", rollout_event_word(event)),
		 kv_str("code", reason_word(push->rollout.why)),
		 kv_int("current", push->rollout.current), kv_int("next", push->rollout.next),
		 kv_int("refused", push->rollout.refused), kv_str("detail", push->detail));
}

static int open_store(struct state_queue *queue, struct error *err)
{
	int rc = store_open(queue->config.path, &queue->store, err);

	if (rc == 0) {
		store_on_push(queue->store, tell_push);
		store_watch(queue->store);
	}
	return rc;
}

int state_queue_new(struct loop *loop, const struct state_queue_config *config,
		    struct state_queue **out, struct error *err)
{
	OWNED(state_queue_free) struct state_queue *queue = xnew(struct state_queue);

	queue->config = *config;
	queue->config.path = queue->path = xstrdup(config->path);	/* to open it again */
	list_init(&queue->waiting.jobs);
	list_init(&queue->asking.jobs);
	for (size_t i = 0; i < READERS; i++)
		queue->readers[i].queue = queue;
	int rc = open_store(queue, err);
	if (rc < 0)
		return rc;
	queue->work = work_new(loop, "store", 1, 2);
	queue->reading = work_new(loop, "store-read", READERS, READERS);
	*out = STEAL(queue);
	return 0;
}

/* ------------------------------------------------------------------------ on the store's thread */

static void fail_group(struct group *group, int rc, const struct error *err)
{
	LIST_EACH(it, &group->jobs) {
		struct state_job *job = LIST_OF(it, struct state_job, link);

		job->rc = rc;
		job->err = *err;
	}
	group->touched = false;
	group->failed = true;
}

/* Whether anything was changed. */
static bool replenish(struct state_queue *queue)
{
	struct error err = { 0 };
	int64_t now_ms = clock_wall_ms(), changed = 0;
	struct store_replenish how = {
		.silent_before_ms = now_ms - queue->config.host_silent_ms,
		.week_minute = clock_week_minute(now_ms),
		.now_ms = now_ms,
	};

	if (store_pools_replenish(queue->store, &how, &changed, &err) < 0)
		log_warn("spares_not_replenished", kv_error(&err));
	else if (changed)
		log_info("spares_replenished", kv_int("desktops", changed));
	return changed > 0;
}

static int run_group(struct group *group, struct error *err)
{
	struct state_queue *queue = group->queue;
	int rc = 0;

	if (!queue->store)
		rc = open_store(queue, err);
	if (rc == 0)
		rc = store_begin(queue->store, err);
	if (rc < 0)
		return rc;

	LIST_EACH(it, &group->jobs) {
		struct state_job *job = LIST_OF(it, struct state_job, link);

		store_on_behalf(queue->store, job->request);
		job->rc = job->run(queue->store, job, &job->err);
		store_on_behalf(queue->store, NULL);
		group->touched |= job->touched;
		group->moved |= job->moved;
		if (job->rc == -EIO) {	/* never go on after a failed write or flush */
			*err = job->err;
			return -EIO;
		}
	}
	if (group->touched)
		group->moved |= replenish(queue);
	/* A hint that is lost is no reason to lose the group. */
	if (!atomic_load(&queue->listening))
		store_watch(queue->store);
	else if (store_touched(queue->store, &group->written, err) < 0)
		log_warn("touched_lost", kv_error(err));
	FAULT_POINT("commit_begin");
	rc = store_commit(queue->store, err);
	FAULT_POINT("commit_done");
	return rc;
}

static void group_run(void *arg)
{
	struct group *group = arg;
	struct error err = { 0 };
	int rc = run_group(group, &err);

	if (rc == 0)
		return;
	log_error("store_failed", kv_error(&err));
	fail_group(group, rc, &err);
	if (group->queue->store)
		store_rollback(group->queue->store);
	if (rc == -EIO) {	/* what the disk has now is found out by reading it again */
		store_close(STEAL(group->queue->store));
		group->lost = true;
	}
}

/* ------------------------------------------------------------------------- on a reader's thread */

static int run_read(struct state_reader *reader, struct state_job *job)
{
	struct error *err = &job->err;
	int rc = reader->store ? 0
			       : store_open_reader(reader->queue->path, &reader->store, err);

	if (rc == 0)
		rc = store_begin(reader->store, err);
	if (rc < 0)
		return rc;
	rc = job->run(reader->store, job, err);
	if (rc == 0)
		return store_commit(reader->store, err);
	store_rollback(reader->store);
	return rc;
}

static void read_run(void *arg)
{
	struct state_reader *reader = arg;

	reader->job->rc = run_read(reader, reader->job);
	if (reader->job->rc == -EIO)
		store_close(STEAL(reader->store));
}

/* ---------------------------------------------------------------------------------- on the loop */

static void start_group(struct state_queue *queue);
static void start_reads(struct state_queue *queue);

static void line_add(struct line *line, struct state_job *job)
{
	list_append(&line->jobs, &job->link);
	line->count++;
}

static struct state_job *line_take(struct line *line)
{
	struct list *first = line->jobs.next;

	if (list_empty(&line->jobs))
		return NULL;
	list_remove(first);
	line->count--;
	return LIST_OF(first, struct state_job, link);
}

static void line_refuse(struct line *line)
{
	struct error gone = { .code = ECANCELED, .text = "the broker is stopping" };

	for (struct state_job *job; (job = line_take(line));)
		job->done(job, -ECANCELED, &gone);
}

/* Readers share with the writer what it believed to be in the log. After a write that failed nobody
 * goes on from that: every handle is closed before one is opened. */
static bool is_sound(struct state_queue *queue)
{
	if (!queue->lost)
		return true;
	for (size_t i = 0; i < READERS; i++)
		if (queue->readers[i].job)
			return false;	/* its end comes back here */
	for (size_t i = 0; i < READERS; i++)
		store_close(STEAL(queue->readers[i].store));
	queue->lost = false;
	return true;
}

static void group_done(void *arg, int status)
{
	struct group *group = arg;
	struct state_queue *queue = group->queue;
	struct error gone = { .code = ECANCELED, .text = "the broker is stopping" };

	if (status < 0)
		fail_group(group, status, &gone);
	queue->busy = false;
	queue->lost |= group->lost;
	LIST_EACH_SAFE(it, &group->jobs) {
		struct state_job *job = LIST_OF(it, struct state_job, link);

		list_remove(&job->link);
		job->done(job, job->rc, &job->err);
	}
	if (group->touched && !queue->closing)
		queue->config.on_change(queue->config.arg, group->moved);
	if (group->written.count && status == 0 && !group->failed && !queue->closing &&
	    queue->config.on_touched)
		queue->config.on_touched(queue->config.arg, &group->written);
	store_touch_list_done(&group->written);
	free(group);
	start_group(queue);
	start_reads(queue);
}

static void start_group(struct state_queue *queue)
{
	if (queue->busy || queue->closing || list_empty(&queue->waiting.jobs) || !is_sound(queue))
		return;

	struct group *group = xnew(struct group);
	group->queue = queue;
	list_init(&group->jobs);
	for (int i = 0; i < GROUP_MAX && !list_empty(&queue->waiting.jobs); i++)
		list_append(&group->jobs, &line_take(&queue->waiting)->link);
	queue->busy = true;
	if (work_submit(queue->work, 0, group_run, group_done, group) < 0)
		abort();	/* one group at a time: there is always room */
}

static void read_done(void *arg, int status)
{
	struct state_reader *reader = arg;
	struct state_queue *queue = reader->queue;
	struct state_job *job = STEAL(reader->job);
	struct error gone = { .code = ECANCELED, .text = "the broker is stopping" };

	job->done(job, status < 0 ? status : job->rc, status < 0 ? &gone : &job->err);
	start_reads(queue);
	start_group(queue);	/* it may have waited for this one's end: is_sound() */
}

static void start_reads(struct state_queue *queue)
{
	for (size_t i = 0; i < READERS; i++) {
		struct state_reader *reader = &queue->readers[i];

		if (queue->closing || list_empty(&queue->asking.jobs) || !is_sound(queue))
			return;
		if (reader->job)
			continue;
		reader->job = line_take(&queue->asking);
		if (work_submit(queue->reading, 0, read_run, read_done, reader) < 0)
			abort();	/* one job for each thread: there is always room */
	}
}

void state_listen(struct state_queue *queue, bool on)
{
	atomic_store(&queue->listening, on);
}

void state_submit_always(struct state_queue *queue, struct state_job *job, state_run_fn *run,
			 state_done_fn *done)
{
	job->run = run;
	job->done = done;
	line_add(&queue->waiting, job);
	start_group(queue);
}

int state_submit(struct state_queue *queue, struct state_job *job, state_run_fn *run,
		 state_done_fn *done)
{
	if (queue->waiting.count >= queue->config.max_queued || queue->closing)
		return -EAGAIN;
	state_submit_always(queue, job, run, done);
	return 0;
}

void state_read_always(struct state_queue *queue, struct state_job *job, state_run_fn *run,
		       state_done_fn *done)
{
	job->run = run;
	job->done = done;
	line_add(&queue->asking, job);
	start_reads(queue);
}

int state_read(struct state_queue *queue, struct state_job *job, state_run_fn *run,
	       state_done_fn *done)
{
	if (queue->asking.count >= queue->config.max_queued || queue->closing)
		return -EAGAIN;
	state_read_always(queue, job, run, done);
	return 0;
}

void state_queue_free(struct state_queue *queue)
{
	if (!queue)
		return;
	queue->closing = true;
	work_free(queue->reading);
	work_free(queue->work);
	line_refuse(&queue->asking);
	line_refuse(&queue->waiting);
	for (size_t i = 0; i < READERS; i++)
		store_close(queue->readers[i].store);
	store_close(queue->store);
	free(queue->path);
	free(queue);
}
