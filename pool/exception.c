/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/exception.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include "common/base/cleanup.h"

static const char *const states[EXCEPTION_STATES] = {
	[EXCEPTION_REQUESTED] = "requested",
	[EXCEPTION_APPROVED] = "approved",
	[EXCEPTION_REVOKED] = "revoked",
	[EXCEPTION_EXPIRED] = "expired",
};

const char *exception_state_word(enum exception_state state)
{
	assert((unsigned)state < EXCEPTION_STATES);
	return states[state];
}

int exception_state_parse(const char *word, enum exception_state *out)
{
	for (int i = 0; i < EXCEPTION_STATES; i++) {
		if (strcmp(states[i], word) != 0)
			continue;
		*out = (enum exception_state)i;
		return 0;
	}
	return -EINVAL;
}

bool exception_device_valid(const char *device)
{
	return strcmp(device, "drive") == 0;
}

enum reason exception_may_approve(const struct exception_facts *facts, const char *by,
				  int64_t now_ms)
{
	if (facts->state != EXCEPTION_REQUESTED || facts->expires_at_ms <= now_ms)
		return REASON_EXCEPTION_OVER;
	/* Certificate names are compared without letter case, lest Anna and anna be two people. */
	if (strcasecmp(by, facts->requested_by) == 0 || strcasecmp(by, facts->user) == 0)
		return REASON_SAME_ADMIN;
	return REASON_OK;
}

enum reason exception_may_revoke(const struct exception_facts *facts, int64_t now_ms)
{
	bool open = facts->state == EXCEPTION_REQUESTED || facts->state == EXCEPTION_APPROVED;

	return open && facts->expires_at_ms > now_ms ? REASON_OK : REASON_EXCEPTION_OVER;
}

bool exception_is_in_force(const struct exception_facts *facts, int64_t now_ms)
{
	return facts->state == EXCEPTION_APPROVED && facts->expires_at_ms > now_ms;
}
