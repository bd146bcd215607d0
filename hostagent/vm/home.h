/* SPDX-License-Identifier: Apache-2.0 */
/* home.h - the life of a user's disk beside a running desktop, as a table.
 *
 *	none -> looking -> opening -> plugging -> mounting -> mounted
 *	           |          |                                  |  (or broken: told, and left alone)
 *	           |       locked, failed: again in a moment     |
 *	           +--> mounting (an earlier agent plugged it)   v
 *	none <- closing <- unplugging <- releasing <-------------+
 *	  ^------------------ seeking -----^  (an earlier agent may have plugged one)
 *
 * home_step() only names effects; hostagent/desktop_home.c carries them out. What ends is ended in
 * bounded time: a guest that does not let go is overruled by the next step. */
#ifndef GENKAN_VM_HOME_H
#define GENKAN_VM_HOME_H

#include <stdbool.h>
#include "hostagent/vm/spec.h"

#define VM_HOME_MIN ((int64_t)64 << 20)
#define VM_HOME_MAX ((int64_t)64 << 40)

/* What the broker says about it. */
struct vm_home {
	char id[VM_ID_SIZE];	/* also its serial number; "" = the desktop has none */
	int64_t epoch;		/* of the hold; grows with each change of hands */
	int64_t size_bytes;	/* its quota */
	bool fresh;		/* it was never in use: it may be made and formatted */
	char user[32];		/* account in the guest */
	int64_t uid;
};

enum home_state {
	HOME_NONE,
	HOME_LOOKING, /* whether QEMU has it already */
	HOME_SEEKING, /* the same, to let go of it */
	HOME_OPENING, /* file and locks */
	HOME_PLUGGING,
	HOME_PLUGGED,		/* the guest has restarted and was not asked yet */
	HOME_MOUNTING,
	HOME_MOUNTED,
	HOME_BROKEN,		/* its file system cannot be used; the home is a temporary one */
	HOME_LOCKED,		/* somebody else holds it: tried again */
	HOME_FAILED,		/* tried again */
	HOME_RELEASING,		/* the guest ends the user's processes and unmounts */
	HOME_UNPLUGGING,
	HOME_CLOSING,
	HOME_STATES,
};

enum home_event {
	HOME_EV_WANTED,		/* by the broker, and the desktop is ready */
	HOME_EV_UNWANTED,
	HOME_EV_FOUND, HOME_EV_MISSING,
	HOME_EV_OPENED,
	HOME_EV_BUSY,		/* a lock is held */
	HOME_EV_FAILED,
	HOME_EV_PLUGGED,
	HOME_EV_MOUNTED, HOME_EV_BROKEN,
	HOME_EV_RELEASED,
	HOME_EV_DELETED,	/* the guest has let the device go */
	HOME_EV_CLOSED,
	HOME_EV_REBOOTED,
	HOME_EV_GONE,		/* QEMU is */
	HOME_EV_TIMEOUT, HOME_EV_RETRY,
	HOME_EVENTS,
};

enum home_effect {
	HOME_FX_LOOK = 1 << 0,
	HOME_FX_OPEN = 1 << 1,
	HOME_FX_PLUG = 1 << 2,
	HOME_FX_MOUNT = 1 << 3,
	HOME_FX_RELEASE = 1 << 4,
	HOME_FX_UNPLUG = 1 << 5,
	HOME_FX_CLOSE = 1 << 6,
	HOME_FX_RETRY = 1 << 7,		/* HOME_EV_RETRY in a moment */
	HOME_FX_REPORT = 1 << 8,
	HOME_FX_DONE = 1 << 9,		/* nothing of it is left here */
};

/* As vm_step(). */
int home_step(enum home_state *state, enum home_event event, unsigned *effects) MUST_CHECK;

/* For traces and logs; the broker is told home_view(). */
const char *home_state_name(enum home_state state);
const char *home_event_name(enum home_event event);
const char *home_effect_name(unsigned effects);	/* of the lowest in the set */
/* "none", "attaching", "mounted", "broken", "locked", "failed", "releasing". */
const char *home_view(enum home_state state);
/* Longest stay in a state, 0 = no limit. */
int64_t home_deadline_ms(enum home_state state);

/* 0, or -EINVAL with the first member that is out of range. */
int vm_home_check(const struct vm_home *home, struct error *err) MUST_CHECK;

#endif
