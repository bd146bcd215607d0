/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/vm/template.h"

#include <errno.h>
#include <string.h>

struct template_rule {
	bool legal;
	enum template_state next;
	unsigned effects;
};

#define FX(name) TEMPLATE_FX_##name
#define GO(state, effects) { true, TEMPLATE_##state, (effects) }
#define STAY(state) { true, TEMPLATE_##state, 0 }

#define FAIL GO(ERROR, FX(DISCONNECT) | FX(DROP) | FX(RETRY) | FX(REPORT))
#define DROP GO(DROPPING, FX(DISCONNECT) | FX(DROP) | FX(REPORT))

static const struct template_rule rules[TEMPLATE_STATES][TEMPLATE_EVENTS] = {
	[TEMPLATE_ABSENT] = {
		[TEMPLATE_EV_WANTED] = GO(WAITING, FX(ADMIT) | FX(REPORT)),
		[TEMPLATE_EV_FOUND_READY] = GO(READY, FX(REPORT)),
		[TEMPLATE_EV_FOUND_STALE] = GO(RETIRED, FX(RETIRE)),
		[TEMPLATE_EV_FOUND_BROKEN] = GO(DROPPING, FX(DROP)),
	},
	[TEMPLATE_WAITING] = {
		[TEMPLATE_EV_UNWANTED] = DROP,
		[TEMPLATE_EV_ADMITTED] = GO(STARTING, FX(START) | FX(REPORT)),
		[TEMPLATE_EV_DROPPED] = STAY(WAITING),
		[TEMPLATE_EV_FAILED] = GO(ERROR, FX(RETRY) | FX(REPORT)),
	},
	[TEMPLATE_STARTING] = {
		[TEMPLATE_EV_UNWANTED] = DROP,
		[TEMPLATE_EV_STARTED] = GO(BOOTING, FX(CONNECT) | FX(REPORT)),
		[TEMPLATE_EV_DROPPED] = STAY(STARTING),
		[TEMPLATE_EV_FAILED] = FAIL,
		[TEMPLATE_EV_TIMEOUT] = FAIL,
	},
	[TEMPLATE_BOOTING] = {
		[TEMPLATE_EV_UNWANTED] = DROP,
		[TEMPLATE_EV_GUEST_READY] = GO(SETTLING, FX(FREEZE) | FX(REPORT)),
		[TEMPLATE_EV_EXITED] = FAIL,
		[TEMPLATE_EV_FAILED] = FAIL,
		[TEMPLATE_EV_TIMEOUT] = FAIL,
	},
	[TEMPLATE_SETTLING] = {
		[TEMPLATE_EV_UNWANTED] = DROP,
		[TEMPLATE_EV_GUEST_READY] = STAY(SETTLING),
		[TEMPLATE_EV_FROZEN] = GO(SAVING, FX(SAVE) | FX(REPORT)),
		[TEMPLATE_EV_EXITED] = FAIL,
		[TEMPLATE_EV_FAILED] = FAIL,
		[TEMPLATE_EV_TIMEOUT] = FAIL,
	},
	[TEMPLATE_SAVING] = {
		[TEMPLATE_EV_UNWANTED] = DROP,
		[TEMPLATE_EV_GUEST_READY] = STAY(SAVING),
		[TEMPLATE_EV_SAVED] = GO(SEALING, FX(DISCONNECT) | FX(SEAL) | FX(REPORT)),
		[TEMPLATE_EV_EXITED] = FAIL,
		[TEMPLATE_EV_FAILED] = FAIL,
		[TEMPLATE_EV_TIMEOUT] = FAIL,
	},
	[TEMPLATE_SEALING] = {
		[TEMPLATE_EV_UNWANTED] = DROP,
		[TEMPLATE_EV_SEALED] = GO(READY, FX(REPORT)),
		[TEMPLATE_EV_EXITED] = STAY(SEALING),
		[TEMPLATE_EV_FAILED] = FAIL,
		[TEMPLATE_EV_TIMEOUT] = FAIL,
	},
	[TEMPLATE_READY] = {
		[TEMPLATE_EV_WANTED] = STAY(READY),
		[TEMPLATE_EV_UNWANTED] = DROP,
	},
	[TEMPLATE_RETIRED] = {
		[TEMPLATE_EV_UNWANTED] = DROP,
		[TEMPLATE_EV_FAILED] = STAY(RETIRED),
	},
	[TEMPLATE_DROPPING] = {
		[TEMPLATE_EV_UNWANTED] = STAY(DROPPING),
		[TEMPLATE_EV_ADMITTED] = STAY(DROPPING),
		[TEMPLATE_EV_STARTED] = STAY(DROPPING),
		[TEMPLATE_EV_SEALED] = STAY(DROPPING),
		[TEMPLATE_EV_EXITED] = STAY(DROPPING),
		[TEMPLATE_EV_FAILED] = GO(DROPPING, FX(RETRY) | FX(REPORT)),
		[TEMPLATE_EV_RETRY] = GO(DROPPING, FX(DROP)),
		[TEMPLATE_EV_DROPPED] = GO(ABSENT, FX(FORGET) | FX(REPORT)),
	},
	[TEMPLATE_ERROR] = {
		[TEMPLATE_EV_WANTED] = STAY(ERROR),
		[TEMPLATE_EV_UNWANTED] = DROP,
		[TEMPLATE_EV_STARTED] = STAY(ERROR),
		[TEMPLATE_EV_SEALED] = STAY(ERROR),
		[TEMPLATE_EV_DROPPED] = STAY(ERROR),
		[TEMPLATE_EV_EXITED] = STAY(ERROR),
		[TEMPLATE_EV_FAILED] = STAY(ERROR),
		[TEMPLATE_EV_RETRY] = GO(WAITING, FX(ADMIT) | FX(REPORT)),
	},
};

