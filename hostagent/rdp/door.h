/* SPDX-License-Identifier: Apache-2.0 */
/* door.h - what a client is told first: whether, and how, the relay will speak with it
 * (MS-RDPBCGR 2.2.1.1, 2.2.1.2). Decided once for those who answer in the lobby and for the
 * session, which hears the same request again. */
#ifndef GENKAN_HOSTAGENT_RDP_DOOR_H
#define GENKAN_HOSTAGENT_RDP_DOOR_H

#include "hostagent/rdp/session.h"
#include "hostagent/rdp/x224.h"

struct door {
	struct x224_confirm confirm; /* `failed`: it may not come in */
	uint32_t requested_protocols;
	bool standard; /* no client of ours: TLS, and its locator in the routing token */
	uint8_t locator[RDP_LOCATOR_LEN];
};

/* From the body of a TPKT, as all parsers here. */
int door_decide(struct span request, struct door *out, const char **why) MUST_CHECK;

#endif
