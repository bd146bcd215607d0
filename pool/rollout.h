/* SPDX-License-Identifier: Apache-2.0 */
/* rollout.h - how a pool moves to a new publication of its image ("push image"). Pure.
 *
 * Theory. The channel says where the pool is to go. A newer publication first gets a share of the
 * pool's desktops. When one of those is ready the window begins; too many failures end the push at
 * once, a window without them passes it, and then the rest of the pool follows. A publication that
 * was stopped is refused until the channel names another one, so nothing goes back and forth. The way
 * back to an older publication is never held up: it has been seen at work; nor is the way from one
 * that never came up, which has nothing to lose. */
#ifndef GENKAN_POOL_ROLLOUT_H
#define GENKAN_POOL_ROLLOUT_H

#include <stdbool.h>
#include <stdint.h>
#include "pool/reason.h"

struct rollout_rule {
	int64_t canary_percent;		/* of the pool's desktops; 0 or 100: all at once, ungated */
	int64_t window_ms;
	int64_t max_failures;		/* of each kind; one more stops */
};

/* What was seen of the new publication in this pool since its push began. */
struct rollout_health {
	int64_t ready;			/* desktops that came up */
	int64_t ready_since_ms;		/* the first of them */
	int64_t first_start_ms;		/* what that took */
	int64_t failed;			/* starts that failed */
	int64_t crashed;		/* ready ones that died */
	int64_t logins, logins_failed;	/* sessions that showed a desktop, and that never did */
};

/* Publications; 0: none. */
struct rollout {
	int64_t current;		/* what the pool's desktops are made from */
	int64_t next;			/* what is being tried */
	int64_t refused;		/* what was stopped */
	int64_t began_ms;
	enum reason why;		/* the state as a code */
};

struct rollout_now {
	int64_t target;			/* where the channel, or the pool itself, points; 0: nowhere */
	bool gated;			/* it follows "stable" */
	bool current_seen;		/* a desktop of `current` has come up here */
	struct rollout_rule rule;
	struct rollout_health health;	/* of `next` */
	int64_t base_start_ms;		/* first_start_ms of `current`; 0: not known */
	int64_t now_ms;
};

enum rollout_event {
	ROLLOUT_NOTHING,
	ROLLOUT_TAKEN,		/* `current` is another one, at once */
	ROLLOUT_BEGAN,
	ROLLOUT_PASSED,		/* what was `next` is `current` */
	ROLLOUT_STOPPED,	/* `why` says what for */
	ROLLOUT_ENDED,		/* the channel no longer points to what was tried */
};
const char *rollout_event_word(enum rollout_event event);

enum rollout_event rollout_step(struct rollout *rollout, const struct rollout_now *now);

/* How many of so many desktops are to have `next`; at least one. */
int64_t rollout_share(int64_t desktops, int64_t percent);

#endif
