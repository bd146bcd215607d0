/* SPDX-License-Identifier: Apache-2.0 */
/* end_reason.h - why a session ended, as one of our reason codes. Pure. */
#ifndef GENKAN_THINCLIENT_END_REASON_H
#define GENKAN_THINCLIENT_END_REASON_H

#include <stdbool.h>
#include <stdint.h>

struct end_facts {
	bool asked;		/* we closed it ourselves */
	bool was_active;	/* the desktop had been reached */
	bool pin_refused;	/* the certificate was not the one the broker named */
	uint32_t last_error;	/* freerdp_get_last_error() */
	uint32_t error_info;	/* Set Error Info PDU, MS-RDPBCGR 2.2.5.1 */
};

/* A constant word: closed, relay_untrusted, ticket_invalid, relay_unreachable, relay_refused,
 * session_moved, session_ended, session_disconnected, idle_timeout, connection_lost. */
const char *end_reason(const struct end_facts *facts);
/* True for the ends that are nobody's fault: the user left, or took the desktop elsewhere. */
bool end_reason_is_normal(const char *reason);

#endif
