/* SPDX-License-Identifier: Apache-2.0 */
/* state_queue.h - the broker's way to its store.
 *
 * Theory. The store blocks and has one writer, so it lives on a thread of its own. Jobs that come
 * while it is busy wait here and then run as one group between store_begin and store_commit: the
 * more is going on, the more logins share one flush to disk, and an idle broker answers after one.
 * `done` comes only after the commit: what it tells the world is durable.
 *
 * Jobs that only read do not come in there: each runs by itself on one of a few threads with a handle
 * that cannot write, on the store as it was when it began. So nobody who looks waits for the disk or
 * for a group, no login waits for a long list, and what a `done` has told is seen by every read that
 * is submitted after it.
 *
 * A run function that changed what hosts should have or how many spares there are sets `touched`;
 * then spares are replenished in the same transaction and `on_change` is called after the dones. */
#ifndef GENKAN_BROKER_STATE_QUEUE_H
#define GENKAN_BROKER_STATE_QUEUE_H

#include "common/base/list.h"
#include "common/sys/loop.h"
#include "db/store.h"

struct state_queue;
struct state_job;

/* On a thread of the store: touches nothing but the job and the store. Returns 0 or negative errno. */
typedef int state_run_fn(struct store *store, struct state_job *job, struct error *err);
/* On the loop, exactly once: `rc` is what run returned, or why it could not be kept. */
typedef void state_done_fn(struct state_job *job, int rc, const struct error *err);

struct state_job {	/* embedded at the front of each kind of job */
	struct list link;
	state_run_fn *run;
	state_done_fn *done;
	const char *request;	/* its id is in what the job writes; NULL: the broker's own work */
	bool touched;
	bool moved;	/* people in line may have come nearer */
	int rc;
	struct error err;
};

struct state_queue_config {
	const char *path;
	unsigned max_queued;
	int64_t host_silent_ms;
	void (*on_change)(void *arg, bool moved);	/* moved: spares came, went or were given */
	/* What a group wrote to, once it is durable; only while somebody listens. May be NULL. */
	void (*on_touched)(void *arg, const struct store_touch_list *touched);
	void *arg;
};

/* Opens the store, so that a damaged or newer one stops the start. */
int state_queue_new(struct loop *loop, const struct state_queue_config *config,
		    struct state_queue **out, struct error *err) MUST_CHECK;
void state_queue_free(struct state_queue *queue);
DEFINE_OWNED(state_queue_free, struct state_queue);

/* -EAGAIN when too much waits already: nothing was taken and `done` will not come. */
int state_submit(struct state_queue *queue, struct state_job *job, state_run_fn *run,
		 state_done_fn *done) MUST_CHECK;
/* The same for a job that only reads: what it would write is refused (-EROFS), `touched` is nothing. */
int state_read(struct state_queue *queue, struct state_job *job, state_run_fn *run,
	       state_done_fn *done) MUST_CHECK;
void state_read_always(struct state_queue *queue, struct state_job *job, state_run_fn *run,
		       state_done_fn *done);
/* Whether on_touched is wanted. */
void state_listen(struct state_queue *queue, bool on);
/* For work of the broker itself, which may not be turned away. */
void state_submit_always(struct state_queue *queue, struct state_job *job, state_run_fn *run,
			 state_done_fn *done);

#endif
