/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdbool.h>
#include "hostagent/vm/vm.h"

struct vm_rule {
	bool legal;
	enum vm_state next;
	unsigned effects;
};

#define FX(name) VM_FX_##name
#define GO(state, effects) { true, VM_##state, (effects) }
#define STAY(state) { true, VM_##state, 0 }

/* The ways that are the same from most states. */
#define FAIL GO(ERROR, FX(DISCONNECT) | FX(KILL) | FX(RETRY) | FX(SAVE) | FX(REPORT))
#define DIED GO(ERROR, FX(DISCONNECT) | FX(RETRY) | FX(SAVE) | FX(REPORT))
#define AGAIN GO(QUEUED, FX(DISCONNECT) | FX(KILL) | FX(RETRY) | FX(SAVE) | FX(REPORT))
#define STOP GO(STOPPING, FX(DISCONNECT) | FX(KILL) | FX(REPORT))
#define REBOOT GO(BOOTING, FX(SAVE) | FX(REPORT))
#define ASK_IDENTITY GO(IDENTITY, FX(IDENTITY) | FX(SAVE) | FX(REPORT))

static const struct vm_rule vm_rules[VM_STATES][VM_EVENTS] = {
	[VM_ABSENT] = {
		[VM_EV_WANTED] = GO(QUEUED, FX(CHECK_IMAGE) | FX(REPORT)),
		[VM_EV_UNWANTED] = GO(CLEANING, FX(CLEAN)),
		[VM_EV_FOUND_READY] = GO(READY, FX(CONNECT)),
		[VM_EV_FOUND_RUNNING] = GO(STARTING, FX(CONNECT)),
		[VM_EV_FOUND_DEAD] = GO(ERROR, FX(RETRY)),
		[VM_EV_CUT_OFF] = GO(QUEUED, FX(RETRY)),
	},
	[VM_QUEUED] = {
		[VM_EV_WANTED] = STAY(QUEUED),
		[VM_EV_NEW_EPOCH] = STAY(QUEUED),
		[VM_EV_UNWANTED] = STOP,
		[VM_EV_IMAGE_COMING] = GO(QUEUED, FX(RETRY)),
		[VM_EV_IMAGE_READY] = GO(CLONING, FX(CLONE) | FX(REPORT)),
		[VM_EV_EXITED] = STAY(QUEUED),
		[VM_EV_FAILED] = GO(ERROR, FX(RETRY) | FX(REPORT)),
		[VM_EV_RETRY] = GO(QUEUED, FX(CHECK_IMAGE)),
	},
	[VM_CLONING] = {
		[VM_EV_WANTED] = STAY(CLONING),
		[VM_EV_NEW_EPOCH] = STAY(CLONING),
		[VM_EV_UNWANTED] = STOP,
		[VM_EV_CLONED] = GO(STARTING, FX(SPAWN) | FX(REPORT)),
		[VM_EV_EXITED] = STAY(CLONING),
		[VM_EV_FAILED] = FAIL,
		[VM_EV_TIMEOUT] = FAIL,
	},
	[VM_STARTING] = {
		[VM_EV_WANTED] = STAY(STARTING),
		[VM_EV_RESET] = STAY(STARTING),
		[VM_EV_NEW_EPOCH] = GO(STARTING, FX(SAVE)),
		[VM_EV_UNWANTED] = STOP,
		[VM_EV_SPAWNED] = GO(STARTING, FX(CONNECT)),
		[VM_EV_QMP_READY] = GO(BOOTING, FX(REPORT)),
		[VM_EV_CUT_OFF] = AGAIN,
		[VM_EV_RESUMED] = ASK_IDENTITY,
		[VM_EV_EXITED] = DIED,
		[VM_EV_FAILED] = FAIL,
		[VM_EV_TIMEOUT] = FAIL,
	},
	[VM_BOOTING] = {
		[VM_EV_WANTED] = STAY(BOOTING),
		[VM_EV_NEW_EPOCH] = GO(BOOTING, FX(SAVE)),
		[VM_EV_UNWANTED] = STOP,
		[VM_EV_QMP_READY] = STAY(BOOTING),
		[VM_EV_CUT_OFF] = AGAIN,
		[VM_EV_GUEST_READY] = ASK_IDENTITY,
		[VM_EV_RESET] = STAY(BOOTING),
		[VM_EV_EXITED] = DIED,
		[VM_EV_FAILED] = FAIL,
		[VM_EV_TIMEOUT] = FAIL,
	},
	[VM_IDENTITY] = {
		[VM_EV_WANTED] = STAY(IDENTITY),
		[VM_EV_NEW_EPOCH] = ASK_IDENTITY,
		[VM_EV_UNWANTED] = STOP,
		[VM_EV_QMP_READY] = STAY(IDENTITY),
		[VM_EV_GUEST_READY] = GO(IDENTITY, FX(IDENTITY)),
		[VM_EV_RESET] = REBOOT,
		[VM_EV_IDENTIFIED] = GO(READY, FX(SAVE) | FX(REPORT)),
		[VM_EV_REFUSED] = GO(IDENTITY, FX(RETRY) | FX(REPORT)),	/* a slow guest: again */
		[VM_EV_RETRY] = GO(IDENTITY, FX(IDENTITY)),
		[VM_EV_EXITED] = DIED,
		[VM_EV_FAILED] = FAIL,
		[VM_EV_TIMEOUT] = FAIL,
	},
	[VM_READY] = {
		[VM_EV_WANTED] = STAY(READY),
		[VM_EV_NEW_EPOCH] = ASK_IDENTITY,
		[VM_EV_UNWANTED] = STOP,
		[VM_EV_QMP_READY] = STAY(READY),
		[VM_EV_GUEST_READY] = GO(READY, FX(IDENTITY)),	/* the same answer again */
		[VM_EV_RESET] = REBOOT,
		[VM_EV_IDENTIFIED] = GO(READY, FX(SAVE) | FX(REPORT)),
		[VM_EV_REFUSED] = GO(IDENTITY, FX(RETRY) | FX(SAVE) | FX(REPORT)),
		[VM_EV_EXITED] = DIED,
		[VM_EV_FAILED] = FAIL,
	},
	[VM_STOPPING] = {
		[VM_EV_WANTED] = STAY(STOPPING),	/* asked for again once it is gone */
		[VM_EV_NEW_EPOCH] = STAY(STOPPING),
		[VM_EV_UNWANTED] = STAY(STOPPING),
		[VM_EV_IMAGE_COMING] = STAY(STOPPING),
		[VM_EV_IMAGE_READY] = STAY(STOPPING),
		[VM_EV_CLONED] = STAY(STOPPING),
		[VM_EV_SPAWNED] = STAY(STOPPING),
		[VM_EV_FAILED] = STAY(STOPPING),
		[VM_EV_EXITED] = GO(CLEANING, FX(CLEAN)),
		[VM_EV_TIMEOUT] = GO(STOPPING, FX(KILL)),
	},
	[VM_CLEANING] = {
		[VM_EV_WANTED] = STAY(CLEANING),
		[VM_EV_NEW_EPOCH] = STAY(CLEANING),
		[VM_EV_UNWANTED] = STAY(CLEANING),
		[VM_EV_IMAGE_READY] = STAY(CLEANING),
		[VM_EV_EXITED] = STAY(CLEANING),
		[VM_EV_FAILED] = GO(CLEANING, FX(RETRY) | FX(REPORT)),
		[VM_EV_RETRY] = GO(CLEANING, FX(CLEAN)),
		[VM_EV_CLEANED] = GO(ABSENT, FX(FORGET) | FX(REPORT)),
	},
	[VM_ERROR] = {
		[VM_EV_WANTED] = STAY(ERROR),
		[VM_EV_NEW_EPOCH] = GO(ERROR, FX(SAVE)),
		[VM_EV_UNWANTED] = STOP,
		[VM_EV_IMAGE_READY] = STAY(ERROR),
		[VM_EV_CLONED] = STAY(ERROR),
		[VM_EV_SPAWNED] = STAY(ERROR),
		[VM_EV_FAILED] = STAY(ERROR),
		[VM_EV_EXITED] = STAY(ERROR),
		[VM_EV_RETRY] = GO(QUEUED, FX(CHECK_IMAGE) | FX(REPORT)),
	},
};

