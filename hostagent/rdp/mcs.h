/* SPDX-License-Identifier: Apache-2.0 */
/* mcs.h - T.125 as RDP uses it: the connect PDUs (MS-RDPBCGR 2.2.1.3, 2.2.1.4; BER) and the
 * domain PDUs (2.2.1.5 to 2.2.1.9, 2.2.2.3; aligned PER). Parsers take the body of a TPKT,
 * encoders append a whole TPKT. */
#ifndef GENKAN_HOSTAGENT_RDP_MCS_H
#define GENKAN_HOSTAGENT_RDP_MCS_H

#include "hostagent/rdp/pdu.h"

#define MCS_USER_BASE 1001	/* user ids travel less this much */
#define MCS_REASON_PROVIDER 1	/* rn-provider-initiated; 3 is rn-user-requested, a logoff */
#define MCS_DOMAIN_PARAMETERS 8

struct mcs_domain {
	uint32_t value[MCS_DOMAIN_PARAMETERS];
};

struct mcs_connect_initial {
	struct mcs_domain target, minimum, maximum;
	struct span user_data;	/* the GCC conference create request */
};

struct mcs_connect_response {
	uint32_t result;	/* 0 = rt-successful; anything else has no useful user data */
	uint32_t called_id;
	struct mcs_domain domain;
	struct span user_data;	/* the GCC conference create response */
};

int mcs_connect_initial_parse(struct span body, struct mcs_connect_initial *out, const char **why);
void mcs_connect_initial_encode(const struct mcs_connect_initial *pdu, struct buf *out);
int mcs_connect_response_parse(struct span body, struct mcs_connect_response *out,
			       const char **why);
void mcs_connect_response_encode(const struct mcs_connect_response *pdu, struct buf *out);

enum mcs_type {	/* the CHOICE index of DomainMCSPDU */
	MCS_ERECT_DOMAIN = 1,
	MCS_DISCONNECT = 8,
	MCS_ATTACH_REQUEST = 10,
	MCS_ATTACH_CONFIRM = 11,
	MCS_JOIN_REQUEST = 14,
	MCS_JOIN_CONFIRM = 15,
	MCS_SEND_REQUEST = 25,
	MCS_SEND_INDICATION = 26,
};

struct mcs_pdu {
	enum mcs_type type;
	uint8_t result;	/* confirms: 0 = rt-successful; disconnect: the reason */
	uint16_t initiator;	/* a user id, MCS_USER_BASE added */
	uint16_t requested;	/* join confirm: the channel that was asked for */
	uint16_t channel;	/* 0 in a join confirm that refuses */
	struct span data;	/* send request and indication */
};

/* Any other type is -EBADMSG. */
int mcs_parse(struct span body, struct mcs_pdu *out, const char **why);
/* Any but the send types, which go through mcs_send_begin(). */
void mcs_encode(const struct mcs_pdu *pdu, struct buf *out);

/* Appends everything up to the data; mcs_send_end() sets the lengths. */
size_t mcs_send_begin(struct buf *out, enum mcs_type type, uint16_t initiator, uint16_t channel);
void mcs_send_end(struct buf *out, size_t begun_at);

#endif
