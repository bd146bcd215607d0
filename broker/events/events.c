/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/events/events.h"

#include <errno.h>
#include <string.h>

#include "broker/session/bearer.h"
#include "broker/session/staff.h"
#include "common/base/text.h"
#include "common/sys/clock.h"

#define RING 1024
#define LISTENERS_MAX 1024
#define GATHER_MS 100
#define HEARTBEAT_MS 15000
#define STREAM_MS (INT64_C(5) * 60 * 1000) /* then it is opened anew, and asked who it is */
#define RETRY_MS 2000

struct hint {
	uint64_t seq;
	struct store_touch touch;
};

struct events {
	struct broker *broker;
	struct list listeners;
	unsigned count;
	uint32_t boot;       /* numbers of another run mean nothing here */
	uint64_t last, told; /* newest hint; newest that was sent on */
	struct loop_timer *gather, *heartbeat;
	bool gathering;
	struct hint ring[RING];
};

struct listener {
	struct list link;
	struct request *r;
	struct roles roles;
	bool scoped;
	char person[STORE_KEY_SIZE]; /* of an employee; "" staff */
	uint64_t seen;
	bool lost; /* has to be told that anything may have changed */
	int64_t began_ms;
};

/* ---------------------------------------------------------------------------- who sees what */

static bool staff_sees(const struct listener *l, const struct store_touch *touch)
{
	static const unsigned readers[STORE_KINDS] = {
		[STORE_KIND_HOST] = ROLE_HELPDESK | ROLE_AUDITOR,
		[STORE_KIND_DENIED] = ROLE_AUDITOR,
		[STORE_KIND_EXCEPTION] = ROLE_AUDITOR,
		[STORE_KIND_POOL] = ROLE_HELPDESK | ROLE_AUDITOR | ROLE_POOL_ADMIN,
		[STORE_KIND_DESKTOP] = ROLE_HELPDESK | ROLE_AUDITOR | ROLE_POOL_ADMIN,
		[STORE_KIND_SESSION] = ROLE_HELPDESK | ROLE_AUDITOR | ROLE_POOL_ADMIN,
		[STORE_KIND_IMAGE] = ROLE_HELPDESK | ROLE_AUDITOR | ROLE_POOL_ADMIN,
	};

	if (!(l->roles.set & (readers[touch->kind] | ROLE_ADMIN)))
		return false;
	return !l->scoped || !*touch->pool || roles_scope_has(l->roles.scope, touch->pool);
}

/* An employee's own desktops, and that some desktop has gone, which may have been theirs. */
static bool sees(const struct listener *l, const struct store_touch *touch)
{
	if (!*l->person)
		return staff_sees(l, touch);
	return touch->kind == STORE_KIND_DESKTOP &&
	       (!*touch->id || strcmp(touch->person, l->person) == 0);
}

/* ---------------------------------------------------------------------------------- sending */

static void put_event(const struct events *events, uint64_t seq, const char *kind, const char *id,
		      const char *pool, struct buf *out)
{
	OWNED(json_decref) json_t *data = json_pack("{s:s}", "kind", kind);

	if (*id)
		json_object_set_new(data, "id", json_string(id));
	if (*pool)
		json_object_set_new(data, "pool", json_string(pool));
	buf_printf(out, "id: %08x-%llu\nevent: change\ndata: ", events->boot,
		   (unsigned long long)seq);
	json_write(data, out);
	buf_put_text(out, "\n\n");
}

static void listener_end(struct events *events, struct listener *l)
{
	list_remove(&l->link);
	events->count--;
	request_stream_end(l->r);
	free(l);
	if (!events->count)
		state_listen(events->broker->state, false);
}

static void put_news(const struct events *events, struct listener *l, struct buf *out)
{
	if (l->seen + RING < events->last)
		l->lost = true;
	if (l->lost) {
		put_event(events, events->last, "all", "", "", out);
		return;
	}
	for (uint64_t seq = l->seen + 1; seq <= events->last; seq++) {
		const struct store_touch *touch = &events->ring[seq % RING].touch;

		if (sees(l, touch))
			put_event(events, seq, store_kind_word(touch->kind), touch->id, touch->pool,
				  out);
	}
}

/* Whether it is to be tried again soon. The listener may be gone afterwards. */
static bool tell(struct events *events, struct listener *l, const char *otherwise)
{
	OWNED(buf_done) struct buf text = BUF_LIMIT(1024 * 1024);
	int rc = 0;

	put_news(events, l, &text);
	if (!text.len)
		buf_put_text(&text, otherwise);
	if (text.len)
		rc = request_stream_send(l->r, buf_span(&text));
	if (rc == -EAGAIN)
		return true;
	if (rc < 0) {
		listener_end(events, l);
		return false;
	}
	l->seen = events->last;
	l->lost = false;
	return false;
}

static void gather(struct events *events)
{
	if (events->gathering)
		return;
	events->gathering = true;
	loop_timer_start(events->gather, GATHER_MS);
}

static void on_gathered(void *arg)
{
	struct events *events = arg;
	bool again = false;

	events->gathering = false;
	events->told = events->last;
	LIST_EACH_SAFE(it, &events->listeners)
	again |= tell(events, LIST_OF(it, struct listener, link), "");
	if (again)
		gather(events);
}

/* A line now and then, so that both ends find out that the other one has gone. */
static void on_heartbeat(void *arg)
{
	struct events *events = arg;
	int64_t now_ms = clock_monotonic_ms();

	LIST_EACH_SAFE(it, &events->listeners)
	{
		struct listener *l = LIST_OF(it, struct listener, link);

		if (now_ms - l->began_ms > STREAM_MS)
			listener_end(events, l);
		else
			tell(events, l, ": still here\n\n");
	}
	loop_timer_start(events->heartbeat, HEARTBEAT_MS);
}

