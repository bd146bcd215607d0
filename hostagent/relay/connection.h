/* SPDX-License-Identifier: Apache-2.0 */
/* connection.h - what the parent knows of one client's connection, and the questions its session
 * process may ask in which state.
 *
 * The session process is not trusted: it reads a stranger's bytes. It may redeem one ticket, and
 * be connected to the one guest that this ticket names, in this order. Everything else ends it. */
#ifndef GENKAN_RELAY_CONNECTION_H
#define GENKAN_RELAY_CONNECTION_H

#include "hostagent/relay/event_queue.h"
#include "hostagent/relay/listener.h"
#include "hostagent/relay/message.h"

enum connection_state {
	CONNECTION_NEW,		/* no ticket yet */
	CONNECTION_REDEEMING,	/* the broker is being asked */
	CONNECTION_REFUSED,	/* the ticket was no good; the client is being told */
	CONNECTION_GRANTED,	/* the guest may be dialled */
	CONNECTION_DIALLING,
	CONNECTION_JOINED,	/* the session process has, or cannot have, the guest's socket */
};

enum connection_step {
	STEP_REDEEM,	/* ask the broker */
	STEP_DIAL,	/* connect to the guest */
	STEP_TELL,	/* keep or pass on an event */
	STEP_USAGE,	/* note how much it is used */
	STEP_VIOLATION,	/* out of turn: end it */
};

/* What a packet from the session process means in this state; moves the state. Pure. */
enum connection_step connection_step(enum connection_state *state, uint32_t message_kind);

/* An audit event of the session process, made safe: fixed words only for kind and what, printable
 * ASCII for the rest. False when it is none that a session may tell. Pure. */
bool connection_event(const struct message_event *in, struct event *out);

#endif
