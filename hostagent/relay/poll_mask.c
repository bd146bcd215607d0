/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/relay/poll_mask.h"

#include <poll.h>

bool poll_may_read(const struct leg_facts *leg)
{
	return (leg->phase == LEG_CLEAR || leg->phase == LEG_OPEN) && leg->session_reads &&
	       leg->other_queued < LEG_HIGH_WATER;
}

static short mask_of_stream(const struct leg_facts *leg)
{
	short mask = leg->queued ? POLLOUT : 0;

	if (poll_may_read(leg))
		return mask | POLLIN;
	return leg->session_reads ? mask : mask | POLLRDHUP;
}

short poll_mask(const struct leg_facts *leg)
{
	switch (leg->phase) {
	case LEG_ABSENT:
	case LEG_CLOSED:
		return 0;
	case LEG_CLEAR:
	case LEG_OPEN:
		return mask_of_stream(leg);
	case LEG_FLUSHING:
	case LEG_CLOSING:
		return POLLOUT;
	case LEG_LINGER:
		return POLLIN;
	case LEG_HANDSHAKE:
		return leg->tls_wants_write ? POLLOUT : POLLIN;
	}
	return 0;
}
