/* SPDX-License-Identifier: Apache-2.0 */
/* session_audit.h - turns what a session refused and how it ended into audit events.
 *
 * R12: the first refusal of each kind and name is told at once, the rest as one count at the end,
 * so that the counts of all events of a name add up. Nothing here carries payload. Pure. */
#ifndef GENKAN_RELAY_SESSION_AUDIT_H
#define GENKAN_RELAY_SESSION_AUDIT_H

#include "hostagent/rdp/session.h"
#include "hostagent/relay/message.h"

void audit_active(struct message_event *out);
/* The first refusal. */
void audit_denied(const struct rdp_denied *denied, struct message_event *out);
/* What came after the first; false when nothing did. */
bool audit_denied_rest(const struct rdp_denied *denied, struct message_event *out);
void audit_fault(const struct rdp_fault *fault, struct message_event *out);
/* `side`'s TLS broke or could not be had. */
void audit_tls(enum rdp_side side, const char *reason, struct message_event *out);
/* An end before the desktop was shown that a security officer wants to see; false when it is an
 * ordinary one (the peer left, a shutdown) or is told by its own event. */
bool audit_early_end(enum rdp_end end, enum rdp_state state, struct message_event *out);
/* With the bytes each side has sent. */
void audit_ended(enum rdp_end end, const uint64_t bytes[RDP_SIDES], struct message_event *out);

#endif
