/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/session/held_question.h"

#include <errno.h>

void held_question_init(struct held_question *question, const struct held_kind *kind,
			struct request *r)
{
	list_init(&question->link);
	question->kind = kind;
	question->r = r;
}

void held_question_done(struct held_question *question)
{
	list_remove(&question->link);
	loop_timer_free(question->timer);
}

static void look(struct held_question *question);

static void looked(struct state_job *job, int rc, const struct error *err)
{
	struct held_question *q = (struct held_question *)job;

	q->running = false;
	if (rc < 0) {
		request_store_failed(q->r, rc, err);
		q->kind->free(q);
	} else if (q->kind->has_news(q) || q->must_answer || !request_exchange(q->r)) {
		request_reply(q->r, 200, q->kind->answer(q));
		q->kind->free(q);
	} else if (q->again) {
		look(q);
	}
}

static void look(struct held_question *question)
{
	question->running = true;
	question->again = false;
	question->job.touched = false;
	question->job.request = question->r->id;
	(question->kind->reads ? state_read_always : state_submit_always)(
		question->r->broker->state, &question->job, question->kind->run, looked);
}

void held_question_poke(struct held_question *question)
{
	if (question->running)
		question->again = true;
	else
		look(question);
}

void held_question_end(struct held_question *question)
{
	question->must_answer = true;
	held_question_poke(question);
}

static void on_timeout(void *arg)
{
	held_question_end(arg);
}

void held_question_begin(struct held_question *question, struct list *others, int64_t wait_ms)
{
	question->must_answer = wait_ms == 0;
	list_append(others, &question->link);
	question->timer = loop_timer_new(question->r->broker->loop, on_timeout, question);
	loop_timer_start(question->timer, wait_ms);
	look(question);
}

void held_questions_refuse(struct list *questions)
{
	struct error gone = { .code = ECANCELED, .text = "the broker is stopping" };

	LIST_EACH_SAFE(it, questions) {
		struct held_question *q = LIST_OF(it, struct held_question, link);

		request_store_failed(q->r, -ECANCELED, &gone);
		q->kind->free(q);
	}
}
