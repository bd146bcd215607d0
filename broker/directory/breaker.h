/* SPDX-License-Identifier: Apache-2.0 */
/* breaker.h - whether a directory server is worth asking. Pure: no clock, no lock.
 *
 *	closed --failure--> open --wait is over--> half open: one probe --ok--> closed
 *	                     ^-------------------- failure, the wait doubles ----'
 *
 * Only the probe finds out whether an open server is back: people who log in are not sent to a
 * server that was silent a moment ago, unless there is no other. */
#ifndef GENKAN_DIRECTORY_BREAKER_H
#define GENKAN_DIRECTORY_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_WAIT_MIN_MS 1000
#define BREAKER_WAIT_MAX_MS 30000

struct breaker {	/* zeroed: closed */
	bool open, probing;
	int64_t wait_ms, probe_at_ms;
};

static inline void breaker_succeeded(struct breaker *b)
{
	*b = (struct breaker){ 0 };
}

static inline void breaker_failed(struct breaker *b, int64_t now_ms)
{
	if (!b->open)
		b->wait_ms = BREAKER_WAIT_MIN_MS;
	else if (b->probing)
		b->wait_ms = b->wait_ms * 2 < BREAKER_WAIT_MAX_MS ? b->wait_ms * 2
								  : BREAKER_WAIT_MAX_MS;
	b->open = true;
	b->probing = false;
	b->probe_at_ms = now_ms + b->wait_ms;
}

/* True for one caller only: it probes and then reports by one of the two above. */
static inline bool breaker_may_probe(struct breaker *b, int64_t now_ms)
{
	if (!b->open || b->probing || now_ms < b->probe_at_ms)
		return false;
	b->probing = true;
	return true;
}

#endif
