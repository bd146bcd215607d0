/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/vm/home.h"

#include <errno.h>
#include <string.h>

struct home_rule {
	bool legal;
	enum home_state next;
	unsigned effects;
};

#define FX(name) HOME_FX_##name
#define GO(state, effects) { true, HOME_##state, (effects) }
#define STAY(state) { true, HOME_##state, 0 }
#define GONE GO(NONE, FX(DONE) | FX(REPORT))
#define AGAIN(state) GO(state, FX(CLOSE) | FX(RETRY) | FX(REPORT))
#define RELEASE GO(RELEASING, FX(RELEASE) | FX(REPORT))
#define UNPLUG GO(UNPLUGGING, FX(UNPLUG) | FX(REPORT))

static const struct home_rule home_rules[HOME_STATES][HOME_EVENTS] = {
	[HOME_NONE] = {
		[HOME_EV_WANTED] = GO(LOOKING, FX(LOOK) | FX(REPORT)),
		[HOME_EV_UNWANTED] = STAY(NONE),
		[HOME_EV_REBOOTED] = STAY(NONE),
		[HOME_EV_GONE] = STAY(NONE),
	},
	[HOME_LOOKING] = {
		[HOME_EV_WANTED] = STAY(LOOKING),
		[HOME_EV_UNWANTED] = GO(SEEKING, FX(LOOK) | FX(REPORT)),
		[HOME_EV_FOUND] = GO(MOUNTING, FX(MOUNT) | FX(REPORT)),
		[HOME_EV_MISSING] = GO(OPENING, FX(OPEN)),
		[HOME_EV_FAILED] = GO(LOOKING, FX(RETRY)),
		[HOME_EV_TIMEOUT] = GO(LOOKING, FX(LOOK)),
		[HOME_EV_RETRY] = GO(LOOKING, FX(LOOK)),
		[HOME_EV_REBOOTED] = STAY(LOOKING),
		[HOME_EV_GONE] = GONE,
	},
	/* A guest that has no disk is not asked to let go of it: one that does not answer takes long. */
	[HOME_SEEKING] = {
		[HOME_EV_WANTED] = STAY(SEEKING),
		[HOME_EV_UNWANTED] = STAY(SEEKING),
		[HOME_EV_FOUND] = RELEASE,
		[HOME_EV_MISSING] = GONE,
		[HOME_EV_FAILED] = RELEASE,	/* it may be there */
		[HOME_EV_TIMEOUT] = RELEASE,
		[HOME_EV_REBOOTED] = STAY(SEEKING),
		[HOME_EV_GONE] = GONE,
	},
	[HOME_OPENING] = {
		[HOME_EV_WANTED] = STAY(OPENING),
		[HOME_EV_UNWANTED] = GO(NONE, FX(CLOSE) | FX(DONE) | FX(REPORT)),
		[HOME_EV_OPENED] = GO(PLUGGING, FX(PLUG)),
		[HOME_EV_BUSY] = AGAIN(LOCKED),
		[HOME_EV_FAILED] = AGAIN(FAILED),
		[HOME_EV_REBOOTED] = STAY(OPENING),
		[HOME_EV_GONE] = GONE,
	},
	[HOME_PLUGGING] = {
		[HOME_EV_WANTED] = STAY(PLUGGING),
		[HOME_EV_UNWANTED] = UNPLUG,
		[HOME_EV_PLUGGED] = GO(MOUNTING, FX(MOUNT) | FX(REPORT)),
		[HOME_EV_BUSY] = AGAIN(LOCKED),
		[HOME_EV_FAILED] = AGAIN(FAILED),
		[HOME_EV_TIMEOUT] = AGAIN(FAILED),
		[HOME_EV_REBOOTED] = STAY(PLUGGING),
		[HOME_EV_GONE] = GONE,
	},
	[HOME_PLUGGED] = {
		[HOME_EV_WANTED] = GO(MOUNTING, FX(MOUNT) | FX(REPORT)),
		[HOME_EV_UNWANTED] = UNPLUG,
		[HOME_EV_REBOOTED] = STAY(PLUGGED),
		[HOME_EV_GONE] = GONE,
	},
	[HOME_MOUNTING] = {
		[HOME_EV_WANTED] = STAY(MOUNTING),
		[HOME_EV_UNWANTED] = RELEASE,
		[HOME_EV_MOUNTED] = GO(MOUNTED, FX(REPORT)),
		[HOME_EV_BROKEN] = GO(BROKEN, FX(REPORT)),
		[HOME_EV_FAILED] = GO(MOUNTING, FX(RETRY) | FX(REPORT)),
		[HOME_EV_TIMEOUT] = GO(MOUNTING, FX(MOUNT) | FX(REPORT)),
		[HOME_EV_RETRY] = GO(MOUNTING, FX(MOUNT)),
		[HOME_EV_REBOOTED] = GO(PLUGGED, FX(REPORT)),
		[HOME_EV_GONE] = GONE,
	},
	[HOME_MOUNTED] = {
		[HOME_EV_WANTED] = STAY(MOUNTED),
		[HOME_EV_UNWANTED] = RELEASE,
		[HOME_EV_REBOOTED] = GO(PLUGGED, FX(REPORT)),
		[HOME_EV_GONE] = GONE,
	},
	[HOME_BROKEN] = {
		[HOME_EV_WANTED] = STAY(BROKEN),
		[HOME_EV_UNWANTED] = UNPLUG,
		[HOME_EV_REBOOTED] = GO(PLUGGED, FX(REPORT)),
		[HOME_EV_GONE] = GONE,
	},
	[HOME_LOCKED] = {
		[HOME_EV_WANTED] = STAY(LOCKED),
		[HOME_EV_UNWANTED] = GO(NONE, FX(DONE) | FX(REPORT)),
		[HOME_EV_RETRY] = GO(OPENING, FX(OPEN)),
		[HOME_EV_CLOSED] = STAY(LOCKED),
		[HOME_EV_REBOOTED] = STAY(LOCKED),
		[HOME_EV_GONE] = GONE,
	},
	[HOME_FAILED] = {
		[HOME_EV_WANTED] = STAY(FAILED),
		[HOME_EV_UNWANTED] = GO(NONE, FX(DONE) | FX(REPORT)),
		[HOME_EV_RETRY] = GO(OPENING, FX(OPEN)),
		[HOME_EV_CLOSED] = STAY(FAILED),
		[HOME_EV_REBOOTED] = STAY(FAILED),
		[HOME_EV_GONE] = GONE,
	},
	[HOME_RELEASING] = {
		[HOME_EV_WANTED] = STAY(RELEASING),	/* taken up again once it is gone */
		[HOME_EV_UNWANTED] = STAY(RELEASING),
		[HOME_EV_RELEASED] = GO(UNPLUGGING, FX(UNPLUG)),
		[HOME_EV_FAILED] = GO(UNPLUGGING, FX(UNPLUG)),
		[HOME_EV_TIMEOUT] = GO(UNPLUGGING, FX(UNPLUG)),
		[HOME_EV_REBOOTED] = GO(UNPLUGGING, FX(UNPLUG)),
		[HOME_EV_GONE] = GONE,
	},
	[HOME_UNPLUGGING] = {
		[HOME_EV_WANTED] = STAY(UNPLUGGING),
		[HOME_EV_UNWANTED] = STAY(UNPLUGGING),
		[HOME_EV_DELETED] = GO(CLOSING, FX(CLOSE)),
		[HOME_EV_FAILED] = GO(CLOSING, FX(CLOSE)),
		[HOME_EV_TIMEOUT] = GO(CLOSING, FX(CLOSE)),
		[HOME_EV_REBOOTED] = STAY(UNPLUGGING),
		[HOME_EV_GONE] = GONE,
	},
	[HOME_CLOSING] = {
		[HOME_EV_WANTED] = STAY(CLOSING),
		[HOME_EV_UNWANTED] = STAY(CLOSING),
		[HOME_EV_CLOSED] = GONE,
		[HOME_EV_TIMEOUT] = GONE,
		[HOME_EV_REBOOTED] = STAY(CLOSING),
		[HOME_EV_GONE] = GONE,
	},
};

