/* SPDX-License-Identifier: Apache-2.0 */
/* work.h - blocking jobs beside the loop: a bounded queue and its threads, one per resource.
 *
 * `run` executes on a worker thread and touches nothing but its job; `done` executes on the loop
 * and frees the job. Each submitted job gets exactly one `done`, also when the queue is freed
 * (then with status -ECANCELED if it never ran) and when it waited past its deadline
 * (-ETIMEDOUT, not run). A job that is running is never interrupted: it bounds itself. */
#ifndef GENKAN_SYS_WORK_H
#define GENKAN_SYS_WORK_H

#include "common/sys/loop.h"

struct work;

struct work *work_new(struct loop *loop, const char *name, unsigned threads, unsigned max_queued);
void work_free(struct work *work);
DEFINE_OWNED(work_free, struct work);

typedef void work_run_fn(void *job);
typedef void work_done_fn(void *job, int status);
/* -EAGAIN: the queue is full, nothing was taken, `done` will not come. */
int work_submit(struct work *work, int64_t deadline_ms, work_run_fn *run, work_done_fn *done,
		void *job) MUST_CHECK;
unsigned work_queued(const struct work *work);

#endif
