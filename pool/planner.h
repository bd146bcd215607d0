/* SPDX-License-Identifier: Apache-2.0 */
/* planner.h - wanted and present -> actions, for one pool. Pure. */
#ifndef GENKAN_POOL_PLANNER_H
#define GENKAN_POOL_PLANNER_H

#include <stdbool.h>
#include <stdint.h>

/* Each desktop row of the pool counts in exactly one member. */
struct planner_present {
	int64_t assigned;	/* wanted running, has a user */
	int64_t spare_ready;	/* wanted running, no user, ready or on the way there */
	int64_t spare_failed;	/* wanted running, no user, in error */
	int64_t leaving;	/* wanted absent, not gone yet: still occupies its place */
};

struct planner_actions {
	int64_t destroy_failed;	/* so many failed spares go */
	int64_t destroy_spare;	/* so many healthy spares go */
	int64_t create;		/* so many spares are ordered */
};

/* What brings the pool to `spare` desktops ahead of its users without ever holding more than `max`
 * rows at one time, leaving ones included. `deleted`: the pool goes away, no spares are kept.
 * Users' desktops are never touched. */
struct planner_actions planner_plan(int64_t max, int64_t spare, bool deleted,
				    struct planner_present present);

#endif
