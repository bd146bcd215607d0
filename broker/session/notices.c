/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/session/notices.h"

#include <errno.h>
#include <stdlib.h>

#include "broker/session/bearer.h"
#include "broker/session/held_question.h"
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
	struct held_question held;	/* first: questions are cast back */
	struct bearer *bearer;	/* NULL until known */
	int64_t after, wait_ms;
	struct store_notice_list found;
};

static void asking_free(void *arg)
{
	struct asking *a = arg;

	held_question_done(&a->held);
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

static bool has_news(const struct held_question *question)
{
	return ((const struct asking *)question)->found.count > 0;
}

static json_t *answer_json(const struct held_question *question)
{
	const struct asking *a = (const struct asking *)question;
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

static void free_question(struct held_question *question)
{
	asking_free(question);
}

static const struct held_kind question_kind = { asking_run, true, has_news, answer_json,
					       free_question };

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
	held_question_begin(&a->held, &r->broker->notices->asking, a->wait_ms);
}

void notices_ask(struct request *r)
{
	struct http_exchange *x = request_exchange(r);
	struct asking *a = xnew(struct asking);

	held_question_init(&a->held, &question_kind, r);
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

void notices_deliver(struct notices *notices, const struct store_notice *notice)
{
	bool heard = false;

	LIST_EACH_SAFE(it, &notices->asking) {
		struct asking *a = LIST_OF(it, struct asking, held.link);

		if (strcmp(a->bearer->user.key, notice->user_key) != 0)
			continue;
		heard = true;
		held_question_poke(&a->held);
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
	if (!notices)
		return;
	held_questions_refuse(&notices->asking);
	free(notices);
}
