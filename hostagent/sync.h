/* SPDX-License-Identifier: Apache-2.0 */
/* sync.h - the two conversations with the broker: a long poll for what should be, and a report as
 * soon as something changed here. Each has a thread and a connection of its own. When the broker
 * is away both wait and try again; nothing is queued, because each message tells everything. */
#ifndef GENKAN_HOSTAGENT_SYNC_H
#define GENKAN_HOSTAGENT_SYNC_H

#include "common/data/json.h"
#include "common/sys/loop.h"
#include "hostagent/config.h"

struct sync;

struct sync_handler {
	/* The body of a sync without seq, generation and wait_ms. Owned by the caller. */
	json_t *(*report)(void *arg);
	/* An answer of the broker. Returns the generation that is applied now. */
	int64_t (*answer)(void *arg, const json_t *body);
};

int sync_new(struct loop *loop, const struct hostagent_config *config,
	     const struct sync_handler *handler, void *arg, struct sync **out,
	     struct error *err) MUST_CHECK;
/* Ends requests that are in flight. */
void sync_free(struct sync *sync);
void sync_start(struct sync *sync);
/* Something changed: report soon. Cheap; calls are gathered. */
void sync_changed(struct sync *sync);

/* Pause before the next try: doubles to 15 s, the jitter keeps hosts from coming all at once. */
int64_t sync_backoff_ms(unsigned failures, uint32_t random);

#endif
