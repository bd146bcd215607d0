/* SPDX-License-Identifier: Apache-2.0 */
/* redeem.h - the messages of the agent link that the relay speaks: a ticket's redemption and audit
 * events, as JSON. Pure; broker_link.h carries them. */
#ifndef GENKAN_RELAY_REDEEM_H
#define GENKAN_RELAY_REDEEM_H

#include "common/data/json.h"
#include "hostagent/rdp/session.h"
#include "hostagent/relay/event_queue.h"
#include "hostagent/relay/message.h"

struct redemption {
	char session[20];	/* 16 hex digits */
	char request[65];	/* of the client's that the ticket was made for; "" not told */
	char user[256];
	char desktop[64];
	char guest_address[64];
	uint16_t guest_port;
	struct message_grant grant;
};

/* The body of POST /agent/v1/redeem; the caller wipes what it serializes to. */
json_t *redeem_request(const struct rdp_ticket *ticket, const char *client_address);
/* Its 200 answer. -EINVAL names the member that is missing or wrong. A policy member that this
 * relay does not know or cannot allow stays denied. */
int redeem_answer(const json_t *body, struct redemption *out, struct error *err) MUST_CHECK;
/* The body of POST /agent/v1/events. */
json_t *events_request(const struct event *events, size_t count);

#endif