int vm_step(enum vm_state *state, enum vm_event event, unsigned *effects)
{
	const struct vm_rule *rule = &vm_rules[*state][event];

	if (!rule->legal)
		return -EPROTO;
	*state = rule->next;
	*effects = rule->effects;
	return 0;
}

const char *vm_state_name(enum vm_state state)
{
	static const char *const names[VM_STATES] = {
		[VM_ABSENT] = "absent", [VM_QUEUED] = "queued", [VM_CLONING] = "cloning",
		[VM_STARTING] = "starting", [VM_BOOTING] = "booting", [VM_IDENTITY] = "identity",
		[VM_READY] = "ready", [VM_STOPPING] = "stopping", [VM_CLEANING] = "cleaning",
		[VM_ERROR] = "error",
	};

	return names[state];
}

const char *vm_event_name(enum vm_event event)
{
	static const char *const names[VM_EVENTS] = {
		[VM_EV_WANTED] = "wanted", [VM_EV_UNWANTED] = "unwanted",
		[VM_EV_FOUND_READY] = "found_ready", [VM_EV_FOUND_RUNNING] = "found_running",
		[VM_EV_FOUND_DEAD] = "found_dead",
		[VM_EV_CUT_OFF] = "cut_off",
		[VM_EV_IMAGE_COMING] = "image_coming",
		[VM_EV_IMAGE_READY] = "image_ready",
		[VM_EV_CLONED] = "cloned",
		[VM_EV_SPAWNED] = "spawned",
		[VM_EV_QMP_READY] = "qmp_ready",
		[VM_EV_RESUMED] = "resumed",
		[VM_EV_GUEST_READY] = "guest_ready",
		[VM_EV_RESET] = "reset",
		[VM_EV_IDENTIFIED] = "identified",
		[VM_EV_NEW_EPOCH] = "new_epoch",
		[VM_EV_EXITED] = "exited",
		[VM_EV_REFUSED] = "refused",
		[VM_EV_FAILED] = "failed",
		[VM_EV_TIMEOUT] = "timeout",
		[VM_EV_RETRY] = "retry",
		[VM_EV_CLEANED] = "cleaned",
	};

	return names[event];
}

