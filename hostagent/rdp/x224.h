/* SPDX-License-Identifier: Apache-2.0 */
/* x224.h - X.224 connection request and confirm (MS-RDPBCGR 2.2.1.1, 2.2.1.2).
 * Parsers take the body of a TPKT; encoders append a whole TPKT. */
#ifndef GENKAN_HOSTAGENT_RDP_X224_H
#define GENKAN_HOSTAGENT_RDP_X224_H

#include "hostagent/rdp/pdu.h"

#define X224_PROTOCOL_SSL 0x00000001u
#define X224_PROTOCOL_HYBRID 0x00000002u
#define X224_PROTOCOL_RDSTLS 0x00000004u

/* RDP_NEG_RSP flags (2.2.1.2.1) */
#define X224_EXTENDED_CLIENT_DATA 0x01
#define X224_DYNVC_GFX 0x02

/* RDP_NEG_FAILURE codes (2.2.1.2.2) */
#define X224_FAIL_SSL_REQUIRED 0x00000001u

struct x224_request {
	struct span token;	/* routing token or cookie line without CRLF; empty for none */
	bool has_protocols;
	uint8_t flags;	/* RDP_NEG_REQ flags */
	uint32_t protocols;	/* 0 (plain RDP security) when there is no RDP_NEG_REQ */
	bool has_correlation;
};

struct x224_confirm {
	bool failed;
	uint8_t flags;
	uint32_t protocol;	/* selected; meaningless when failed */
	uint32_t failure_code;
};

int x224_request_parse(struct span body, struct x224_request *out, const char **why);
void x224_request_encode(uint32_t protocols, struct buf *out);
/* A confirm without negotiation data is protocol 0: plain RDP security. */
int x224_confirm_parse(struct span body, struct x224_confirm *out, const char **why);
void x224_confirm_encode(const struct x224_confirm *confirm, struct buf *out);

/* The three bytes before every MCS PDU: X.224 data, class 0, end of TSDU. */
bool x224_data_read(struct reader *r);
void x224_data_put(struct buf *out);

#endif
