/* SPDX-License-Identifier: Apache-2.0 */
/* crowd.h - how many connections there are, of one address and in all, counted by several processes
 * that share one door. Each writes into a row of its own and reads all of them, in memory that was
 * shared before they were forked; a process that died is forgotten by clearing its row. */
#ifndef GENKAN_NET_CROWD_H
#define GENKAN_NET_CROWD_H

#include "common/base/cleanup.h"

struct crowd;

struct crowd *crowd_new(unsigned rows);
void crowd_free(struct crowd *crowd);
DEFINE_OWNED(crowd_free, struct crowd);

void crowd_enter(struct crowd *crowd, unsigned row, const char *address);
void crowd_leave(struct crowd *crowd, unsigned row, const char *address);
void crowd_clear(struct crowd *crowd, unsigned row);
unsigned crowd_count(const struct crowd *crowd);
/* A few addresses may share a count; which ones, nobody outside can tell. */
unsigned crowd_count_of(const struct crowd *crowd, const char *address);

#endif
