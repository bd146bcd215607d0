/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/conductor/conductor.h"

#include <errno.h>

#include "broker/api/timings.h"
#include "broker/conductor/inspections.h"
#include "broker/conductor/rebuild.h"
#include "broker/conductor/sync_message.h"
#include "broker/session/exceptions.h"
#include "broker/session/session_watch.h"
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"

#define TICK_MIN_MS 200
#define TICK_MAX_MS 10000
#define HOUSEKEEP_EVERY_MS 60000
#define POLLS_BEFORE_SILENT 3
/* Those in line are not all looked at for each single change, and the less often the longer it is.
 */
#define LINE_PAUSE_MS 100
#define LINE_PAUSE_EACH_MS 2

struct conductor {
	struct broker *broker;
	struct list syncs, waiters;
	struct loop_timer *line_timer;
	bool line_due;			/* line_timer runs */
	struct loop_timer *tick_timer;
	struct tick *tick;		/* NULL while it is with the store */
	uint8_t deed_key[DEED_KEY_BYTES];
};

/* ----------------------------------------------------------------------------- clients waiting */

static void on_wait_timeout(void *arg)
{
	struct conductor_waiter *waiter = arg;
	conductor_fn *fn = waiter->on_timeout;
	void *fn_arg = waiter->arg;

	conductor_wait_end(waiter);
	fn(fn_arg);
}

void conductor_wait(struct conductor *conductor, struct conductor_waiter *waiter, const char *host,
		    int64_t wait_ms, conductor_fn *on_change, conductor_fn *on_timeout, void *arg)
{
	conductor_wait_end(waiter);
	waiter->conductor = conductor;
	waiter->on_change = on_change;
	waiter->on_timeout = on_timeout;
	waiter->arg = arg;
	memcpy(waiter->host, host, strlen(host) + 1);
	waiter->timer = loop_timer_new(conductor->broker->loop, on_wait_timeout, waiter);
	loop_timer_start(waiter->timer, wait_ms);
	list_append(&conductor->waiters, &waiter->link);
}

void conductor_wait_end(struct conductor_waiter *waiter)
{
	list_remove(&waiter->link);
	loop_timer_free(waiter->timer);
	waiter->timer = NULL;
}

/* on_change only starts a job, so no waiter goes away inside the loop. */
static void wake(struct conductor *conductor, const char *host)
{
	LIST_EACH_SAFE(it, &conductor->waiters) {
		struct conductor_waiter *waiter = LIST_OF(it, struct conductor_waiter, link);

		if (strcmp(waiter->host, host) == 0)
			waiter->on_change(waiter->arg);
	}
}

static void on_line(void *arg)
{
	struct conductor *conductor = arg;

	conductor->line_due = false;
	wake(conductor, "");
}

static void wake_line(struct conductor *conductor)
{
	int64_t pause_ms = LINE_PAUSE_MS;

	if (conductor->line_due)
		return;
	LIST_EACH(it, &conductor->waiters)
		pause_ms += LINE_PAUSE_EACH_MS;
	conductor->line_due = true;
	loop_timer_start(conductor->line_timer, pause_ms);
}

void conductor_host_reported(struct conductor *conductor, const char *host)
{
	wake(conductor, host);
}

/* ------------------------------------------------------------------------------- agents waiting */

struct sync {
	struct state_job job;	/* first: jobs are cast back */
	struct list link;	/* in conductor.syncs while held */
	struct conductor *conductor;
	struct request *r;
	struct loop_timer *timer;
	struct sync_report in;
	bool reported;		/* the report is in the store */
	bool timed;		/* and what it says of starts is noted */
	bool running, again;	/* a job is under way; something changed meanwhile */
	bool must_answer;	/* the wait is over, or a newer sync took its place */
	struct store_report_result result;
	struct store_desired desired;
	struct store_orders orders;
	enum store_rebuild rebuilding;
	bool fresh;		/* `desired` was read */
};

static void sync_free(struct sync *s)
{
	list_remove(&s->link);
	loop_timer_free(s->timer);
	sync_report_done(&s->in);
	store_desired_done(&s->desired);
	store_orders_done(&s->orders);
	free(s);
}

/* Besides changes of desktops: a host that has just come, and news told outside the long poll (an
 * image that became ready), may let spares be ordered that had no place before. */
static bool may_concern_others(const struct sync *s)
{
	return s->result.changed || s->in.report.generation == 0 || s->in.wait_ms == 0;
}

/* What the report says of orders inside of desktops. */
static int settle_orders(struct store *store, const struct sync *s, struct error *err)
{
	int rc = store_log_offs_settle(store, s->in.report.host, err);

	for (size_t i = 0; i < s->in.shown_count && rc == 0; i++)
		rc = store_notices_shown(store, s->in.shown[i].desktop, s->in.report.host,
					 s->in.shown[i].seq, err);
	return rc;
}

