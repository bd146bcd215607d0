/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/backoff.h"

#include <string.h>
#include "common/base/cleanup.h"

int64_t backoff_next(struct backoff *backoff, int64_t lasted_ms)
{
	if (!backoff->delay_ms || lasted_ms >= BACKOFF_FORGET_MS)
		backoff->delay_ms = BACKOFF_FIRST_MS;
	else
		backoff->delay_ms *= 2;
	if (backoff->delay_ms > BACKOFF_MAX_MS)
		backoff->delay_ms = BACKOFF_MAX_MS;
	return backoff->delay_ms;
}

bool backoff_is_worth_it(const char *reason)
{
	static const char *const passing[] = {
		"connection_lost", "relay_unreachable", "relay_refused", "ticket_invalid",
		"broker_unreachable", "busy", "internal", "no_host", "desktop_failed",
	};

	for (size_t i = 0; i < ARRAY_LEN(passing); i++)
		if (strcmp(reason, passing[i]) == 0)
			return true;
	return false;
}
