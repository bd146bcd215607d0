/* SPDX-License-Identifier: Apache-2.0 */
/* held_question.h - a request that is held until the store has something to tell, or its wait ends.
 *
 * Theory. Nothing is queued for whoever asks: the question goes to the store once when it comes, and
 * again whenever it is poked because something may have changed. One job at a time; a poke that
 * comes while one is under way is remembered. Loop thread only, but for `run`. */
#ifndef GENKAN_SESSION_HELD_QUESTION_H
#define GENKAN_SESSION_HELD_QUESTION_H

#include "broker/api/request.h"

struct held_question;

struct held_kind {
	state_run_fn *run;	/* its job is the question */
	bool reads;		/* and writes nothing */
	bool (*has_news)(const struct held_question *question);	/* after a run that returned 0 */
	json_t *(*answer)(const struct held_question *question);	/* a new reference */
	void (*free)(struct held_question *question);	/* calls held_question_done() */
};

struct held_question {	/* embedded at the front of each kind, zeroed before */
	struct state_job job;	/* first: jobs are cast back */
	struct list link;
	const struct held_kind *kind;
	struct request *r;
	struct loop_timer *timer;
	bool running, again;	/* a job is under way; something changed meanwhile */
	bool must_answer;	/* the wait is over, or another question took its place */
};

/* For one that may be freed before it begins. */
void held_question_init(struct held_question *question, const struct held_kind *kind,
			struct request *r);
/* Joins the others and asks; with `wait_ms` 0 it is answered at once, whatever the store says. From
 * then on it frees itself with its answer. */
void held_question_begin(struct held_question *question, struct list *others, int64_t wait_ms);
/* Starts a job at most, so nobody goes away inside a loop over the others. */
void held_question_poke(struct held_question *question);
/* It is answered after one more look. */
void held_question_end(struct held_question *question);
/* What is in the struct itself. */
void held_question_done(struct held_question *question);
/* After the state queue has gone: tells everybody that the broker stops. */
void held_questions_refuse(struct list *questions);

#endif
