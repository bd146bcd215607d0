/* SPDX-License-Identifier: Apache-2.0 */
/* turn.h - which desktops of a host may start now. Pure.
 *
 * Theory. A start takes processors: of the host, to start an emulator, and of the guest, to take on
 * its identity. So many at a time share them well; more of them only make each other late, and all
 * come up last, together. The others wait in the order in which they came, those that a user waits
 * for before spares. A start that takes too long keeps its processors but not its turn: one guest
 * that hangs must not hold up a host. */
#ifndef GENKAN_VM_TURN_H
#define GENKAN_VM_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hostagent/vm/argv.h"

enum { VM_STARTS_MAX = 256 };	/* most that may be configured */

struct vm_start {
	bool waits;     /* for its turn; otherwise it has one, or needs none */
	bool under_way; /* has its turn, and may still hold others up */
	bool for_user;  /* somebody waits for it */
	int64_t came;   /* number in the order of arrival */
};

/* How many starts suit a host with so many processors. */
unsigned vm_starts_default(unsigned cpus, enum vm_accel accel);
/* The index of the start whose turn it is, or `count`: nobody waits, or `most` are under way. */
size_t vm_turn_next(const struct vm_start *starts, size_t count, unsigned most);
/* How many of those that wait go before the one at `index`. */
size_t vm_turn_before(const struct vm_start *starts, size_t count, size_t index);

#endif