int home_step(enum home_state *state, enum home_event event, unsigned *effects)
{
	const struct home_rule *rule = &home_rules[*state][event];

	if (!rule->legal)
		return -EPROTO;
	*state = rule->next;
	*effects = rule->effects;
	return 0;
}

const char *home_state_name(enum home_state state)
{
	static const char *const names[HOME_STATES] = {
		[HOME_NONE] = "none",
		[HOME_LOOKING] = "looking",
		[HOME_SEEKING] = "seeking",
		[HOME_OPENING] = "opening",
		[HOME_PLUGGING] = "plugging",
		[HOME_PLUGGED] = "plugged",
		[HOME_MOUNTING] = "mounting",
		[HOME_MOUNTED] = "mounted",
		[HOME_BROKEN] = "broken",
		[HOME_LOCKED] = "locked",
		[HOME_FAILED] = "failed",
		[HOME_RELEASING] = "releasing",
		[HOME_UNPLUGGING] = "unplugging",
		[HOME_CLOSING] = "closing",
	};

	return names[state];
}

const char *home_event_name(enum home_event event)
{
	static const char *const names[HOME_EVENTS] = {
		[HOME_EV_WANTED] = "wanted", [HOME_EV_UNWANTED] = "unwanted",
		[HOME_EV_FOUND] = "found", [HOME_EV_MISSING] = "missing",
		[HOME_EV_OPENED] = "opened", [HOME_EV_BUSY] = "busy", [HOME_EV_FAILED] = "failed",
		[HOME_EV_PLUGGED] = "plugged", [HOME_EV_MOUNTED] = "mounted",
		[HOME_EV_BROKEN] = "broken", [HOME_EV_RELEASED] = "released",
		[HOME_EV_DELETED] = "deleted", [HOME_EV_CLOSED] = "closed",
		[HOME_EV_REBOOTED] = "rebooted", [HOME_EV_GONE] = "gone",
		[HOME_EV_TIMEOUT] = "timeout", [HOME_EV_RETRY] = "retry",
	};

	return names[event];
}

