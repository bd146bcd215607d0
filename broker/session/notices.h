/* SPDX-License-Identifier: Apache-2.0 */
/* notices.h - what users are told while they work: texts of administrators, and what was refused.
 *
 * Theory. A notice is a row with a number that grows. A client asks with the highest number it has
 * seen and is held here until there is a higher one for its user; nothing is queued, so nothing is
 * lost or told twice. Who has no client of ours that asks is told by a window in the desktop. */
#ifndef GENKAN_SESSION_NOTICES_H
#define GENKAN_SESSION_NOTICES_H

#include "broker/api/request.h"

struct notices;

struct notices *notices_new(struct broker *broker);
/* After the state queue has gone: answers everybody that is held. Accepts NULL. */
void notices_free(struct notices *notices);
DEFINE_OWNED(notices_free, struct notices);

/* GET /v1/notices?after=N&wait_ms=N */
void notices_ask(struct request *r);

/* On the store's thread: the user of the session's desktop is told of the refusal, unless they were
 * lately or it is nothing people ask for. `out->seq` 0: no. */
int notices_refused(struct store *store, const struct store_session *session, const char *what,
		    const char *name, int64_t now_ms, struct store_notice *out,
		    struct error *err) MUST_CHECK;
/* On the loop, once the row is kept: clients that wait for it are answered; when there is none, the
 * desktop is to show it. */
void notices_deliver(struct notices *notices, const struct store_notice *notice);

#endif
