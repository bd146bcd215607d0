/* SPDX-License-Identifier: Apache-2.0 */
/* planner.h - wanted and present -> actions. Pure: equal inputs give equal plans.
 *
 * Theory. A pool wants `spare` desktops ahead of its users, one for each user who waits in line,
 * and never fewer than `start` in all. What is on its way counts as there, so that a plan made
 * twice is carried out once; and since users' desktops are never touched, nothing is made and
 * thrown away again as they come and go. Pools compete for the memory of the hosts: who has the
 * smallest share of what it wants is next, people in line before spares. One whose turn it is but
 * for which memory is short keeps that memory reserved, or small desktops would starve large ones.
 *
 * Spares of an old publication are exchanged: some more than wanted are made, and for each that is
 * up and not needed an old one goes, so that there are always as many as wanted. Only a pool that is
 * at its maximum gives one up before its successor is there, one at a time and while nobody waits.
 */
#ifndef GENKAN_POOL_PLANNER_H
#define GENKAN_POOL_PLANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct planner_wanted {
	int64_t max;		/* rows at any time, leaving ones included */
	int64_t spare;
	int64_t start;		/* fewest desktops, used ones included */
	int64_t grow;		/* most starts under way; 0: no limit */
	int64_t waiting;	/* users in line */
	int64_t memory_bytes;	/* of one desktop */
	bool deleted;		/* the pool goes away: no spares are kept */
	bool paused;		/* starts fail, or nowhere could it fit: nothing new for now */
};

/* Each desktop row of the pool counts in exactly one of the first five. */
struct planner_present {
	int64_t assigned;	/* wanted running, has a user */
	int64_t spare_ready;	/* wanted running, no user, ready or on the way there */
	int64_t spare_failed;	/* wanted running, no user, in error */
	int64_t leaving;	/* wanted absent, not gone yet: still occupies its place */
	int64_t failed_lately;	/* as spare_failed, and neither given up nor replaced yet */
	int64_t starting;	/* of the first two: still on the way */
	int64_t spare_up;	/* of the second: ready this moment */
	int64_t stale;		/* of those: made from a publication that is to be exchanged */
};

struct planner_actions {
	int64_t destroy_failed;	/* so many failed spares go */
	int64_t destroy_stale;	/* so many ready spares of an old publication go */
	int64_t destroy_spare;	/* so many healthy spares go, others than those */
	int64_t create;		/* so many spares are ordered */
};

/* How many spares the pool wants, as far as its users leave room. */
int64_t planner_spares(const struct planner_wanted *wanted, const struct planner_present *present);

/* One pool, as if it were alone. */
struct planner_actions planner_plan(const struct planner_wanted *wanted,
				    const struct planner_present *present);

/* Whether its plan depends on `paused` and on memory: it would make a desktop, or let one go because
 * another can be made. */
bool planner_needs_room(const struct planner_wanted *wanted, const struct planner_present *present);

struct planner_pool {
	struct planner_wanted wanted;
	struct planner_present present;
	struct planner_actions actions;		/* filled in */
};

/* All pools of a site. `turns` gets the index of a pool for each desktop to be ordered, in the order
 * in which to try, at most turns_max; returns how many. actions.create counts the same. */
size_t planner_plan_site(struct planner_pool *pools, size_t count, int64_t memory_free_bytes,
			 size_t *turns, size_t turns_max);

/* How long until the user at `position` (1 is next) has a ready desktop, when a start takes
 * `start_ms` and `parallel` of them run at a time; -1: nobody can know. */
int64_t planner_estimate_ms(int64_t position, int64_t parallel, int64_t start_ms);

/* How long a host is spared starts of an image after so many failures in a row. */
int64_t planner_pause_ms(int64_t failures);

#endif
