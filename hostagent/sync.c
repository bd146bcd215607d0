/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include "common/net/http_client.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"
#include "common/sys/work.h"
#include "hostagent/sync.h"

enum {
	WAIT_MS = 25000, POLL_TIMEOUT_MS = 40000, REPORT_TIMEOUT_MS = 10000,
	GATHER_MS = 20, HASTE_MS = 200, PAUSE_MS = 1000,
};

/* One of the two conversations. */
struct talk {
	struct sync *sync;
	const char *name;
	int64_t wait_ms, timeout_ms;
	struct http_client *client;
	struct work *work;
	struct loop_timer *timer;
	bool busy;
	unsigned failures;
	int64_t asked_ms;
};

struct sync {
	struct talk poll, report;
	const struct sync_handler *handler;
	void *arg;
	int64_t seq, generation;
	bool changed;		/* since the last report was written */
	bool answered;		/* the first question is not held by the broker */
};

struct request {
	struct talk *talk;
	json_t *body;
	struct http_result result;
	struct error err;
	int rc;
};

int64_t sync_backoff_ms(unsigned failures, uint32_t random)
{
	enum { FIRST_MS = 250, LAST_MS = 15000 };
	int64_t pause_ms = FIRST_MS;

	for (unsigned i = 1; i < failures && pause_ms < LAST_MS; i++)
		pause_ms *= 2;
	if (pause_ms > LAST_MS)
		pause_ms = LAST_MS;
	return pause_ms / 2 + random % (pause_ms / 2 + 1);
}

static void run_request(void *arg)
{
	struct request *request = arg;

	request->rc = http_request(request->talk->client, "POST", "/agent/v1/sync", request->body,
				   request->talk->timeout_ms, &request->result, &request->err);
	if (request->rc == 0 && request->result.status != 200)
		request->rc = http_result_problem(&request->result, &request->err);
	if (request->rc == 0 && !request->result.body)
		request->rc = error_set(&request->err, EPROTO, "the broker's answer is empty");
}

static void talk_failed(struct talk *talk, const struct error *err)
{
	uint32_t random;

	random_bytes(&random, sizeof(random));
	if (talk->failures++ == 0)
		log_warn("broker_away", kv_str("request", talk->name), kv_error(err));
	loop_timer_start(talk->timer, sync_backoff_ms(talk->failures, random));
}

static void talk_answered(struct talk *talk, const json_t *body)
{
	struct sync *sync = talk->sync;
	int64_t before = sync->generation;

	sync->answered = true;
	if (talk->failures)
		log_info("broker_back", kv_str("request", talk->name),
			 kv_int("failures", talk->failures));
	talk->failures = 0;
	sync->generation = sync->handler->answer(sync->arg, body);
	if (talk == &sync->report) {
		if (sync->changed)
			loop_timer_start(talk->timer, GATHER_MS);
		return;
	}
	/* A broker that does not hold the poll is not asked in a tight circle. */
	bool hasty = sync->generation == before &&
		     clock_monotonic_ms() - talk->asked_ms < HASTE_MS;

	loop_timer_start(talk->timer, hasty ? PAUSE_MS : 0);
}

static void request_done(void *arg, int status)
{
	struct request *request = arg;
	struct talk *talk = request->talk;

	talk->busy = false;
	if (status < 0 && status != -ECANCELED)
		request->rc = error_set(&request->err, -status, "not sent");
	if (status != -ECANCELED && request->rc == 0)
		talk_answered(talk, request->result.body);
	else if (status != -ECANCELED && request->rc != -ECANCELED)
		talk_failed(talk, &request->err);
	http_result_done(&request->result);
	json_decref(request->body);
	free(request);
}

static json_t *body_write(struct talk *talk)
{
	struct sync *sync = talk->sync;
	json_t *body = sync->handler->report(sync->arg);

	json_object_set_new(body, "seq", json_integer(++sync->seq));
	json_object_set_new(body, "generation", json_integer(sync->generation));
	json_object_set_new(body, "wait_ms", json_integer(sync->answered ? talk->wait_ms : 0));
	return body;
}

static void talk_begin(struct talk *talk)
{
	if (talk->busy)
		return;
	struct request *request = xnew(struct request);

	request->talk = talk;
	request->body = body_write(talk);
	talk->sync->changed = false;
	talk->busy = true;
	talk->asked_ms = clock_monotonic_ms();
	if (work_submit(talk->work, 0, run_request, request_done, request) < 0)
		request_done(request, -EAGAIN);
}

static void on_timer(void *arg)
{
	talk_begin(arg);
}

static int talk_init(struct talk *talk, struct sync *sync, struct loop *loop, const char *name,
		     const struct http_client_config *to, struct error *err)
{
	talk->sync = sync;
	talk->name = name;
	talk->work = work_new(loop, name, 1, 2);
	talk->timer = loop_timer_new(loop, on_timer, talk);
	return http_client_new(to, &talk->client, err);
}

static void talk_done(struct talk *talk)
{
	if (talk->client)
		http_client_cancel(talk->client);
	work_free(talk->work);
	loop_timer_free(talk->timer);
	http_client_free(talk->client);
}

int sync_new(struct loop *loop, const struct hostagent_config *config,
	     const struct sync_handler *handler, void *arg, struct sync **out, struct error *err)
{
	struct path certificate = host_path(config, HOST_CERTIFICATE);
	struct path key = host_path(config, HOST_KEY);
	const struct http_client_config to = {
		.address = config->broker, .ca_file = config->ca_file,
		.certificate_file = certificate.text, .key_file = key.text,
	};
	struct sync *sync = xnew(struct sync);

	sync->handler = handler;
	sync->arg = arg;
	sync->seq = clock_wall_ms();	/* above all numbers of an earlier run */
	sync->poll = (struct talk){ .wait_ms = WAIT_MS, .timeout_ms = POLL_TIMEOUT_MS };
	sync->report = (struct talk){ .wait_ms = 0, .timeout_ms = REPORT_TIMEOUT_MS };
	int rc = talk_init(&sync->poll, sync, loop, "poll", &to, err);

	if (rc == 0)
		rc = talk_init(&sync->report, sync, loop, "report", &to, err);
	if (rc < 0) {
		sync_free(sync);
		return rc;
	}
	*out = sync;
	return 0;
}

void sync_free(struct sync *sync)
{
	if (!sync)
		return;
	talk_done(&sync->poll);
	talk_done(&sync->report);
	free(sync);
}

void sync_start(struct sync *sync)
{
	talk_begin(&sync->poll);
}

/* While the broker is away the poll's next try tells the change as well. */
void sync_changed(struct sync *sync)
{
	if (sync->changed)
		return;
	sync->changed = true;
	if (!sync->report.busy && !sync->report.failures)
		loop_timer_start(sync->report.timer, GATHER_MS);
}
