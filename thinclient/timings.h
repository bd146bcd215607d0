/* SPDX-License-Identifier: Apache-2.0 */
/* timings.h - how long each stage from the login to the picture took. Pure. */
#ifndef GENKAN_THINCLIENT_TIMINGS_H
#define GENKAN_THINCLIENT_TIMINGS_H

#include <stdint.h>
#include "common/base/buf.h"

enum stage {
	STAGE_TLS,		/* TCP and TLS with the broker */
	STAGE_LOGIN,		/* the login request without STAGE_TLS */
	STAGE_ASSIGN,		/* waiting for the desktop; 0 when it came with the login */
	STAGE_RELAY,		/* TCP, TLS, ticket and RDP connection sequence */
	STAGE_FIRST_FRAME,	/* until the first complete picture */
	STAGE_SETTLED,		/* from then to the last paint before a quiet period */
	STAGES
};

struct timings {
	int64_t us[STAGES];	/* -1: not reached */
	int64_t ticket_at_ms;	/* wall clock when the ticket was there; 0: never */
	unsigned paints;
	int width, height;
};

struct timings timings_none(void);
int64_t timings_total_us(const struct timings *t);
/* Lines for people. */
void timings_write_table(const struct timings *t, struct buf *out);
/* One JSON object in milliseconds; `desktop` and `reason` may be NULL. */
void timings_write_json(const struct timings *t, const char *desktop, const char *reason,
			struct buf *out);

#endif
