/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/relay/broker_link.h"

#include <errno.h>
#include "common/base/list.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"
#include "common/sys/work.h"

#define REDEEM_LANES 4
#define EVENT_BATCH 64
#define EVENT_TIMEOUT_MS 10000
#define EVENT_DELAY_MS 50	/* what happens together travels together */
#define RETRY_FIRST_MS 250
#define RETRY_MAX_MS 15000

/* One connection to the broker and the request that is on it. A client belongs to one thread at a
 * time: the worker while `busy`, the loop otherwise. */
struct lane {
	struct broker_link *link;
	struct http_client *client;
	bool busy;
	int64_t timeout_ms;
	const char *path;
	json_t *body;
	struct http_result result;
	struct error err;
	int failed;		/* what http_request returned */
	uint64_t number;	/* redeem: whose ticket */
};

struct waiting_ticket {
	struct list link;
	uint64_t number;
	int64_t give_up_at_ms;
	json_t *body;
};

struct broker_link {
	struct broker_link_config config;
	redeemed_fn *redeemed;
	void *arg;
	struct work *redeem_work, *event_work;
	struct lane redeem_lanes[REDEEM_LANES], event_lane;
	struct list tickets;	/* waiting for a lane */
	size_t ticket_count;
	struct event_queue *events;
	struct loop_timer *event_timer;
	int64_t retry_ms;	/* 0: the broker took the last batch */
	bool closing;
};

/* ---- Requests ---- */

static void run_request(void *job)
{
	struct lane *lane = job;

	lane->failed = http_request(lane->client, "POST", lane->path, lane->body, lane->timeout_ms,
				    &lane->result, &lane->err);
}

/* Back on the loop: the lane is free again, the result stays for the caller to look at. */
static void finish_request(struct lane *lane, int status)
{
	json_decref(lane->body);
	lane->body = NULL;
	lane->busy = false;
	if (status < 0)
		lane->failed = error_set(&lane->err, -status, "%s: not sent", lane->path);
}

static int begin_request(struct lane *lane, struct work *work, json_t *body, work_done_fn *done)
{
	lane->body = body;
	lane->busy = true;
	lane->result = (struct http_result){ .status = 0 };
	int n = work_submit(work, 0, run_request, done, lane);
	if (n < 0)
		finish_request(lane, n);
	return n;
}

/* ---- Tickets ---- */

static void serve_tickets(struct broker_link *link);

static bool read_grant(const struct lane *lane, struct redemption *out)
{
	struct error err = lane->err;

	if (lane->failed < 0) {
		log_warn("redeem_failed", kv_int("connection", (int64_t)lane->number),
			 kv_error(&err));
		return false;
	}
	if (lane->result.status != 200) {
		(void)http_result_problem(&lane->result, &err);
		log_info("ticket_refused", kv_int("connection", (int64_t)lane->number),
			 kv_error(&err));
		return false;
	}
	if (!lane->result.body || redeem_answer(lane->result.body, out, &err) < 0) {
		log_error("redeem_answer_unusable", kv_int("connection", (int64_t)lane->number),
			  kv_error(&err));
		return false;
	}
	return true;
}

static void on_redeemed(void *job, int status)
{
	struct lane *lane = job;
	struct broker_link *link = lane->link;
	struct redemption granted;

	finish_request(lane, status);
	if (!link->closing) {
		bool good = read_grant(lane, &granted);
		link->redeemed(link->arg, lane->number, good ? &granted : NULL);
		memory_wipe(&granted, sizeof(granted));
	}
	http_result_done(&lane->result);
	if (!link->closing)
		serve_tickets(link);
}

static struct lane *free_lane(struct broker_link *link)
{
	for (size_t i = 0; i < REDEEM_LANES; i++) {
		if (!link->redeem_lanes[i].busy)
			return &link->redeem_lanes[i];
	}
	return NULL;
}

static struct waiting_ticket *next_ticket(struct broker_link *link)
{
	struct list *first = link->tickets.next;

	if (list_empty(&link->tickets))
		return NULL;
	list_remove(first);
	link->ticket_count--;
	return LIST_OF(first, struct waiting_ticket, link);
}

static void send_ticket(struct lane *lane, struct waiting_ticket *t)
{
	int64_t left_ms = t->give_up_at_ms - clock_monotonic_ms();

	lane->number = t->number;
	lane->timeout_ms = left_ms;
	if (left_ms <= 0) {
		json_decref(t->body);
		lane->link->redeemed(lane->link->arg, t->number, NULL);
	} else if (begin_request(lane, lane->link->redeem_work, t->body, on_redeemed) < 0) {
		lane->link->redeemed(lane->link->arg, t->number, NULL);
	}
	free(t);
}

static void serve_tickets(struct broker_link *link)
{
	struct lane *lane;
	struct waiting_ticket *t;

	while ((lane = free_lane(link)) && (t = next_ticket(link)))
		send_ticket(lane, t);
}

