/* SPDX-License-Identifier: Apache-2.0 */
/* template.h - the life of a template: a machine booted once, frozen, and never run again.
 *
 *	absent -> waiting -> starting -> booting -> settling -> saving -> sealing -> ready
 *	             ^                                                          |
 *	             +------- error (what was made of it is dropped) <----------+
 *	          ready -> retired (its disk only, for the clones that lie on it)
 *	          any state -> dropping -> absent
 *
 * template_step() only names effects; hostagent/templates.c carries them out. */
#ifndef GENKAN_VM_TEMPLATE_H
#define GENKAN_VM_TEMPLATE_H

#include <stdbool.h>
#include "hostagent/vm/spec.h"

enum template_state {
	TEMPLATE_ABSENT,
	TEMPLATE_WAITING,	/* for its turn and for memory */
	TEMPLATE_STARTING,	/* disk and QEMU are being made */
	TEMPLATE_BOOTING,	/* until the guest's daemon speaks */
	TEMPLATE_SETTLING,	/* until the guest says that it can be frozen */
	TEMPLATE_SAVING,	/* QEMU writes the state of its devices */
	TEMPLATE_SEALING,	/* QEMU ends, the files become read-only */
	TEMPLATE_READY,		/* clones can be forked */
	TEMPLATE_RETIRED,	/* no more clones; its disk is kept for those there are */
	TEMPLATE_DROPPING,
	TEMPLATE_ERROR,		/* will be tried again */
	TEMPLATE_STATES,
};

enum template_event {
	TEMPLATE_EV_WANTED,
	TEMPLATE_EV_UNWANTED,	/* nobody needs it, nor its disk */
	TEMPLATE_EV_FOUND_READY,	/* after a restart of the agent: sealed, of this QEMU */
	TEMPLATE_EV_FOUND_STALE,	/* only its disk is of use */
	TEMPLATE_EV_FOUND_BROKEN,	/* left in the middle of being made */
	TEMPLATE_EV_ADMITTED,
	TEMPLATE_EV_STARTED,
	TEMPLATE_EV_GUEST_READY,
	TEMPLATE_EV_FROZEN,
	TEMPLATE_EV_SAVED,
	TEMPLATE_EV_SEALED,
	TEMPLATE_EV_DROPPED,
	TEMPLATE_EV_EXITED,	/* QEMU is gone */
	TEMPLATE_EV_FAILED,
	TEMPLATE_EV_TIMEOUT,
	TEMPLATE_EV_RETRY,
	TEMPLATE_EVENTS,
};

enum template_effect {
	TEMPLATE_FX_ADMIT = 1 << 0,	/* EV_ADMITTED when it is its turn and there is memory */
	TEMPLATE_FX_START = 1 << 1,
	TEMPLATE_FX_CONNECT = 1 << 2,
	TEMPLATE_FX_DISCONNECT = 1 << 3,
	TEMPLATE_FX_FREEZE = 1 << 4,	/* ask the guest */
	TEMPLATE_FX_SAVE = 1 << 5,	/* ask QEMU */
	TEMPLATE_FX_SEAL = 1 << 6,
	TEMPLATE_FX_RETIRE = 1 << 7,	/* remove memory and state */
	TEMPLATE_FX_DROP = 1 << 8,	/* end QEMU, remove everything */
	TEMPLATE_FX_RETRY = 1 << 9,	/* EV_RETRY after a growing pause */
	TEMPLATE_FX_FORGET = 1 << 10,
	TEMPLATE_FX_REPORT = 1 << 11,
};

/* As vm_step(). */
int template_step(enum template_state *state, enum template_event event,
		  unsigned *effects) MUST_CHECK;

const char *template_state_name(enum template_state state);
const char *template_event_name(enum template_event event);
const char *template_effect_name(unsigned effects);	/* of the lowest in the set */
int template_percent(enum template_state state);
/* A machine of it runs, or is about to. */
bool template_busy(enum template_state state);
/* Longest stay in a state, 0 = no limit. */
int64_t template_deadline_ms(enum template_state state, int64_t boot_ms);
int64_t template_retry_ms(unsigned failures);

/* How long the two long steps take on this host: what was seen last, 0 when never. */
struct template_pace {
	int64_t boot_ms;	/* until the guest's daemon speaks */
	int64_t settle_ms;	/* from then on, until the guest can be frozen */
};
/* In how many ms one that has been in this state for `spent_ms` is thought to be ready. A template
 * boots as a desktop does, which takes `desktop_boot_ms` and is known before there is a template. */
int64_t template_left_ms(enum template_state state, int64_t spent_ms,
			 const struct template_pace *pace, int64_t desktop_boot_ms);

/* Whether a desktop should wait for a template that is expected in `left_ms` rather than boot at
 * once, which takes `boot_ms` alone: boots share `cpus` with the template and with `others`. */
bool template_worth_waiting(int64_t left_ms, int64_t boot_ms, unsigned others, unsigned cpus);

/* What has to be the same for a clone to wake up in a template's memory. */
bool template_fits(const struct vm_spec *template, const struct vm_spec *desktop);

/* Whether `need` bytes may be taken of what the host has free; -ENOSPC says how much is missing. */
int memory_admit(int64_t free_bytes, int64_t reserve_bytes, int64_t need_bytes,
		 struct error *err) MUST_CHECK;
/* The same for disk: what a desktop's overlay takes at the least. */
int disk_admit(int64_t free_bytes, int64_t reserve_bytes, struct error *err) MUST_CHECK;
/* Memory that a desktop takes at its start: all of it, or, for a clone, what it changes. */
int64_t memory_needed(const struct vm_spec *spec, bool clone);

#endif