int template_step(enum template_state *state, enum template_event event, unsigned *effects)
{
	const struct template_rule *rule = &rules[*state][event];

	if (!rule->legal)
		return -EPROTO;
	*state = rule->next;
	*effects = rule->effects;
	return 0;
}

const char *template_state_name(enum template_state state)
{
	static const char *const names[TEMPLATE_STATES] = {
		[TEMPLATE_ABSENT] = "absent", [TEMPLATE_WAITING] = "waiting",
		[TEMPLATE_STARTING] = "starting", [TEMPLATE_BOOTING] = "booting",
		[TEMPLATE_SETTLING] = "settling", [TEMPLATE_SAVING] = "saving",
		[TEMPLATE_SEALING] = "sealing", [TEMPLATE_READY] = "ready",
		[TEMPLATE_RETIRED] = "retired", [TEMPLATE_DROPPING] = "dropping",
		[TEMPLATE_ERROR] = "error",
	};

	return names[state];
}

const char *template_event_name(enum template_event event)
{
	static const char *const names[TEMPLATE_EVENTS] = {
		[TEMPLATE_EV_WANTED] = "wanted", [TEMPLATE_EV_UNWANTED] = "unwanted",
		[TEMPLATE_EV_FOUND_READY] = "found_ready",
		[TEMPLATE_EV_FOUND_STALE] = "found_stale",
		[TEMPLATE_EV_FOUND_BROKEN] = "found_broken",
		[TEMPLATE_EV_ADMITTED] = "admitted", [TEMPLATE_EV_STARTED] = "started",
		[TEMPLATE_EV_GUEST_READY] = "guest_ready", [TEMPLATE_EV_FROZEN] = "frozen",
		[TEMPLATE_EV_SAVED] = "saved", [TEMPLATE_EV_SEALED] = "sealed",
		[TEMPLATE_EV_DROPPED] = "dropped", [TEMPLATE_EV_EXITED] = "exited",
		[TEMPLATE_EV_FAILED] = "failed", [TEMPLATE_EV_TIMEOUT] = "timeout",
		[TEMPLATE_EV_RETRY] = "retry",
	};

	return names[event];
}

