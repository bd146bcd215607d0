/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/session/session_watch.h"

#include <errno.h>

#include "broker/audit/audit.h"
#include "broker/session/held_question.h"
#include "common/sys/clock.h"

#define SESSIONS_MAX 4096
#define WAIT_MAX_MS 30000

/* What one relay carries, as it told last. */
struct carried {
	struct list link;
	char host[STORE_NAME_SIZE];
	json_t *sessions;	/* array of objects */
};

struct session_watch {
	struct broker *broker;
	struct list asking, carried;
};

struct asking {
	struct held_question held;	/* first: questions are cast back */
	json_t *sessions;
	bool judged;		/* the times without input that came with the question */
	json_t *ends;
};

static void asking_free(struct held_question *question)
{
	struct asking *a = (struct asking *)question;

	held_question_done(question);
	json_decref(a->sessions);
	json_decref(a->ends);
	free(a);
}

/* ---- The question to the store ---- */

static const char *const end_words[] = {
	[STORE_SESSION_GOES_ON] = "",
	[STORE_SESSION_OVER] = "session_disconnected",
	[STORE_SESSION_MOVED] = "session_moved",
	[STORE_SESSION_EXCEPTION] = "exception_over",
};

static void add_end(struct asking *a, const char *id, const char *reason)
{
	json_array_append_new(a->ends, json_pack("{s:s, s:s}", "session", id, "reason", reason));
}

/* Judged by what the relay has just said: while its question is held the numbers grow old. */
static int look_whether_idle(struct store *store, struct asking *a, const char *id, int64_t idle_ms,
			     struct error *err)
{
	char user[STORE_USER_SIZE] = "";
	bool over = false;
	int rc;

	if (a->judged || idle_ms < POOL_IDLE_MIN_MS)
		return 0;
	rc = store_session_idle(store, id, a->held.r->peer, idle_ms, clock_wall_ms(), &over, user, err);
	if (rc < 0 || !over)
		return rc;
	a->held.job.touched = true;
	add_end(a, id, "idle_timeout");

	struct audit row = {
		.who = user, .source = a->held.r->peer, .what = "session_idle", .subject = id,
		.reason = REASON_OK,
		.details = json_pack("{s:I}", "idle_ms", (json_int_t)idle_ms),
	};
	return audit_append(store, &row, err);
}

/* Nothing of it runs any more: its desktop is not its user's now, for they have logged off. */
static int has_lost_desktop(struct store *store, const char *id, bool *out, struct error *err)
{
	struct store_session session;
	struct store_desktop d;
	int rc = store_session_find(store, id, &session, err);

	*out = false;
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	rc = store_desktop_find(store, session.desktop, &d, err);
	*out = rc == -ENOENT || (rc == 0 && (d.want != DESKTOP_WANT_RUNNING ||
					     strcmp(d.user_name, session.user_name) != 0));
	return rc == -ENOENT ? 0 : rc;
}

static int look_at(struct store *store, struct asking *a, const char *id, int64_t idle_ms,
		   struct error *err)
{
	enum store_session_verdict verdict;
	bool left = false;
	int rc = store_session_verdict(store, id, a->held.r->peer, &verdict, err);

	if (rc == 0 && verdict == STORE_SESSION_GOES_ON)
		return look_whether_idle(store, a, id, idle_ms, err);
	if (rc == 0 && verdict == STORE_SESSION_OVER)
		rc = has_lost_desktop(store, id, &left, err);
	if (rc < 0)
		return rc;
	add_end(a, id, left ? "session_ended" : end_words[verdict]);
	return 0;
}

static int asking_run(struct store *store, struct state_job *job, struct error *err)
{
	struct asking *a = (struct asking *)job;
	const json_t *session;
	size_t i;
	int rc = 0;

	json_decref(a->ends);
	a->ends = json_array();
	json_array_foreach(a->sessions, i, session) {
		if (rc == 0)
			rc = look_at(store, a, json_string_value(json_object_get(session, "id")),
				     json_integer_value(json_object_get(session, "idle_ms")), err);
	}
	a->judged = true;
	return rc;
}

static bool has_news(const struct held_question *question)
{
	return json_array_size(((const struct asking *)question)->ends) > 0;
}

static json_t *answer_json(const struct held_question *question)
{
	return json_pack("{s:O}", "end", ((const struct asking *)question)->ends);
}