static int read_wanted(struct store *store, struct sync *s, struct error *err)
{
	const char *host = s->in.report.host;
	int rc = store_rebuilding(store, &s->rebuilding, err);

	if (rc == 0)
		rc = store_desired_for_host(store, host, &s->desired, err);

	return rc < 0 ? rc : store_orders_of_host(store, host, clock_wall_ms(), &s->orders, err);
}

static int take_report(struct store *store, struct sync *s, struct error *err)
{
	int rc = store_rebuilding(store, &s->rebuilding, err);

	if (rc == 0 && s->rebuilding == STORE_REBUILD_ALL)
		rc = rebuild_host(store, &s->in, err);
	if (rc == 0)
		rc = store_host_report(store, &s->in.report, clock_wall_ms(), &s->result, err);
	if (rc == 0 && s->rebuilding != STORE_REBUILD_NONE && !s->result.stale)
		rc = rebuild_desktops(store, s->conductor->deed_key, &s->in, s->rebuilding,
				      &s->result.changed, err);
	return rc;
}

static int sync_run(struct store *store, struct state_job *job, struct error *err)
{
	struct sync *s = (struct sync *)job;
	int64_t generation = 0;
	int rc = 0;

	if (!s->reported) {
		rc = take_report(store, s, err);
		if (rc == 0)
			rc = settle_orders(store, s, err);
		s->reported = rc == 0;
		job->touched = rc == 0 && may_concern_others(s);
	}
	if (rc == 0)
		rc = store_host_generation(store, s->in.report.host, &generation, err);
	if (rc < 0)
		return rc;
	s->fresh = s->must_answer || generation > s->in.report.generation;
	return s->fresh ? read_wanted(store, s, err) : 0;
}

static void sync_done(struct state_job *job, int rc, const struct error *err);

static void sync_look(struct sync *s)
{
	s->running = true;
	s->job.touched = false;
	state_submit_always(s->conductor->broker->state, &s->job, sync_run, sync_done);
}

static void sync_poke(struct sync *s)
{
	if (s->running)
		s->again = true;
	else
		sync_look(s);
}

static void sync_over(void *arg)
{
	struct sync *s = arg;

	s->must_answer = true;
	sync_poke(s);
}

static void sync_refuse(struct sync *s, int rc, const struct error *err)
{
	if (rc == -ENOENT)	/* a valid certificate of a host that is not ours any more */
		request_refuse(s->r, REASON_FORBIDDEN, -1,
			       "This host is not known; join it again.");
	else
		request_store_failed(s->r, rc, err);
	sync_free(s);
}

static void sync_done(struct state_job *job, int rc, const struct error *err)
{
	struct sync *s = (struct sync *)job;
	struct conductor *conductor = s->conductor;

	s->running = false;
	if (rc < 0) {
		sync_refuse(s, rc, err);
		return;
	}
	if (!s->timed && conductor->broker->timings)
		timings_take(conductor->broker->timings, s->in.report.host, s->in.body);
	s->timed = true;
	if (s->result.changed) {
		s->result.changed = false;
		conductor_host_reported(conductor, s->in.report.host);
		wake_line(conductor);
	}
	if (s->fresh || !request_exchange(s->r)) {
		struct sync_site site = {
			.guest_public_key =
				authority_guest_public_key(conductor->broker->authority),
			.deed_key = conductor->deed_key,
			.rebuilding = s->rebuilding != STORE_REBUILD_NONE,
		};
		json_t *answer = sync_answer_json(&s->desired, &s->orders, &site);

		inspections_add(conductor->broker->inspections, answer);
		request_reply(s->r, 200, answer);
		sync_free(s);
		return;
	}
	if (s->again || s->must_answer) {
		s->again = false;
		sync_look(s);
	}
}

/* One held question per host: the older one's agent has gone or given it up. */
static void replace_older(struct conductor *conductor, const char *host)
{
	LIST_EACH_SAFE(it, &conductor->syncs) {
		struct sync *s = LIST_OF(it, struct sync, link);

		if (strcmp(s->in.report.host, host) == 0)
			sync_over(s);
	}
}

void conductor_poke_host(struct conductor *conductor, const char *host)
{
	replace_older(conductor, host);
}

