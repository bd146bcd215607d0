/* SPDX-License-Identifier: Apache-2.0 */
/* attempt.h - one try with name and password, whatever it is for: counted before the directory is
 * asked, remembered when it was wrong, and answered so that a wrong name and a wrong password look
 * alike in words and in time. Loop thread.
 *
 *	begin: gates per user and source -> throttle of the store -> directory -> `granted`
 *	                                                                      \-> refused */
#ifndef GENKAN_SESSION_ATTEMPT_H
#define GENKAN_SESSION_ATTEMPT_H

#include "broker/api/request.h"
#include "broker/session/gate.h"

enum attempt_kind { ATTEMPT_LOGIN, ATTEMPT_CHANGE_PASSWORD, ATTEMPT_SECOND_FACTOR };

struct attempt;
/* The password was right (or has been changed). The answer is borrowed. The callee owns the attempt
 * and calls one of the ends. */
typedef void attempt_fn(struct attempt *a, const struct directory_answer *answer);
/* Frees `arg` when the attempt ends, however. */
typedef void attempt_drop_fn(void *arg);

struct attempt {
	struct state_job job;	/* first: jobs are cast back */
	struct request *r;
	enum attempt_kind kind;
	const char *what;	/* in the audit log */
	struct gate_pass user_pass, source_pass;
	char user[STORE_USER_SIZE], key[STORE_USER_SIZE];	/* typed, and folded */
	char id[STORE_KEY_SIZE];	/* of the person: ATTEMPT_SECOND_FACTOR */
	char client[128];
	struct secret password, fresh;
	int64_t failed_at_ms;
	bool had_failures;	/* to be forgotten after a right password */
	enum reason told, audited;	/* of a refusal */
	char detail[200];
	struct loop_timer *delay;
	struct login_gate *gate;	/* outlives the request, which goes with its answer */
	attempt_fn *granted;
	attempt_drop_fn *drop;
	void *arg;
};

/* Reads user, password and, for a change, new_password from the body; NULL: refused already. */
struct attempt *attempt_new(struct request *r, enum attempt_kind kind, const char *what) MUST_CHECK;
/* Somebody whose password was right just now, with the code that was asked for: the directory is
 * only asked whether they are still there. `user` as they typed it then. */
struct attempt *attempt_of_person(struct request *r, const char *what, const char *user,
				  const char *id, const json_t *body);
void attempt_begin(struct attempt *a, attempt_fn *granted, attempt_drop_fn *drop, void *arg);

/* The counters of wrong passwords that concern it. */
struct store_throttle attempt_throttle(const struct attempt *a);
/* After a right password: the first as a step of a state job, the second when it is durable. */
int attempt_forgive(struct store *store, const struct attempt *a, struct error *err) MUST_CHECK;
void attempt_forgiven(struct attempt *a);
/* A row of the audit log as a step of a state job. */
int attempt_audit(struct store *store, const struct attempt *a, const char *who,
		  const char *subject, enum reason reason, struct error *err) MUST_CHECK;

/* Ends. The first counts it as a wrong password when `told` is wrong_credentials or a wrong code,
 * writes the audit row and answers; the next two only answer, one with more members (taken); the
 * last is for after an answer. */
void attempt_fail(struct attempt *a, enum reason told, enum reason audited);
void attempt_refuse(struct attempt *a, enum reason reason, int64_t retry_after_ms);
void attempt_refuse_with(struct attempt *a, enum reason reason, json_t *extra);
void attempt_end(struct attempt *a);
/* The store could not: answers and ends. */
void attempt_store_failed(struct attempt *a, int rc, const struct error *err);

/* Who is let in at the same time. */
struct login_gate;
/* The broker's throttle must be there. */
struct login_gate *login_gate_new(struct broker *broker);
void login_gate_free(struct login_gate *gate);

#endif
