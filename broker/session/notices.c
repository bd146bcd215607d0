/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/session/notices.h"

#include <errno.h>
#include <stdlib.h>

#include "broker/session/bearer.h"
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"
#include "pool/notice.h"

#define WAIT_MAX_MS 60000

struct notices {
	struct broker *broker;
	struct list asking;
};

struct asking {
	struct state_job job;	/* first: jobs are cast back */
	struct list link;
	struct notices *notices;
	struct request *r;
	struct bearer *bearer;	/* NULL until known */
	struct loop_timer *timer;
	int64_t after, wait_ms;
	bool running, again;	/* a job is under way; something changed meanwhile */
	bool must_answer;	/* the wait is over */
	struct store_notice_list found;
};

static void asking_free(void *arg)
{
	struct asking *a = arg;

	list_remove(&a->link);
	loop_timer_free(a->timer);
	bearer_free(a->bearer);
	store_notice_list_done(&a->found);
	free(a);
}

/* ---- the question to the store ---- */

/* Nobody is told on Monday what was said on Friday. */
static int asking_run(struct store *store, struct state_job *job, struct error *err)
{
	struct asking *a = (struct asking *)job;

	store_notice_list_done(&a->found);
	return store_notices_of_user(store, a->bearer->user.key, a->after,
				     a->bearer->login.created_at_ms, clock_wall_ms(), &a->found, err);
}

static json_t *answer_json(const struct asking *a)
{
	json_t *list = json_array();
	int64_t seq = a->after;

	for (size_t i = 0; i < a->found.count; i++) {
		const struct store_notice *n = &a->found.items[i];

		seq = n->seq;
		json_array_append_new(
			list, json_pack("{s:I, s:s, s:s, s:s, s:s, s:I}", "seq", (json_int_t)n->seq,
					"desktop", n->desktop, "kind",
					store_notice_kind_word(n->kind), "what", n->what, "text",
					n->text, "at_ms", (json_int_t)n->at_ms));
	}
	return json_pack("{s:I, s:o}", "seq", (json_int_t)seq, "notices", list);
}

static void asking_done(struct state_job *job, int rc, const struct error *err);

static void asking_look(struct asking *a)
{
	a->running = true;
	a->again = false;
	state_submit_always(a->notices->broker->state, &a->job, asking_run, asking_done);
}

static void asking_poke(struct asking *a)
{
	if (a->running)
		a->again = true;
	else
		asking_look(a);
}

static void asking_over(void *arg)
{
	struct asking *a = arg;

	a->must_answer = true;
	asking_poke(a);
}

static void asking_done(struct state_job *job, int rc, const struct error *err)
{
	struct asking *a = (struct asking *)job;

	a->running = false;
	if (rc < 0) {
		request_store_failed(a->r, rc, err);
		asking_free(a);
	} else if (a->found.count || a->must_answer || !request_exchange(a->r)) {
		request_reply(a->r, 200, answer_json(a));
		asking_free(a);
	} else if (a->again) {
		asking_look(a);
	}
}

/* ---- doors ---- */

static int64_t read_number(struct http_exchange *x, const char *name, int64_t max)
{
	const char *text = x ? http_query(x, name) : NULL;
	int64_t value = text ? strtoll(text, NULL, 10) : 0;

	return value < 0 ? 0 : value > max ? max : value;
}

static void ask_for(struct request *r, struct bearer *bearer, void *arg)
{
	struct asking *a = arg;

	a->bearer = bearer;
	a->must_answer = a->wait_ms == 0;
	list_append(&a->notices->asking, &a->link);
	a->timer = loop_timer_new(r->broker->loop, asking_over, a);
	loop_timer_start(a->timer, a->wait_ms);
	asking_look(a);
}

void notices_ask(struct request *r)
{
	struct http_exchange *x = request_exchange(r);
	struct asking *a = xnew(struct asking);

	list_init(&a->link);
	a->notices = r->broker->notices;
	a->r = r;
	a->after = read_number(x, "after", INT64_MAX);
	a->wait_ms = read_number(x, "wait_ms", WAIT_MAX_MS);
	bearer_find(r, false, ask_for, asking_free, a);
}

int notices_refused(struct store *store, const struct store_session *session, const char *what,
		    const char *name, int64_t now_ms, struct store_notice *out, struct error *err)
{
	const char *kind = notice_kind(what, name);
	bool known = false;
	int rc;

	*out = (struct store_notice){ .kind = STORE_NOTICE_REFUSED, .in_client = true,
				      .at_ms = now_ms,
				      .expires_at_ms = now_ms + NOTICE_REFUSED_MS };
	if (!kind)
		return 0;
	rc = store_notice_known(store, session->desktop, kind, now_ms - notice_repeat_ms(kind),
				&known, err);
	if (rc < 0 || known)
		return rc;
	memcpy(out->desktop, session->desktop, sizeof(out->desktop));
	if (str_copy(out->what, sizeof(out->what), kind) < 0 ||
	    str_copy(out->text, sizeof(out->text), notice_text(kind)) < 0)
		return error_set(err, EINVAL, "notice of %s: too long", kind);
	rc = store_notice_put(store, out, err);
	/* let go meanwhile: nobody is there to be told */
	return rc == -ENOENT || rc == -ESRCH ? 0 : rc;
}

/* ---- to the desktop instead ---- */

struct handover {
	struct state_job job;	/* first: jobs are cast back */
	struct store_notice notice;
};

static int handover_run(struct store *store, struct state_job *job, struct error *err)
{
	const struct handover *h = (const struct handover *)job;

	job->touched = true;
	return store_notice_to_desktop(store, h->notice.desktop, h->notice.seq, err);
}

static void handover_done(struct state_job *job, int rc, const struct error *err)
{
	if (rc < 0 && rc != -ECANCELED)
		log_warn("notice_lost", kv_error(err));
	free(job);
}

/* asking_poke only starts a job, so nobody goes away inside the loop. */
void notices_deliver(struct notices *notices, const struct store_notice *notice)
{
	bool heard = false;

	LIST_EACH_SAFE(it, &notices->asking) {
		struct asking *a = LIST_OF(it, struct asking, link);

		if (strcmp(a->bearer->user.key, notice->user_key) != 0)
			continue;
		heard = true;
		asking_poke(a);
	}
	if (heard || notice->in_desktop)
		return;
	struct handover *h = xnew(struct handover);

	h->notice = *notice;
	state_submit_always(notices->broker->state, &h->job, handover_run, handover_done);
}

/* ---- life ---- */

struct notices *notices_new(struct broker *broker)
{
	struct notices *notices = xnew(struct notices);

	notices->broker = broker;
	list_init(&notices->asking);
	return notices;
}

void notices_free(struct notices *notices)
{
	struct error gone = { .code = ECANCELED, .text = "the broker is stopping" };

	if (!notices)
		return;
	LIST_EACH_SAFE(it, &notices->asking) {
		struct asking *a = LIST_OF(it, struct asking, link);

		request_store_failed(a->r, -ECANCELED, &gone);
		asking_free(a);
	}
	free(notices);
}
