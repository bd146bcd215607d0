/* SPDX-License-Identifier: Apache-2.0 */
/* What happened in sessions, told by the relays of one host: lives of sessions and refusals. */
#include "broker/api/handlers.h"

#include <errno.h>

#include "broker/api/counters.h"
#include "broker/audit/audit.h"
#include "broker/session/notices.h"
#include "common/base/text.h"
#include "common/sys/clock.h"

#define EVENTS_MAX 256

enum event_kind { EVENT_ACTIVE, EVENT_ENDED, EVENT_DENIED, EVENT_REFUSED };

static const char *const kind_words[] = { "session_active", "session_ended", "denied", "refused" };
static const char *const what_words[] = {
	"static_channel", "device", "dynamic_channel", "clipboard", "pdu", "tls", "ticket",
};

struct event {
	enum event_kind kind;
	char session[STORE_ID_SIZE];
	char what[24];
	char rule[24];	/* the word of the policy that decided; "" when nothing allows it */
	char name[128];
	char detail[STORE_TEXT_SIZE];
	char client_address[STORE_ADDRESS_SIZE];
	int64_t at_ms, count;
};

struct telling {
	struct state_job job;	/* first: jobs are cast back */
	struct request *r;
	size_t count;
	struct store_notice *notices;	/* made by the job */
	size_t notice_count;
	struct event events[];
};

static int word_index(const char *word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(word, words[i]) == 0)
			return (int)i;
	return -EINVAL;
}

static int read_event(const json_t *item, struct event *out, struct error *err)
{
	char kind[24];
	int rc = json_get_text(item, "kind", kind, sizeof(kind), err);

	if (rc == 0)
		rc = json_get_text_or(item, "session", "", out->session, sizeof(out->session), err);
	if (rc == 0)
		rc = json_get_text_or(item, "what", "", out->what, sizeof(out->what), err);
	if (rc == 0)
		rc = json_get_text_or(item, "rule", "", out->rule, sizeof(out->rule), err);
	if (rc == 0)
		rc = json_get_text_or(item, "name", "", out->name, sizeof(out->name), err);
	if (rc == 0)
		rc = json_get_text_or(item, "detail", "", out->detail, sizeof(out->detail), err);
	if (rc == 0)
		rc = json_get_text_or(item, "client_address", "", out->client_address,
				      sizeof(out->client_address), err);
	if (rc == 0)
		rc = json_get_int_or(item, "at_ms", 0, 0, INT64_MAX, &out->at_ms, err);
	if (rc == 0)
		rc = json_get_int_or(item, "count", 1, 0, INT64_MAX, &out->count, err);
	if (rc < 0)
		return rc;

	int index = word_index(kind, kind_words, ARRAY_LEN(kind_words));
	if (index < 0)
		return error_set(err, EINVAL, "kind: no such kind");
	out->kind = (enum event_kind)index;
	if (out->kind >= EVENT_DENIED &&
	    word_index(out->what, what_words, ARRAY_LEN(what_words)) < 0)
		return error_set(err, EINVAL, "what: no such thing");
	return 0;
}

static int tell_user(struct store *store, struct telling *t, const struct store_session *session,
		     const struct event *event, struct error *err)
{
	struct store_notice notice;
	int rc = notices_refused(store, session, event->what, event->name, clock_wall_ms(), &notice,
				 err);

	if (rc < 0 || !notice.seq)
		return rc;
	t->notices = t->notices ? t->notices : xcalloc(t->count, sizeof(notice));
	t->notices[t->notice_count++] = notice;
	return 0;
}

/* The row says who by our own records: a relay names only the session. */
static int append_row(struct store *store, struct telling *t, const struct event *event,
		      struct error *err)
{
	struct store_session session = { 0 };
	int rc = *event->session ? store_session_find(store, event->session, &session, err)
				 : -ENOENT;

	if (rc < 0 && rc != -ENOENT)
		return rc;
	bool known = rc == 0 && strcmp(session.host, t->r->peer) == 0;
	bool refusal = event->kind >= EVENT_DENIED;
	const char *rule = refusal ? policy_rule_of(event->what, event->name) : NULL;
	struct audit row = {
		.who = known ? session.user_name : "",
		.source = *event->client_address ? event->client_address
			  : known		 ? session.client_address
						 : "",
		.what = refusal ? event->what : kind_words[event->kind],
		.reason = refusal ? REASON_FORBIDDEN : REASON_OK,
		.denied = refusal,
		.subject = refusal ? event->name : event->session,
		.details = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s}", "kind",
				     kind_words[event->kind], "session",
				     known ? session.id : "", "desktop",
				     known ? session.desktop_name : "", "pool",
				     known ? session.pool : "", "rule", event->rule,
				     "host", t->r->peer, "count",
				     (json_int_t)event->count, "at_ms", (json_int_t)event->at_ms,
				     "detail", event->detail),
	};
	if (refusal)
		json_object_set_new(row.details, "rule", json_string(rule ? rule : "never allowed"));
	rc = audit_append(store, &row, err);
	return rc < 0 || !known || event->kind != EVENT_DENIED ? rc
							       : tell_user(store, t, &session, event, err);
}

static int apply(struct store *store, struct telling *t, const struct event *event,
		 struct error *err)
{
	int64_t now_ms = clock_wall_ms();
	int rc = 0;

	if (event->kind == EVENT_ACTIVE)
		rc = store_session_active(store, event->session, t->r->peer, now_ms, err);
	else if (event->kind == EVENT_ENDED)
		rc = store_session_end(store, event->session, t->r->peer, now_ms, err);
	if (rc == -ENOENT)
		return 0;	/* not of this host, or long forgotten: nothing to change */
	return rc < 0 ? rc : append_row(store, t, event, err);
}

static int events_run(struct store *store, struct state_job *job, struct error *err)
{
	struct telling *t = (struct telling *)job;
	int rc = 0;

	for (size_t i = 0; i < t->count && rc == 0; i++)
		rc = apply(store, t, &t->events[i], err);
	return rc;
}

static void count(const struct telling *t)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct event *event = &t->events[i];

		if (event->kind >= EVENT_DENIED)
			counters_refusal(t->r->broker, event->what, event->count);
		else
			counters_session(t->r->broker, kind_words[event->kind]);
	}
}

static void telling_free(struct telling *t)
{
	free(t->notices);
	free(t);
}

static void events_done(struct state_job *job, int rc, const struct error *err)
{
	struct telling *t = (struct telling *)job;

	for (size_t i = 0; rc == 0 && i < t->notice_count; i++)
		notices_deliver(t->r->broker->notices, &t->notices[i]);
	if (rc < 0) {
		request_store_failed(t->r, rc, err);
	} else {
		count(t);
		request_reply_empty(t->r);
	}
	telling_free(t);
}

void agent_events(struct request *r)
{
	const json_t *body = request_body(r);
	const json_t *list = NULL;
	struct error err = { 0 };

	if (!body)
		return;
	if (json_get_array(body, "events", EVENTS_MAX, &list, &err) < 0) {
		request_refuse(r, REASON_BAD_REQUEST, -1, err.text);
		return;
	}

	struct telling *t =
		xcalloc(1, sizeof(*t) + json_array_size(list) * sizeof(t->events[0]));
	t->r = r;
	for (size_t i = 0; i < json_array_size(list); i++)
		if (read_event(json_array_get(list, i), &t->events[t->count++], &err) < 0) {
			free(t);
			request_refuse(r, REASON_BAD_REQUEST, -1, err.text);
			return;
		}
	if (request_submit(r, &t->job, events_run, events_done) < 0)
		free(t);
}
