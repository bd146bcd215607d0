/* SPDX-License-Identifier: Apache-2.0 */
/* vm.h - the life of one desktop's virtual machine, as a table.
 *
 *	absent -> queued -> cloning -> starting -> booting -> identity -> ready
 *	                                  a clone: starting -> identity
 *	                      ^                                            |
 *	          error ------+     (restart, the overlay is kept)         |
 *	            any state -> stopping -> cleaning -> absent <----------+
 *
 * vm_step() only names effects; hostagent/desktop.c carries them out. Jobs of one desktop run in
 * the order in which they were named, so that a result that comes late finds a cell that says
 * "nothing". States for a moving or suspended machine are further rows of the same table. */
#ifndef GENKAN_VM_VM_H
#define GENKAN_VM_VM_H

#include <stdint.h>
#include "common/base/cleanup.h"

enum vm_state {
	VM_ABSENT,	/* nothing of it exists on this host */
	VM_QUEUED,	/* waits for its image to be checked */
	VM_CLONING,	/* overlay is being made */
	VM_STARTING,	/* QEMU is being started, until QMP answers */
	VM_BOOTING,	/* until the guest's daemon speaks */
	VM_IDENTITY,	/* until the guest has its name, keys and address */
	VM_READY,
	VM_STOPPING,	/* QEMU is being ended */
	VM_CLEANING,	/* overlay, folder and network are being removed */
	VM_ERROR,	/* will be tried again */
	VM_STATES,
};

enum vm_event {
	VM_EV_WANTED,        /* the broker lists it */
	VM_EV_UNWANTED,      /* the broker does not list it or wants it absent */
	VM_EV_FOUND_READY,   /* after a restart of the agent: QEMU runs, it had been ready */
	VM_EV_FOUND_RUNNING, /* QEMU runs, it had not been ready */
	VM_EV_FOUND_DEAD,    /* only files are left of one that ran */
	VM_EV_CUT_OFF,       /* the agent ended in the middle of its start: nothing has failed */
	VM_EV_IMAGE_COMING,  /* its image is not here yet */
	VM_EV_IMAGE_READY,
	VM_EV_CLONED,
	VM_EV_SPAWNED,		/* QEMU is a process */
	VM_EV_QMP_READY,
	VM_EV_RESUMED,		/* a clone: its template's guest is at the other end of the link */
	VM_EV_GUEST_READY,	/* the guest's daemon spoke: it has started, or the link was opened */
	VM_EV_RESET,		/* the guest reboots: what it knew of itself is gone */
	VM_EV_IDENTIFIED,
	VM_EV_REFUSED,		/* the guest could not take its identity now */
	VM_EV_NEW_EPOCH,	/* same desktop, newer assignment */
	VM_EV_EXITED,		/* QEMU is gone */
	VM_EV_FAILED,		/* a job or a guest answered no; the reason is kept */
	VM_EV_TIMEOUT,		/* the state's deadline passed */
	VM_EV_RETRY,		/* the pause after an error or a refusal is over */
	VM_EV_CLEANED,
	VM_EVENTS,
};

enum vm_effect {
	VM_FX_CHECK_IMAGE = 1 << 0,
	VM_FX_CLONE = 1 << 1,		/* make what is missing of folder, overlay, address */
	VM_FX_SPAWN = 1 << 2,
	VM_FX_CONNECT = 1 << 3,		/* QMP, serial, then the guest link */
	VM_FX_DISCONNECT = 1 << 4,
	VM_FX_IDENTITY = 1 << 5,	/* send the guest its identity */
	VM_FX_KILL = 1 << 6,		/* end QEMU; VM_EV_EXITED follows, also when there is none */
	VM_FX_CLEAN = 1 << 7,
	VM_FX_RETRY = 1 << 8,		/* VM_EV_RETRY after a growing pause */
	VM_FX_SAVE = 1 << 9,		/* what a restarted agent must know */
	VM_FX_FORGET = 1 << 10,		/* the object ends */
	VM_FX_REPORT = 1 << 11,		/* tell the broker */
};

/* Changes `state` and names the effects, or returns -EPROTO and changes nothing: the event has no
 * meaning in this state. An event that is known to come late is legal and has no effect. */
int vm_step(enum vm_state *state, enum vm_event event, unsigned *effects) MUST_CHECK;

const char *vm_state_name(enum vm_state state);
const char *vm_event_name(enum vm_event event);
/* The name of the lowest effect in the set. */
const char *vm_effect_name(unsigned effects);

/* How the broker sees a state. */
struct vm_view {
	const char *state;	/* absent cloning starting ready stopping error */
	const char *stage;	/* queued starting booting identity ready */
	int percent;
};
/* `elapsed_ms` since the state began and `expected_boot_ms` only shape the percentage. */
struct vm_view vm_view(enum vm_state state, int64_t elapsed_ms, int64_t expected_boot_ms);

/* Longest stay in a state, 0 = no limit. `boot_ms` is the configured limit of a boot. */
int64_t vm_deadline_ms(enum vm_state state, int64_t boot_ms);
/* Pause before attempt number `failures` + 1. */
int64_t vm_retry_ms(unsigned failures);

#endif
