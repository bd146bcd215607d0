/* SPDX-License-Identifier: Apache-2.0 */
#include "common/sys/work.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include "common/base/list.h"
#include "common/sys/clock.h"

struct job {
	struct list link;
	struct work *work;
	work_run_fn *run;
	work_done_fn *done;
	void *payload;
	int64_t deadline_ms;	/* monotonic; 0 = none */
	int status;
};

struct work {
	struct loop *loop;
	char name[16];
	unsigned threads, max_queued, queued;
	bool stopping;
	pthread_mutex_t lock;	/* guards queue, finished, queued, stopping, post */
	pthread_cond_t wake;
	struct list queue, finished;
	bool *freed;		/* set by work_free inside a deliver() */
	struct work_post *post;
	pthread_t ids[];
};

/* Outlives the queue while it is on its way through the loop. */
struct work_post {
	struct work *work;	/* NULL: the queue is gone */
};

static struct job *pop(struct list *from)
{
	struct list *first = from->next;

	if (list_empty(from))
		return NULL;
	list_remove(first);
	return LIST_OF(first, struct job, link);
}

static void deliver(void *arg)
{
	struct work_post *post = arg;
	struct work *work = post->work;
	bool freed = false;

	free(post);
	if (!work)
		return;
	pthread_mutex_lock(&work->lock);
	work->post = NULL;
	work->freed = &freed;
	for (struct job *job; (job = pop(&work->finished));) {
		work->queued--;
		pthread_mutex_unlock(&work->lock);
		job->done(job->payload, job->status);
		free(job);
		if (freed)
			return;
		pthread_mutex_lock(&work->lock);
	}
	work->freed = NULL;
	pthread_mutex_unlock(&work->lock);
}

static void finish(struct work *work, struct job *job)
{
	struct work_post *post = NULL;

	pthread_mutex_lock(&work->lock);
	list_append(&work->finished, &job->link);
	if (!work->post) {
		post = work->post = xnew(struct work_post);
		post->work = work;
	}
	pthread_mutex_unlock(&work->lock);
	if (post)
		loop_post(work->loop, deliver, post); /* not before: it would wake up to a lock */
}

static void *worker(void *arg)
{
	struct work *work = arg;

	pthread_setname_np(pthread_self(), work->name);
	pthread_mutex_lock(&work->lock);
	while (!work->stopping) {
		struct job *job = pop(&work->queue);

		if (!job) {
			pthread_cond_wait(&work->wake, &work->lock);
			continue;
		}
		pthread_mutex_unlock(&work->lock);
		if (job->deadline_ms && clock_monotonic_ms() > job->deadline_ms)
			job->status = -ETIMEDOUT;
		else
			job->run(job->payload);
		finish(work, job);
		pthread_mutex_lock(&work->lock);
	}
	pthread_mutex_unlock(&work->lock);
	return NULL;
}

struct work *work_new(struct loop *loop, const char *name, unsigned threads, unsigned max_queued)
{
	struct work *work = xcalloc(1, sizeof(*work) + threads * sizeof(work->ids[0]));

	work->loop = loop;
	snprintf(work->name, sizeof(work->name), "%s", name);
	work->max_queued = max_queued;
	pthread_mutex_init(&work->lock, NULL);
	pthread_cond_init(&work->wake, NULL);
	list_init(&work->queue);
	list_init(&work->finished);
	for (; work->threads < threads; work->threads++)
		if (pthread_create(&work->ids[work->threads], NULL, worker, work))
			abort();
	return work;
}

void work_free(struct work *work)
{
	if (!work)
		return;
	pthread_mutex_lock(&work->lock);
	work->stopping = true;
	pthread_cond_broadcast(&work->wake);
	pthread_mutex_unlock(&work->lock);
	for (unsigned i = 0; i < work->threads; i++)
		pthread_join(work->ids[i], NULL);
	if (work->post && loop_unpost(work->loop, deliver, work->post))
		free(work->post);
	else if (work->post)
		work->post->work = NULL;
	if (work->freed)
		*work->freed = true;
	for (struct job *job; (job = pop(&work->finished)); free(job))
		job->done(job->payload, job->status);
	for (struct job *job; (job = pop(&work->queue)); free(job))
		job->done(job->payload, -ECANCELED);
	pthread_cond_destroy(&work->wake);
	pthread_mutex_destroy(&work->lock);
	free(work);
}

int work_submit(struct work *work, int64_t deadline_ms, work_run_fn *run, work_done_fn *done,
		void *payload)
{
	int result = 0;

	pthread_mutex_lock(&work->lock);
	if (work->stopping || work->queued >= work->max_queued) {
		result = -EAGAIN;
	} else {
		struct job *job = xnew(struct job);

		*job = (struct job){ .work = work, .run = run, .done = done, .payload = payload,
				     .deadline_ms = deadline_ms };
		list_append(&work->queue, &job->link);
		work->queued++;
	}
	pthread_mutex_unlock(&work->lock);
	if (result == 0)
		pthread_cond_signal(&work->wake); /* not before: it would wake up to a lock */
	return result;
}

unsigned work_queued(const struct work *work)
{
	return work->queued;
}