int broker_link_redeem(struct broker_link *link, uint64_t number, const struct rdp_ticket *ticket,
		       const char *client_address)
{
	if (link->ticket_count >= link->config.max_waiting)
		return -EAGAIN;
	struct waiting_ticket *t = xnew(struct waiting_ticket);
	t->number = number;
	t->body = redeem_request(ticket, client_address);
	t->give_up_at_ms = clock_monotonic_ms() + link->config.redeem_ms;
	list_append(&link->tickets, &t->link);
	link->ticket_count++;
	serve_tickets(link);
	return 0;
}

/* ---- Events ---- */

static void send_events(void *arg);

/* True when the broker will never take this batch, however often it is sent. */
static bool is_unacceptable(int status)
{
	return status == 400 || status == 413 || status == 422;
}

static void on_delivered(void *job, int status)
{
	struct lane *lane = job;
	struct broker_link *link = lane->link;

	finish_request(lane, status);
	bool answered = lane->failed == 0;
	bool taken = answered && lane->result.status / 100 == 2;
	bool hopeless = answered && is_unacceptable(lane->result.status);
	if (answered && !taken)
		(void)http_result_problem(&lane->result, &lane->err);
	http_result_done(&lane->result);
	event_queue_end(link->events, taken || hopeless);
	if (link->closing)
		return;

	if (hopeless)
		log_error("events_refused", kv_error(&lane->err));
	else if (!taken && !link->retry_ms)
		log_warn("events_waiting", kv_error(&lane->err));
	else if (taken && link->retry_ms)
		log_info("events_flowing");
	if (taken || hopeless)
		link->retry_ms = 0;
	else
		link->retry_ms = link->retry_ms ? link->retry_ms * 2 : RETRY_FIRST_MS;
	if (link->retry_ms > RETRY_MAX_MS)
		link->retry_ms = RETRY_MAX_MS;
	if (event_queue_length(link->events))
		loop_timer_start(link->event_timer, link->retry_ms);
}

static void send_events(void *arg)
{
	struct broker_link *link = arg;
	struct event batch[EVENT_BATCH];
	size_t count =
		link->event_lane.busy ? 0 : event_queue_begin(link->events, batch, EVENT_BATCH);

	if (count && begin_request(&link->event_lane, link->event_work,
				   events_request(batch, count), on_delivered) < 0)
		event_queue_end(link->events, false);
}

void broker_link_event(struct broker_link *link, const struct event *e)
{
	bool was_empty = event_queue_length(link->events) == 0;

	if (!event_queue_put(link->events, e)) {
		uint64_t lost = event_queue_lost(link->events);
		if ((lost & (lost - 1)) == 0)	/* at 1, 2, 4, 8 ... */
			log_error("events_lost", kv_int("count", (int64_t)lost));
	} else if (was_empty) {
		loop_timer_start(link->event_timer, EVENT_DELAY_MS);
	}
}

size_t broker_link_pending(const struct broker_link *link)
{
	return event_queue_length(link->events);
}

/* ---- Life ---- */

static int open_lane(struct broker_link *link, struct lane *lane, const char *path,
		     int64_t timeout_ms, struct error *err)
{
	lane->link = link;
	lane->path = path;
	lane->timeout_ms = timeout_ms;
	return http_client_new(&link->config.broker, &lane->client, err);
}

int broker_link_new(struct loop *loop, const struct broker_link_config *config,
		    redeemed_fn *redeemed, void *arg, struct broker_link **out, struct error *err)
{
	OWNED(broker_link_free) struct broker_link *link = xnew(struct broker_link);

	link->config = *config;
	link->redeemed = redeemed;
	link->arg = arg;
	list_init(&link->tickets);
	link->events = event_queue_new(config->max_events);
	link->event_timer = loop_timer_new(loop, send_events, link);
	for (size_t i = 0; i < REDEEM_LANES; i++) {
		int n = open_lane(link, &link->redeem_lanes[i], "/agent/v1/redeem", 0, err);
		if (n < 0)
			return n;
	}
	int n = open_lane(link, &link->event_lane, "/agent/v1/events", EVENT_TIMEOUT_MS, err);
	if (n < 0)
		return n;
	link->redeem_work = work_new(loop, "redeem", REDEEM_LANES, REDEEM_LANES);
	link->event_work = work_new(loop, "events", 1, 1);
	*out = STEAL(link);
	return 0;
}

static void close_lane(struct lane *lane)
{
	http_client_free(lane->client);
}

void broker_link_free(struct broker_link *link)
{
	struct waiting_ticket *t;

	if (!link)
		return;
	link->closing = true;
	for (size_t i = 0; i < REDEEM_LANES; i++) {
		if (link->redeem_lanes[i].busy)
			http_client_cancel(link->redeem_lanes[i].client);
	}
	if (link->event_lane.busy)
		http_client_cancel(link->event_lane.client);
	work_free(link->redeem_work);
	work_free(link->event_work);
	while (list_empty(&link->tickets) == false && (t = next_ticket(link))) {
		json_decref(t->body);
		free(t);
	}
	for (size_t i = 0; i < REDEEM_LANES; i++)
		close_lane(&link->redeem_lanes[i]);
	close_lane(&link->event_lane);
	loop_timer_free(link->event_timer);
	event_queue_free(link->events);
	free(link);
}
