/* SPDX-License-Identifier: Apache-2.0 */
/* session_link.h - asks the broker which of the running sessions are over.
 *
 * One question at a time, held by the broker until there is something to say. The question lists
 * what runs here, so it may be lost, repeated or answered late without harm. Loop thread only. */
#ifndef GENKAN_RELAY_SESSION_LINK_H
#define GENKAN_RELAY_SESSION_LINK_H

#include "common/net/http_client.h"
#include "common/sys/loop.h"

struct session_link;

/* What runs: an array of {"id", "idle_ms", "bytes_to_desktop", "bytes_from_desktop"}. */
typedef json_t *session_list_fn(void *arg);
/* The broker says that this one is over; told again as long as it is listed. */
typedef void session_over_fn(void *arg, const char *session, const char *reason);

int session_link_new(struct loop *loop, const struct http_client_config *broker,
		     session_list_fn *list, session_over_fn *over, void *arg,
		     struct session_link **out, struct error *err) MUST_CHECK;
/* Waits for the question in flight, which is cancelled. */
void session_link_free(struct session_link *link);
DEFINE_OWNED(session_link_free, struct session_link);

/* A session has begun: the question in flight does not list it and is asked anew. */
void session_link_begun(struct session_link *link);

#endif