const char *home_effect_name(unsigned effects)
{
	static const char *const names[] = { "look", "open", "plug", "mount", "release", "unplug",
					     "close", "retry", "report", "done" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (effects & 1u << i)
			return names[i];
	return "";
}

const char *home_view(enum home_state state)
{
	switch (state) {
	case HOME_NONE:
		return "none";
	case HOME_LOOKING:
	case HOME_OPENING:
	case HOME_PLUGGING:
	case HOME_PLUGGED:
	case HOME_MOUNTING:
		return "attaching";
	case HOME_MOUNTED:
		return "mounted";
	case HOME_BROKEN:
		return "broken";
	case HOME_LOCKED:
		return "locked";
	case HOME_FAILED:
		return "failed";
	case HOME_SEEKING:
	case HOME_RELEASING:
	case HOME_UNPLUGGING:
	case HOME_CLOSING:
	case HOME_STATES:
		break;
	}
	return "releasing";
}

int64_t home_deadline_ms(enum home_state state)
{
	switch (state) {
	case HOME_LOOKING:
	case HOME_SEEKING:
		return 5000;
	case HOME_PLUGGING:
		return 10000;
	case HOME_MOUNTING:
		return 300000;	/* a check of a file system, or making one */
	case HOME_RELEASING:
		return 10000;	/* the guest ends what the user runs: 2 + 2 + 2 s at most */
	case HOME_UNPLUGGING:
		return 3000;
	case HOME_CLOSING:
		return 3000;
	case HOME_NONE:
	case HOME_OPENING:
	case HOME_PLUGGED:
	case HOME_MOUNTED:
	case HOME_BROKEN:
	case HOME_LOCKED:
	case HOME_FAILED:
	case HOME_STATES:
		break;
	}
	return 0;
}

int vm_home_check(const struct vm_home *home, struct error *err)
{
	if (!vm_id_valid(home->id))
		return error_set(err, EINVAL, "user disk: id is not 16 lowercase hex digits");
	if (home->epoch < 1)
		return error_set(err, EINVAL, "user disk %s: bad epoch", home->id);
	if (home->size_bytes < VM_HOME_MIN || home->size_bytes > VM_HOME_MAX)
		return error_set(err, EINVAL, "user disk %s: size must be 64 MiB to 64 TiB",
				 home->id);
	if (!home->user[0] || home->uid < 1000 || home->uid > UINT32_MAX - 2)
		return error_set(err, EINVAL, "user disk %s: bad account", home->id);
	return 0;
}
