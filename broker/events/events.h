/* SPDX-License-Identifier: Apache-2.0 */
/* events.h - tells whoever looks on what has changed, as server-sent events.
 *
 * Theory. An event is a hint: "desktop X changed, look at it again", never the change itself. So
 * one that comes twice or too late does no harm, and nothing is kept for one listener: there is one
 * ring of the newest hints, and each listener has a place in it. Who has fallen behind the ring, or
 * was away longer than it reaches, is told that anything may have changed. Hints come from the
 * store itself (store_touched), gathered for a moment; each listener sees what its roles and pools
 * let it see. A stream ends by itself after some minutes: whoever comes again is identified again.
 */
#ifndef GENKAN_EVENTS_EVENTS_H
#define GENKAN_EVENTS_EVENTS_H

#include "broker/api/request.h"

struct events;

struct events *events_new(struct broker *broker);
/* Ends every stream. Accepts NULL. */
void events_free(struct events *events);
DEFINE_OWNED(events_free, struct events);

/* What the store wrote to. */
void events_touched(struct events *events, const struct store_touch_list *touched);
/* Logins were ended: who listens has to show again who they are. */
void events_end_all(struct events *events);

/* GET /v1/events */
void events_listen(struct request *r);

#endif