static const struct held_kind question_kind = { asking_run, false, has_news, answer_json,
					       asking_free };

/* ---- What relays tell ---- */

static struct carried *carried_of(struct session_watch *watch, const char *host)
{
	LIST_EACH_SAFE(it, &watch->carried) {
		struct carried *c = LIST_OF(it, struct carried, link);

		if (strcmp(c->host, host) == 0)
			return c;
	}
	struct carried *c = xnew(struct carried);

	memcpy(c->host, host, strlen(host) + 1);
	list_append(&watch->carried, &c->link);
	return c;
}

static void carried_note(struct session_watch *watch, const char *host, json_t *sessions)
{
	struct carried *c = carried_of(watch, host);

	json_decref(c->sessions);
	c->sessions = json_incref(sessions);
}

static void usage_add(json_t *usage, const json_t *session)
{
	json_t *numbers = json_object();
	static const char *const names[] = { "idle_ms", "bytes_to_desktop", "bytes_from_desktop",
					     "rtt_us" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		int64_t value = json_integer_value(json_object_get(session, names[i]));

		json_object_set_new(numbers, names[i], json_integer(value < 0 ? 0 : value));
	}
	json_object_set_new(usage, json_string_value(json_object_get(session, "id")), numbers);
}

json_t *session_watch_usage(const struct session_watch *watch)
{
	json_t *usage = json_object();

	LIST_EACH_SAFE(it, (struct list *)&watch->carried) {
		const struct carried *c = LIST_OF(it, struct carried, link);
		const json_t *session;
		size_t i;

		json_array_foreach(c->sessions, i, session)
			usage_add(usage, session);
	}
	return usage;
}

/* ---- Doors ---- */

static int read_sessions(const json_t *body, const json_t **sessions, struct error *err)
{
	const json_t *session;
	char id[STORE_ID_SIZE];
	size_t i;
	int rc = json_get_array(body, "sessions", SESSIONS_MAX, sessions, err);

	if (rc < 0)
		return rc;
	json_array_foreach(*sessions, i, session) {
		if ((rc = json_get_text(session, "id", id, sizeof(id), err)) < 0)
			return rc;
	}
	return 0;
}

/* One held question per host: the older one's relay has gone or given it up. */
static void replace_older(struct session_watch *watch, const char *host)
{
	LIST_EACH_SAFE(it, &watch->asking) {
		struct held_question *older = LIST_OF(it, struct held_question, link);

		if (strcmp(older->r->peer, host) == 0)
			held_question_end(older);
	}
}

void session_watch_ask(struct request *r)
{
	struct session_watch *watch = r->broker->watch;
	const json_t *body = request_body(r), *sessions = NULL;
	struct error err = { 0 };
	int64_t wait_ms = 0;

	if (!body)
		return;
	if (read_sessions(body, &sessions, &err) < 0 ||
	    json_get_int_or(body, "wait_ms", 0, 0, WAIT_MAX_MS, &wait_ms, &err) < 0) {
		request_refuse(r, REASON_BAD_REQUEST, -1, err.text);
		return;
	}
	struct asking *a = xnew(struct asking);

	held_question_init(&a->held, &question_kind, r);
	a->sessions = json_deep_copy(sessions);
	carried_note(watch, r->peer, a->sessions);
	replace_older(watch, r->peer);
	held_question_begin(&a->held, &watch->asking, wait_ms);
}

void session_watch_changed(struct session_watch *watch, const char *host)
{
	LIST_EACH_SAFE(it, &watch->asking) {
		struct held_question *q = LIST_OF(it, struct held_question, link);

		if (!host || strcmp(q->r->peer, host) == 0)
			held_question_poke(q);
	}
}

struct session_watch *session_watch_new(struct broker *broker)
{
	struct session_watch *watch = xnew(struct session_watch);

	watch->broker = broker;
	list_init(&watch->asking);
	list_init(&watch->carried);
	return watch;
}

void session_watch_free(struct session_watch *watch)
{
	if (!watch)
		return;
	held_questions_refuse(&watch->asking);
	LIST_EACH_SAFE(it, &watch->carried) {
		struct carried *c = LIST_OF(it, struct carried, link);

		list_remove(&c->link);
		json_decref(c->sessions);
		free(c);
	}
	free(watch);
}
