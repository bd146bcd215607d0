/* SPDX-License-Identifier: Apache-2.0 */
/* refusals.h - refusals of connections that never showed a ticket, told without letting a stranger
 * write the audit log at will: per source and reason the first at once, then one count a minute.
 * Pure. */
#ifndef GENKAN_RELAY_REFUSALS_H
#define GENKAN_RELAY_REFUSALS_H

#include <stdbool.h>
#include "hostagent/relay/event_queue.h"

#define REFUSALS_PERIOD_MS 60000
/* Sources and reasons kept apart; more of them in one period share one count. */
#define REFUSALS_SLOTS 64

struct refusals {
	size_t used;
	struct event slots[REFUSALS_SLOTS + 1];	/* count: what came after the first */
};

/* True: tell this one now. False: it was counted. */
bool refusals_note(struct refusals *r, const struct event *e);
/* At the end of a period: copies what was counted and is due, and starts the next period. `out`
 * has room for REFUSALS_SLOTS + 1. */
size_t refusals_collect(struct refusals *r, int64_t at_ms, struct event *out);

#endif