const char *vm_effect_name(unsigned effects)
{
	static const char *const names[] = {
		"check_image", "clone", "spawn", "connect", "disconnect", "identity",
		"kill", "clean", "retry", "save", "forget", "report",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (effects & 1u << i)
			return names[i];
	return "";
}

/* A boot has no milestones of its own: it moves with time and slows down near its end. */
static int boot_percent(int64_t elapsed_ms, int64_t expected_ms)
{
	enum { FIRST = 15, LAST = 85 };

	if (expected_ms <= 0 || elapsed_ms >= expected_ms)
		return LAST;
	return FIRST + (int)((LAST - FIRST) * (elapsed_ms < 0 ? 0 : elapsed_ms) / expected_ms);
}

struct vm_view vm_view(enum vm_state state, int64_t elapsed_ms, int64_t expected_boot_ms)
{
	switch (state) {
	case VM_ABSENT:
		return (struct vm_view){ "absent", "queued", 0 };
	case VM_QUEUED:
		return (struct vm_view){ "cloning", "queued", 0 };
	case VM_CLONING:
		return (struct vm_view){ "cloning", "starting", 5 };
	case VM_STARTING:
		return (struct vm_view){ "starting", "starting", 10 };
	case VM_BOOTING:
		return (struct vm_view){ "starting", "booting",
					 boot_percent(elapsed_ms, expected_boot_ms) };
	case VM_IDENTITY:
		return (struct vm_view){ "starting", "identity", 90 };
	case VM_READY:
		return (struct vm_view){ "ready", "ready", 100 };
	case VM_STOPPING:
	case VM_CLEANING:
		return (struct vm_view){ "stopping", "queued", 0 };
	case VM_ERROR:
	case VM_STATES:
		break;
	}
	return (struct vm_view){ "error", "queued", 0 };
}

int64_t vm_deadline_ms(enum vm_state state, int64_t boot_ms)
{
	switch (state) {
	case VM_CLONING:
	case VM_STARTING:
		return 30000;
	case VM_BOOTING:
	case VM_IDENTITY:
		return boot_ms;
	case VM_STOPPING:
		return 20000;
	case VM_ABSENT:
	case VM_QUEUED:
	case VM_READY:
	case VM_CLEANING:
	case VM_ERROR:
	case VM_STATES:
		break;
	}
	return 0;
}

int64_t vm_retry_ms(unsigned failures)
{
	enum { FIRST_MS = 500, LAST_MS = 60000 };
	int64_t pause_ms = FIRST_MS;

	for (unsigned i = 1; i < failures && pause_ms < LAST_MS; i++)
		pause_ms *= 2;
	return pause_ms < LAST_MS ? pause_ms : LAST_MS;
}
