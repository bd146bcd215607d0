/* SPDX-License-Identifier: Apache-2.0 */
/* backoff.h - when to try again, and which failures are worth it. Pure. */
#ifndef GENKAN_THINCLIENT_BACKOFF_H
#define GENKAN_THINCLIENT_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#define BACKOFF_FIRST_MS 200
#define BACKOFF_MAX_MS 5000
/* A connection that lasted so long was a good one: the next loss begins anew. */
#define BACKOFF_FORGET_MS 10000

struct backoff {	/* zero: nothing was lost yet */
	int64_t delay_ms;
};

/* The connection was lost, or could not be had again; it had lasted `lasted_ms`. Answers how long
 * to wait. */
int64_t backoff_next(struct backoff *backoff, int64_t lasted_ms);

/* The reason for the end of a session, or the broker's code for a failure, may pass by itself. */
bool backoff_is_worth_it(const char *reason);

#endif
