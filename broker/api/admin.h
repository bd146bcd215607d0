/* SPDX-License-Identifier: Apache-2.0 */
/* admin.h - the common shape of an admin's request: one question to the store, one JSON answer. */
#ifndef GENKAN_API_ADMIN_H
#define GENKAN_API_ADMIN_H

#include "broker/api/handlers.h"
#include "broker/audit/audit.h"

struct admin_job;

/* On a thread of the store. An order that came with a key runs once. Fills job->answer (or leaves it
 * NULL: 204), or sets job->refused. */
typedef int admin_run_fn(struct store *store, struct admin_job *job, struct error *err);

struct admin_job {
	struct state_job job;	/* first: jobs are cast back */
	struct request *r;
	admin_run_fn *run;
	void *input;		/* of the resource; freed with `free_input` */
	void (*free_input)(void *input);
	json_t *answer;
	bool again;		/* the order was carried out before: `answer` is that of then */
	bool ended_sessions;	/* relays are told at once */
	bool ended_logins;	/* streams of events end */
	char etag[80];		/* of the answer; "" none */
	const struct store_notice *notice;	/* inside `input`; clients are told at once */
	enum reason refused;	/* REASON_OK: not */
	char detail[320];
};

/* `input` is taken; may be NULL. */
void admin_ask(struct request *r, admin_run_fn *run, void *input, void (*free_input)(void *));
/* The same for a `run` that only reads: it waits for nobody who writes. */
void admin_look(struct request *r, admin_run_fn *run, void *input, void (*free_input)(void *));
/* One page of a list: ?limit=N&cursor=C and filters; "" where none was given. */
struct admin_page {
	size_t limit;
	char cursor[STORE_USER_SIZE], pool[POOL_NAME_SIZE], host[STORE_NAME_SIZE], state[16];
	char text[STORE_USER_SIZE];	/* to be found in names */
	bool flag;			/* sessions: ended ones too; audit: refusals only */
	char user[STORE_USER_SIZE];
	int64_t since_ms;
	json_t *usage;			/* sessions: what relays told of them */
};
#define ADMIN_PAGE_ROWS 1000	/* of a list that is asked for without a limit */
#define ADMIN_PAGE_MAX 10000
/* Reads the page wanted; refuses what is no page. job->input is the page, `run` only reads. */
void admin_look_page(struct request *r, size_t usual, admin_run_fn *run);
/* There may be more: behind this row the next page begins. */
void admin_page_next(struct admin_job *job, const char *cursor);
int admin_refuse(struct admin_job *job, enum reason reason, const char *detail);
/* Not a pool of this pool-admin: the row of it, and `forbidden`. */
int admin_refuse_scope(struct store *store, struct admin_job *job, const char *what,
		       struct error *err) MUST_CHECK;
/* What is told of a pool besides its file: "counts", "troubles", "push". */
int admin_pool_state(struct store *store, const char *name, json_t *out,
		     struct store_pool_count *count, struct error *err) MUST_CHECK;
json_t *admin_push_json(const struct store_push *push);
/* The row of a change: who is the admin of the certificate. `details` is taken. */
int admin_audit(struct store *store, struct admin_job *job, const char *what, const char *subject,
		json_t *details, struct error *err) MUST_CHECK;

#endif
