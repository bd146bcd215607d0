/* SPDX-License-Identifier: Apache-2.0 */
/* request.h - one HTTP request on its way through the broker.
 *
 * It belongs to the handler that was called with it, through every job it starts, until exactly
 * one request_reply_* call, which also logs it and frees it. Whether the client is still there does
 * not matter to the handler: an answer to nobody is dropped. */
#ifndef GENKAN_API_REQUEST_H
#define GENKAN_API_REQUEST_H

#include "broker/api/order_key.h"
#include "broker/api/roles.h"
#include "broker/broker.h"

struct request {
	struct broker *broker;
	struct front_room **door;	/* which of the two; NULL behind it when stopping */
	uint64_t exchange;
	char id[HTTP_REQUEST_ID_SIZE];	/* in the answer, the logs and the audit rows */
	struct order_key key;		/* that the order came with */
	char method[8];
	char path[160];			/* for the log; cut */
	char argument[80];		/* what {id} stood for */
	char source[64];		/* numeric address of the peer */
	char peer_key[STORE_SHA256_SIZE];	/* SHA-256 of the key of its certificate; "" none */
	char peer[STORE_USER_SIZE];	/* CN of the client certificate, or who of the staff */
	int64_t began_us;

	struct roles roles;		/* on the admin side */
	bool scoped;			/* only pools of roles.scope are this one's affair */

	char who[STORE_USER_SIZE];	/* for the log: set when known */
	enum reason outcome;		/* for the log: REASON_OK unless refused */
	int64_t directory_us, search_us, bind_us, groups_us, assign_us;	/* stages of a login */
};

/* Whether a pool is the business of who asks. */
bool request_may_pool(const struct request *r, const char *pool);

struct request *request_new(struct broker *broker, struct front_room **door,
			    struct http_exchange *x);

/* The exchange while it lasts: for reading the body, in the handler itself. NULL: nobody waits. */
struct http_exchange *request_exchange(struct request *r);
/* The body, or NULL after a 400 was sent and `r` is gone. Borrowed from the exchange. */
const json_t *request_body(struct request *r);
/* Whose token: the console keeps one for each side in a cookie of its own. */
enum request_side { SIDE_EMPLOYEE, SIDE_STAFF, SIDE_EITHER };
/* Whether it carries a token of that side, in its header or a cookie of the console. */
bool request_has_token(struct request *r, enum request_side side);
/* SHA-256 of that token; false after session_expired was answered and `r` is gone. */
bool request_token_hash(struct request *r, enum request_side side, uint8_t out[STORE_HASH_BYTES]);

/* Each ends the request. `body` is taken. */
void request_reply(struct request *r, int status, json_t *body);
/* Bytes of a file; see http_reply_bytes(). */
void request_reply_bytes(struct request *r, const char *range, struct span bytes);
/* `body` is borrowed; `name` may be NULL. */
void request_reply_file(struct request *r, const char *type, const char *name, struct span body);
void request_reply_empty(struct request *r);
/* An answer that goes on (http_stream_*): `r` stays until it is ended. Sending: -EAGAIN when the peer
 * is behind, -EPIPE when it has left. */
void request_stream_begin(struct request *r, const char *type);
int request_stream_send(struct request *r, struct span bytes) MUST_CHECK;
void request_stream_end(struct request *r);
/* By the table of reasons; detail NULL = the reason's sentence. retry_after_ms < 0: none. */
void request_refuse(struct request *r, enum reason reason, int64_t retry_after_ms,
		    const char *detail);
/* The same with more members in the answer; `extra` is taken. */
void request_refuse_with(struct request *r, enum reason reason, json_t *extra);
/* The store could not answer: busy, not found or internal, and a line in the log. */
void request_store_failed(struct request *r, int rc, const struct error *err);

/* state_submit, or `busy` answered and -EAGAIN: then the caller frees its job and `r` is gone. */
int request_submit(struct request *r, struct state_job *job, state_run_fn *run,
		   state_done_fn *done) MUST_CHECK;
/* The same with state_read. */
int request_read(struct request *r, struct state_job *job, state_run_fn *run,
		 state_done_fn *done) MUST_CHECK;

#endif
