/* SPDX-License-Identifier: Apache-2.0 */
/* throttle.h - wrong passwords per user and per source, as the store has them, at hand.
 *
 * The store is where they are kept; this is its picture in memory, read at the start and changed
 * after each commit, so that a login does not wait for the store before it may ask the directory.
 * Loop thread only. */
#ifndef GENKAN_SESSION_THROTTLE_H
#define GENKAN_SESSION_THROTTLE_H

#include "db/store.h"

struct throttle;

/* Reads what the store at `path` has; its schema must be current. */
int throttle_new(const char *path, struct throttle **out, struct error *err) MUST_CHECK;
void throttle_free(struct throttle *throttle);
DEFINE_OWNED(throttle_free, struct throttle);

/* How long to wait, 0 = go on. Attempts in flight are the caller's to count: it must not let more
 * run at once, per user and per source, than failures are left. */
int64_t throttle_wait_ms(struct throttle *throttle, const struct store_throttle *who,
			 int64_t now_ms);
/* How many attempts of a source may be under way; all that want, when they are to be refused. */
unsigned throttle_source_room(struct throttle *throttle, const char *source,
			      const struct store_throttle_rule *rule, int64_t now_ms);
/* After store_throttle_fail() of the same moment has become durable. */
void throttle_failed(struct throttle *throttle, const struct store_throttle *who, int64_t now_ms);
/* Whether there is something to forget for the user; and after it was forgotten. */
bool throttle_has_failures(struct throttle *throttle, const struct store_throttle *who);
void throttle_succeeded(struct throttle *throttle, const struct store_throttle *who);

#endif
