/* SPDX-License-Identifier: Apache-2.0 */
/* exception.h - removable storage for one user in one pool for some hours: the only way there is.
 *
 * One administrator asks, another one approves, and it ends by itself. A request nobody approves
 * within a day lapses. Pure. */
#ifndef GENKAN_POOL_EXCEPTION_H
#define GENKAN_POOL_EXCEPTION_H

#include <stdbool.h>
#include <stdint.h>
#include "pool/reason.h"

#define EXCEPTION_REQUEST_MS (INT64_C(24) * 3600 * 1000)
#define EXCEPTION_MIN_MS (INT64_C(60) * 1000)
#define EXCEPTION_MAX_MS (INT64_C(24) * 3600 * 1000)

enum exception_state {
	EXCEPTION_REQUESTED,	/* waits for another administrator */
	EXCEPTION_APPROVED,	/* from the approval until expires_at_ms */
	EXCEPTION_REVOKED,
	EXCEPTION_EXPIRED,	/* its time is over, or nobody approved it */
	EXCEPTION_STATES
};
const char *exception_state_word(enum exception_state state);
int exception_state_parse(const char *word, enum exception_state *out);

/* Kinds of devices an exception can be for. Raw USB is none of them, on purpose. */
bool exception_device_valid(const char *device);

/* What the rules below look at. */
struct exception_facts {
	enum exception_state state;
	const char *requested_by, *user;
	int64_t expires_at_ms;
};
/* OK, EXCEPTION_OVER (not waiting any more) or SAME_ADMIN: who asked, or would use it. */
enum reason exception_may_approve(const struct exception_facts *facts, const char *by,
				  int64_t now_ms);
/* OK, or EXCEPTION_OVER when there is nothing left to take away. */
enum reason exception_may_revoke(const struct exception_facts *facts, int64_t now_ms);
bool exception_is_in_force(const struct exception_facts *facts, int64_t now_ms);

#endif
