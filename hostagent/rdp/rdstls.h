/* SPDX-License-Identifier: Apache-2.0 */
/* rdstls.h - RDSTLS, the exchange inside TLS that carries our ticket (MS-RDPBCGR 5.4.5.3, 2.2.17).
 *
 *	relay  -> client  Capabilities
 *	client -> relay   Authentication Request with password credentials
 *	relay  -> client  Authentication Response
 *
 * Not framed in TPKT. Our mapping of the ticket: RedirectionGuid is the 16 bytes of the locator;
 * Password is the secret as base64url (43 characters) in UTF-16LE, with or without a NUL; user
 * name and domain are there because the format has them, and are not looked at. */
#ifndef GENKAN_HOSTAGENT_RDP_RDSTLS_H
#define GENKAN_HOSTAGENT_RDP_RDSTLS_H

#include "hostagent/rdp/pdu.h"

#define RDSTLS_GUID_LEN 16
#define RDSTLS_SECRET_LEN 32
/* No field of ours is longer: user names are at most 256 UTF-16 units. */
#define RDSTLS_FIELD_MAX 512

enum rdstls_result {
	RDSTLS_SUCCESS = 0x00000000,
	RDSTLS_ACCESS_DENIED = 0x00000005,
};

struct rdstls_request {
	uint8_t locator[RDSTLS_GUID_LEN];
	uint8_t secret[RDSTLS_SECRET_LEN];
};

/* Stream parser. A ticket of another shape is -EBADMSG, like any other malformed PDU. */
ssize_t rdstls_request_parse(struct span in, struct rdstls_request *out, const char **why);
void rdstls_capabilities_encode(struct buf *out);
void rdstls_response_encode(enum rdstls_result result, struct buf *out);

#endif
