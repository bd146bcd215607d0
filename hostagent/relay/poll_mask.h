/* SPDX-License-Identifier: Apache-2.0 */
/* poll_mask.h - which events a session waits for, derived from its state in one place. Pure. */
#ifndef GENKAN_RELAY_POLL_MASK_H
#define GENKAN_RELAY_POLL_MASK_H

#include <stdbool.h>
#include <stddef.h>

/* A direction that holds this much unsent data stops reading its source. */
#define LEG_HIGH_WATER (1024 * 1024)

enum leg_phase {
	LEG_ABSENT,	/* the guest before it is dialled */
	LEG_CLEAR,	/* X.224 in clear */
	LEG_FLUSHING,	/* the last clear bytes go out, TLS begins behind them */
	LEG_HANDSHAKE,
	LEG_OPEN,	/* TLS */
	LEG_CLOSING,	/* what is queued goes out, nothing is read */
	LEG_LINGER,	/* all is out; what still comes in is thrown away until the peer closes, so
			 * that no reset overtakes our last words */
	LEG_CLOSED,
};

struct leg_facts {
	enum leg_phase phase;
	bool tls_wants_write;	/* HANDSHAKE: blocked on writing; otherwise on reading */
	size_t queued;		/* unsent bytes towards this peer */
	size_t other_queued; /* unsent bytes towards the other peer, where this one's data goes */
	bool session_reads;	/* rdp_session_reads() for this side */
};

/* Events for poll(2). A peer that is not read for the moment because the session waits for
 * something else is still watched for having left (POLLRDHUP); one that is not read because the
 * other side is slow is not: its last words are still in the socket. */
short poll_mask(const struct leg_facts *leg);

/* True when bytes of this peer may be read now. */
bool poll_may_read(const struct leg_facts *leg);

#endif