/* ----------------------------------------------------------------------------------- hints */

static bool is_known(const struct events *events, const struct store_touch *touch)
{
	for (uint64_t seq = events->told + 1; seq <= events->last; seq++) {
		const struct store_touch *other = &events->ring[seq % RING].touch;

		if (other->kind == touch->kind && strcmp(other->id, touch->id) == 0 &&
		    strcmp(other->person, touch->person) == 0)
			return true;
	}
	return false;
}

void events_touched(struct events *events, const struct store_touch_list *touched)
{
	if (!events->count)
		return;
	for (size_t i = 0; i < touched->count; i++) {
		if (events->last - events->told < RING && is_known(events, &touched->items[i]))
			continue;
		events->last++;
		events->ring[events->last % RING] =
			(struct hint){ events->last, touched->items[i] };
	}
	gather(events);
}

/* -------------------------------------------------------------------------------- listening */

/* Where it left off, by the number that the browser gives back. */
static void find_place(const struct events *events, struct listener *l, struct http_exchange *x)
{
	const char *last = http_header(x, "Last-Event-ID");
	char *rest = NULL;

	l->seen = events->last;
	if (!last)
		return;
	l->lost = true;
	if (strtoul(last, &rest, 16) != events->boot || *rest != '-')
		return;
	uint64_t seq = strtoull(rest + 1, NULL, 10);

	/* Nothing was noted while nobody listened. */
	if (seq > events->last || seq + RING < events->last || events->count == 0)
		return;
	l->seen = seq;
	l->lost = false;
}

static void begin(struct listener *l)
{
	struct request *r = l->r;
	struct events *events = r->broker->events;
	struct http_exchange *x = request_exchange(r);
	OWNED(buf_done) struct buf hello = BUF_LIMIT(256);

	if (!x || events->count >= LISTENERS_MAX) {
		free(l);
		request_refuse(r, REASON_BUSY, RETRY_MS, NULL);
		return;
	}
	find_place(events, l, x);
	l->began_ms = clock_monotonic_ms();
	http_reply_header(x, "X-Accel-Buffering", "no");
	request_stream_begin(r, "text/event-stream");
	buf_printf(&hello, "retry: %d\nid: %08x-%llu\nevent: hello\ndata: {}\n\n", RETRY_MS,
		   events->boot, (unsigned long long)l->seen);
	list_append(&events->listeners, &l->link);
	events->count++;
	state_listen(events->broker->state, true);
	if (request_stream_send(r, buf_span(&hello)) < 0)
		listener_end(events, l);
	else
		tell(events, l, "");
}

static struct listener *listener_new(struct request *r)
{
	struct listener *l = xnew(struct listener);

	l->r = r;
	list_init(&l->link);
	return l;
}

static void identified(struct request *r, struct bearer *taken, void *arg)
{
	OWNED(bearer_free) struct bearer *bearer = taken;
	struct listener *l = listener_new(r);

	(void)arg;
	if (!bearer->login.staff) {
		memcpy(l->person, bearer->user.key, sizeof(l->person));
		begin(l);
		return;
	}
	if (bearer->confirmed)
		l->roles = roles_of(&r->broker->config->roles, bearer->person.groups,
				    bearer->person.group_count);
	l->scoped = l->roles.set == ROLE_POOL_ADMIN;
	if (!bearer->login.second_factor &&
	    staff_needs_factor(r->broker->config, &l->roles, &bearer->person)) {
		free(l);
		request_refuse(r, REASON_SECOND_FACTOR_MISSING, -1, NULL);
		return;
	}
	if (l->roles.set) {
		begin(l);
		return;
	}
	free(l);
	if (bearer->confirmed)
		request_refuse(r, REASON_FORBIDDEN, -1, NULL);
	else
		request_refuse(r, REASON_DIRECTORY_UNREACHABLE, RETRY_MS, NULL);
}

void events_listen(struct request *r)
{
	struct http_exchange *x = request_exchange(r);
	const char *as = x ? http_query(x, "as") : NULL;

	if (x && strcmp(http_peer_ou(x), AUTHORITY_OU_ADMIN) == 0 && *r->peer) {
		struct listener *l = listener_new(r);

		l->roles.set = ROLE_ADMIN;
		begin(l);
		return;
	}
	bearer_find(r, as && strcmp(as, "employee") == 0 ? BEARER_CLIENT_NOW : BEARER_EITHER,
		    identified, NULL, NULL);
}

/* ------------------------------------------------------------------------------------- life */

struct events *events_new(struct broker *broker)
{
	struct events *events = xnew(struct events);

	events->broker = broker;
	list_init(&events->listeners);
	random_bytes(&events->boot, sizeof(events->boot));
	events->gather = loop_timer_new(broker->loop, on_gathered, events);
	events->heartbeat = loop_timer_new(broker->loop, on_heartbeat, events);
	loop_timer_start(events->heartbeat, HEARTBEAT_MS);
	return events;
}

void events_end_all(struct events *events)
{
	LIST_EACH_SAFE(it, &events->listeners)
	listener_end(events, LIST_OF(it, struct listener, link));
}

void events_free(struct events *events)
{
	if (!events)
		return;
	events_end_all(events);
	loop_timer_free(events->gather);
	loop_timer_free(events->heartbeat);
	free(events);
}
