/* SPDX-License-Identifier: Apache-2.0 */
/* session_watch.h - tells relays which of their RDP sessions are over.
 *
 * Theory. The store knows which sessions have ended: because a newer one took the desktop, an
 * admin said so, or everything was revoked. A relay asks with the ids of those it still carries,
 * and is held here until one of them is among the ended, or its wait is over. Nothing is queued:
 * as long as a relay lists an ended session it is told so, whichever side was restarted. */
#ifndef GENKAN_SESSION_SESSION_WATCH_H
#define GENKAN_SESSION_SESSION_WATCH_H

#include "broker/api/request.h"

struct session_watch *session_watch_new(struct broker *broker);
/* After the state queue has gone: answers everybody that is held. Accepts NULL. */
void session_watch_free(struct session_watch *watch);
DEFINE_OWNED(session_watch_free, struct session_watch);

/* POST /agent/v1/sessions, from the host whose certificate the request carries. */
void session_watch_ask(struct request *r);
/* Sessions of this host may have ended; NULL: of any host. */
void session_watch_changed(struct session_watch *watch, const char *host);
/* What relays last told of their sessions: {"<id>": {"idle_ms", "bytes_to_desktop",
 * "bytes_from_desktop", "rtt_us"}}; 0 where a relay does not tell. */
json_t *session_watch_usage(const struct session_watch *watch);

#endif
