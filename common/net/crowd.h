/* SPDX-License-Identifier: Apache-2.0 */
/* crowd.h - how many connections there are, of one address and in all, counted by several processes
 * that share one door, in memory that was shared before they were forked. What is there in all
 * decides, in one step, who gets in: of two that come at once for the last place, one does. What
 * each process has let in stands in a row of its own besides, so that one that died is forgotten by
 * clearing its row. */
#ifndef GENKAN_NET_CROWD_H
#define GENKAN_NET_CROWD_H

#include <stdbool.h>

#include "common/base/cleanup.h"

struct crowd;

struct crowd *crowd_new(unsigned rows);
void crowd_free(struct crowd *crowd);
DEFINE_OWNED(crowd_free, struct crowd);

/* False, and nothing is counted: there are `most_of_address`, or `most` in all. A few addresses may
 * share a count; which ones, nobody outside can tell. */
bool crowd_enter(struct crowd *crowd, unsigned row, const char *address, unsigned most_of_address,
		 unsigned most) MUST_CHECK;
void crowd_leave(struct crowd *crowd, unsigned row, const char *address);
void crowd_clear(struct crowd *crowd, unsigned row);
unsigned crowd_count(const struct crowd *crowd);

#endif
