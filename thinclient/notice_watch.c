/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/notice_watch.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include "common/net/http_client.h"
#include "common/sys/log.h"

enum { WAIT_MS = 25000, TIMEOUT_MS = WAIT_MS + 10000, PAUSE_S = 5, QUEUE_MAX = 64 };

struct notice_watch {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	struct http_client *http;	/* the thread's */
	notice_notify_fn *notify;
	void *arg;
	/* under the mutex */
	bool stopping, active, asking;
	unsigned round;			/* of the sign-in: an answer to an older one is dropped */
	struct secret token;
	int64_t seq;
	struct notice queue[QUEUE_MAX];
	size_t count;
};

struct question {
	unsigned round;
	struct secret token;
	int64_t seq;
};

/* Waits for somebody to be signed in. False when the watch ends. */
static bool next_question(struct notice_watch *watch, struct question *out)
{
	pthread_mutex_lock(&watch->mutex);
	watch->asking = false;
	while (!watch->active && !watch->stopping)
		pthread_cond_wait(&watch->wake, &watch->mutex);
	bool go_on = !watch->stopping;

	*out = (struct question){ watch->round, watch->token, watch->seq };
	watch->asking = go_on;
	http_client_arm(watch->http);
	pthread_mutex_unlock(&watch->mutex);
	return go_on;
}

/* Not longer than somebody stays signed in. */
static void pause_after_failure(struct notice_watch *watch, unsigned round)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PAUSE_S;
	pthread_mutex_lock(&watch->mutex);
	watch->asking = false;
	while (!watch->stopping && watch->active && watch->round == round)
		if (pthread_cond_timedwait(&watch->wake, &watch->mutex, &until) == ETIMEDOUT)
			break;
	pthread_mutex_unlock(&watch->mutex);
}

static void keep(struct notice_watch *watch, const struct question *asked,
		 const struct notice *notices, size_t count, int64_t seq)
{
	pthread_mutex_lock(&watch->mutex);
	if (watch->active && watch->round == asked->round) {
		watch->seq = seq;
		for (size_t i = 0; i < count && watch->count < QUEUE_MAX; i++)
			watch->queue[watch->count++] = notices[i];
	}
	pthread_mutex_unlock(&watch->mutex);
}

static int ask(struct notice_watch *watch, const struct question *question)
{
	struct notice notices[BROKER_MAX_NOTICES] = { 0 };
	OWNED(http_result_done) struct http_result result = { 0 };
	char path[96];
	int64_t seq = 0;
	struct error err;

	snprintf(path, sizeof(path), "/v1/notices?after=%lld&wait_ms=%d",
		 (long long)question->seq, WAIT_MS);
	http_client_set_bearer(watch->http, (const char *)question->token.bytes);
	int rc = http_request(watch->http, "GET", path, NULL, TIMEOUT_MS, &result, &err);

	if (rc == 0 && (result.status != 200 || !result.body))
		rc = -EREMOTEIO;
	if (rc == 0)
		rc = broker_read_notices(result.body, notices, &seq, &err);
	if (rc < 0)
		return rc;
	keep(watch, question, notices, (size_t)rc, seq);
	if (rc > 0)
		watch->notify(watch->arg);
	return 0;
}

static void *watch_thread(void *arg)
{
	struct notice_watch *watch = arg;
	struct question question;

	while (next_question(watch, &question)) {
		int rc = ask(watch, &question);

		secret_wipe(&question.token);
		if (rc < 0 && rc != -ECANCELED)
			pause_after_failure(watch, question.round);
	}
	secret_wipe(&question.token);
	return NULL;
}

int notice_watch_new(const char *address, const char *ca_file, notice_notify_fn *notify, void *arg,
		     struct notice_watch **out, struct error *err)
{
	struct http_client_config config = { .address = address, .ca_file = ca_file,
					     .own_key = true };	/* the token is bound to it */
	struct notice_watch *watch = xnew(struct notice_watch);
	int rc = http_client_new(&config, &watch->http, err);

	watch->notify = notify;
	watch->arg = arg;
	pthread_mutex_init(&watch->mutex, NULL);
	pthread_cond_init(&watch->wake, NULL);
	if (!rc && pthread_create(&watch->thread, NULL, watch_thread, watch))
		rc = error_set(err, EAGAIN, "no thread for notices");
	if (rc) {
		http_client_free(watch->http);
		free(watch);
		return rc;
	}
	*out = watch;
	return 0;
}

/* Under the mutex. */
static void interrupt(struct notice_watch *watch)
{
	if (watch->asking)
		http_client_cancel(watch->http);
	watch->round++;
	watch->count = 0;
	pthread_cond_signal(&watch->wake);
}

void notice_watch_begin(struct notice_watch *watch, const struct secret *token)
{
	pthread_mutex_lock(&watch->mutex);
	interrupt(watch);
	watch->token = *token;
	watch->seq = 0;
	watch->active = true;
	pthread_mutex_unlock(&watch->mutex);
}

void notice_watch_end(struct notice_watch *watch)
{
	pthread_mutex_lock(&watch->mutex);
	interrupt(watch);
	secret_wipe(&watch->token);
	watch->active = false;
	pthread_mutex_unlock(&watch->mutex);
}

bool notice_watch_take(struct notice_watch *watch, struct notice *out)
{
	pthread_mutex_lock(&watch->mutex);
	bool found = watch->count > 0;

	if (found) {
		*out = watch->queue[0];
		memmove(watch->queue, watch->queue + 1, --watch->count * sizeof(*out));
	}
	pthread_mutex_unlock(&watch->mutex);
	return found;
}

void notice_watch_free(struct notice_watch *watch)
{
	if (!watch)
		return;
	notice_watch_end(watch);
	pthread_mutex_lock(&watch->mutex);
	watch->stopping = true;
	pthread_cond_signal(&watch->wake);
	pthread_mutex_unlock(&watch->mutex);
	pthread_join(watch->thread, NULL);
	http_client_free(watch->http);
	pthread_cond_destroy(&watch->wake);
	pthread_mutex_destroy(&watch->mutex);
	memory_wipe(watch, sizeof(*watch));
	free(watch);
}
