/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/relay/session_link.h"

#include <errno.h>
#include "common/sys/log.h"
#include "common/sys/work.h"

/* Numbers of running sessions are as old as this at most. */
#define WAIT_MS 5000
#define TIMEOUT_MS (WAIT_MS + 10000)
#define BEGUN_DELAY_MS 50	/* those that begin together are asked for together */
#define TOLD_DELAY_MS 500	/* sessions that were told to end need a moment */
#define RETRY_FIRST_MS 250
#define RETRY_MAX_MS 5000

struct session_link {
	struct http_client *client;	/* the worker's while `busy` */
	struct work *work;
	struct loop_timer *timer;
	session_list_fn *list;
	session_over_fn *over;
	void *arg;
	json_t *body;
	struct http_result result;
	struct error err;
	int failed;
	bool busy, closing;
	bool begun;	/* a session that the question does not list */
	int64_t retry_ms;	/* 0: the broker answered last */
};

static void run_request(void *job)
{
	struct session_link *link = job;

	link->failed = http_request(link->client, "POST", "/agent/v1/sessions", link->body,
				    TIMEOUT_MS, &link->result, &link->err);
}

/* How many sessions the answer ended. */
static size_t tell(struct session_link *link)
{
	const json_t *ends = json_object_get(link->result.body, "end"), *end;
	size_t i;

	json_array_foreach(ends, i, end) {
		const char *session = json_string_value(json_object_get(end, "session"));
		const char *reason = json_string_value(json_object_get(end, "reason"));

		if (session && reason)
			link->over(link->arg, session, reason);
	}
	return json_array_size(ends);
}

static int64_t after_failure(struct session_link *link)
{
	if (link->failed == 0)
		(void)http_result_problem(&link->result, &link->err);
	if (!link->retry_ms)
		log_warn("sessions_unwatched", kv_error(&link->err));
	link->retry_ms = link->retry_ms ? 2 * link->retry_ms : RETRY_FIRST_MS;
	if (link->retry_ms > RETRY_MAX_MS)
		link->retry_ms = RETRY_MAX_MS;
	return link->retry_ms;
}

/* When to ask again. */
static int64_t after_answer(struct session_link *link)
{
	if (link->retry_ms)
		log_info("sessions_watched");
	link->retry_ms = 0;
	return tell(link) ? TOLD_DELAY_MS : 0;
}

static void on_answer(void *job, int status)
{
	struct session_link *link = job;
	int64_t delay_ms = 0;

	link->busy = false;
	json_decref(link->body);
	link->body = NULL;
	if (status < 0)
		link->failed = error_set(&link->err, -status, "sessions: not asked");
	if (!link->closing && link->failed != -ECANCELED)
		delay_ms = link->failed == 0 && link->result.status == 200 ? after_answer(link)
									  : after_failure(link);
	http_result_done(&link->result);
	if (!link->closing)
		loop_timer_start(link->timer, delay_ms);
}

static void ask(struct session_link *link)
{
	json_t *sessions = link->list(link->arg);

	link->begun = false;
	if (json_array_size(sessions) == 0) {	/* asked again when one begins */
		json_decref(sessions);
		link->retry_ms = 0;
		return;
	}
	link->body = json_pack("{s:o, s:i}", "sessions", sessions, "wait_ms", WAIT_MS);
	link->busy = true;
	http_client_arm(link->client);
	link->result = (struct http_result){ .status = 0 };
	int n = work_submit(link->work, 0, run_request, on_answer, link);
	if (n < 0)
		on_answer(link, n);
}

static void on_timer(void *arg)
{
	struct session_link *link = arg;

	if (!link->busy)
		ask(link);
	else if (link->begun)
		http_client_cancel(link->client);	/* its end asks anew */
}

void session_link_begun(struct session_link *link)
{
	if (!link->begun && !link->retry_ms)
		loop_timer_start(link->timer, BEGUN_DELAY_MS);
	link->begun = true;
}

int session_link_new(struct loop *loop, const struct http_client_config *broker,
		     session_list_fn *list, session_over_fn *over, void *arg,
		     struct session_link **out, struct error *err)
{
	OWNED(session_link_free) struct session_link *link = xnew(struct session_link);
	int rc = http_client_new(broker, &link->client, err);

	if (rc < 0)
		return rc;
	link->list = list;
	link->over = over;
	link->arg = arg;
	link->timer = loop_timer_new(loop, on_timer, link);
	link->work = work_new(loop, "sessions", 1, 1);
	*out = STEAL(link);
	return 0;
}

void session_link_free(struct session_link *link)
{
	if (!link)
		return;
	link->closing = true;
	if (link->busy)
		http_client_cancel(link->client);
	work_free(link->work);
	loop_timer_free(link->timer);
	http_client_free(link->client);
	free(link);
}