void conductor_sync(struct request *r)
{
	struct conductor *conductor = r->broker->conductor;
	const json_t *body = request_body(r);
	struct error err = { 0 };

	if (!body)
		return;
	struct sync *s = xnew(struct sync);
	if (sync_report_parse(body, r->peer, &s->in, &err) < 0) {
		free(s);
		request_refuse(r, REASON_BAD_REQUEST, -1, err.text);
		return;
	}
	inspections_take(r->broker->inspections, r->peer, body);
	s->r = r;
	s->conductor = conductor;
	s->must_answer = s->in.wait_ms == 0;
	/* A host that is held so long that it counts as silent would come and go. */
	if (s->in.wait_ms > r->broker->config->host_silent_ms / POLLS_BEFORE_SILENT)
		s->in.wait_ms = r->broker->config->host_silent_ms / POLLS_BEFORE_SILENT;
	if (s->in.wait_ms > 0) {
		replace_older(conductor, r->peer);
		list_append(&conductor->syncs, &s->link);
		s->timer = loop_timer_new(r->broker->loop, sync_over, s);
		loop_timer_start(s->timer, s->in.wait_ms);
	}
	sync_look(s);
}

void conductor_changed(struct conductor *conductor, bool moved)
{
	LIST_EACH_SAFE(it, &conductor->syncs)
		sync_poke(LIST_OF(it, struct sync, link));
	if (moved)
		wake_line(conductor);
}

/* --------------------------------------------------------------------------------------- timer */

struct tick {
	struct state_job job;	/* first: jobs are cast back */
	struct conductor *conductor;
	int64_t housekeep_at_ms;	/* monotonic */
	int64_t lost, expired;
	bool exceptions_ended;
};

static int64_t tick_ms(const struct conductor *conductor)
{
	int64_t ms = conductor->broker->config->host_silent_ms / 4;

	return ms < TICK_MIN_MS ? TICK_MIN_MS : ms > TICK_MAX_MS ? TICK_MAX_MS : ms;
}

static int tick_run(struct store *store, struct state_job *job, struct error *err)
{
	struct tick *tick = (struct tick *)job;
	int64_t now_ms = clock_wall_ms(), monotonic_ms = clock_monotonic_ms();
	int64_t silent_ms = tick->conductor->broker->config->host_silent_ms;
	int rc = store_hosts_lost(store, now_ms - silent_ms, &tick->lost, err);

	job->touched = true;	/* spares are looked at even when nothing was reported */
	if (rc == 0)
		rc = store_desktops_expire(store, now_ms, &tick->expired, err);
	if (rc == 0)
		rc = exceptions_expire(store, now_ms, &tick->exceptions_ended, err);
	if (rc < 0 || monotonic_ms < tick->housekeep_at_ms)
		return rc;
	tick->housekeep_at_ms = monotonic_ms + HOUSEKEEP_EVERY_MS;
	return store_housekeep(store, now_ms, err);
}

static void tick_done(struct state_job *job, int rc, const struct error *err)
{
	struct tick *tick = (struct tick *)job;
	struct conductor *conductor = tick->conductor;

	if (rc == -ECANCELED) {
		free(tick);
		return;
	}
	if (rc < 0)
		log_warn("tick_failed", kv_error(err));
	else if (tick->lost > 0)
		log_warn("hosts_lost", kv_int("hosts", tick->lost));
	if (rc == 0 && tick->expired > 0)
		log_info("desktops_expired", kv_int("desktops", tick->expired));
	if (rc == 0 && tick->exceptions_ended)
		session_watch_changed(conductor->broker->watch, NULL);
	conductor->tick = tick;
	loop_timer_start(conductor->tick_timer, tick_ms(conductor));
}

static void on_tick(void *arg)
{
	struct conductor *conductor = arg;
	struct tick *tick = STEAL(conductor->tick);

	state_submit_always(conductor->broker->state, &tick->job, tick_run, tick_done);
}

struct conductor *conductor_new(struct broker *broker)
{
	struct conductor *conductor = xnew(struct conductor);

	conductor->broker = broker;
	if (deed_key(authority_guest_key(broker->authority), conductor->deed_key, NULL) < 0)
		abort(); /* it was read as one a moment ago */
	list_init(&conductor->syncs);
	list_init(&conductor->waiters);
	conductor->line_timer = loop_timer_new(broker->loop, on_line, conductor);
	conductor->tick = xnew(struct tick);
	conductor->tick->conductor = conductor;
	conductor->tick_timer = loop_timer_new(broker->loop, on_tick, conductor);
	loop_timer_start(conductor->tick_timer, 0);
	return conductor;
}

/* The state queue is gone by now: no job of ours is under way, and everything held is ended. */
void conductor_free(struct conductor *conductor)
{
	struct error gone = { .code = ECANCELED, .text = "the broker is stopping" };

	if (!conductor)
		return;
	LIST_EACH_SAFE(sync, &conductor->syncs)
		sync_refuse(LIST_OF(sync, struct sync, link), -ECANCELED, &gone);
	LIST_EACH_SAFE(waiter, &conductor->waiters)
		on_wait_timeout(LIST_OF(waiter, struct conductor_waiter, link));
	loop_timer_free(conductor->tick_timer);
	loop_timer_free(conductor->line_timer);
	free(conductor->tick);
	free(conductor);
}