const char *template_effect_name(unsigned effects)
{
	static const char *const names[] = {
		"admit", "start", "connect", "disconnect", "freeze", "save",
		"seal", "retire", "drop", "retry", "forget", "report",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (effects & 1u << i)
			return names[i];
	return "";
}

int template_percent(enum template_state state)
{
	static const int percent[TEMPLATE_STATES] = {
		[TEMPLATE_STARTING] = 5, [TEMPLATE_BOOTING] = 10, [TEMPLATE_SETTLING] = 50,
		[TEMPLATE_SAVING] = 95, [TEMPLATE_SEALING] = 97, [TEMPLATE_READY] = 100,
	};

	return percent[state];
}

bool template_busy(enum template_state state)
{
	return state >= TEMPLATE_STARTING && state <= TEMPLATE_SEALING;
}

int64_t template_deadline_ms(enum template_state state, int64_t boot_ms)
{
	switch (state) {
	case TEMPLATE_STARTING:
	case TEMPLATE_SAVING:
	case TEMPLATE_SEALING:
		return 30000;
	case TEMPLATE_BOOTING:
	case TEMPLATE_SETTLING:
		return boot_ms;
	case TEMPLATE_ABSENT:
	case TEMPLATE_WAITING:
	case TEMPLATE_READY:
	case TEMPLATE_RETIRED:
	case TEMPLATE_DROPPING:
	case TEMPLATE_ERROR:
	case TEMPLATE_STATES:
		break;
	}
	return 0;
}

int64_t template_retry_ms(unsigned failures)
{
	enum { FIRST_MS = 5000, LAST_MS = 15 * 60000 };
	int64_t pause_ms = FIRST_MS;

	for (unsigned i = 1; i < failures && pause_ms < LAST_MS; i++)
		pause_ms *= 2;
	return pause_ms < LAST_MS ? pause_ms : LAST_MS;
}

/* What takes longer than thought is not thought to end at once. */
static int64_t rest_of(int64_t step_ms, int64_t spent_ms)
{
	return spent_ms < step_ms ? step_ms - spent_ms : spent_ms / 8;
}

int64_t template_left_ms(enum template_state state, int64_t spent_ms,
			 const struct template_pace *pace, int64_t desktop_boot_ms)
{
	enum { LAST_STEPS_MS = 500 };
	int64_t boot_ms = pace->boot_ms ? pace->boot_ms : desktop_boot_ms;
	int64_t settle_ms = pace->settle_ms ? pace->settle_ms : desktop_boot_ms * 2 / 3;

	if (state <= TEMPLATE_BOOTING)
		return rest_of(boot_ms, spent_ms) + settle_ms + LAST_STEPS_MS;
	if (state == TEMPLATE_SETTLING)
		return rest_of(settle_ms, spent_ms) + LAST_STEPS_MS;
	return LAST_STEPS_MS;
}

bool template_worth_waiting(int64_t left_ms, int64_t boot_ms, unsigned others, unsigned cpus)
{
	int64_t machines = (int64_t)others + 2;

	if (machines > cpus && cpus > 0)
		boot_ms = boot_ms * machines / cpus;
	return left_ms < boot_ms;
}

bool template_fits(const struct vm_spec *template, const struct vm_spec *desktop)
{
	return strcmp(template->image_sha256, desktop->image_sha256) == 0 &&
	       template->cpus == desktop->cpus && template->memory_bytes == desktop->memory_bytes;
}

int memory_admit(int64_t free_bytes, int64_t reserve_bytes, int64_t need_bytes, struct error *err)
{
	if (free_bytes - reserve_bytes >= need_bytes)
		return 0;
	return error_set(err, ENOSPC,
			 "the host is full: %lld MiB are free, %lld MiB needed, %lld MiB reserved",
			 (long long)(free_bytes >> 20), (long long)(need_bytes >> 20),
			 (long long)(reserve_bytes >> 20));
}

int disk_admit(int64_t free_bytes, int64_t reserve_bytes, struct error *err)
{
	enum { OVERLAY_MIB = 64 };	/* what the first login of an idle desktop writes */

	if (free_bytes - reserve_bytes >= (int64_t)OVERLAY_MIB << 20)
		return 0;
	return error_set(err, ENOSPC,
			 "the host's disk is full: %lld MiB are free, %d MiB needed, %lld MiB reserved",
			 (long long)(free_bytes >> 20), OVERLAY_MIB, (long long)(reserve_bytes >> 20));
}

int64_t memory_needed(const struct vm_spec *spec, bool clone)
{
	enum { CLONE_MIB = 160 };	/* measured: 64 MiB of the guest's, QEMU's own, and room */
	int64_t of_clone = (int64_t)CLONE_MIB << 20;

	return clone && spec->memory_bytes > of_clone ? of_clone : spec->memory_bytes;
}
