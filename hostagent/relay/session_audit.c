/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/relay/session_audit.h"

#include <stdio.h>

/* Cuts at the end of the field: these texts are for people, and ours but for channel names. */
static void put(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text);
}

static void fill(struct message_event *e, const char *kind, const char *what, const char *name,
		 uint32_t count)
{
	*e = (struct message_event){ .count = count };
	put(e->kind, sizeof(e->kind), kind);
	put(e->what, sizeof(e->what), what);
	put(e->name, sizeof(e->name), name);
}

void audit_active(struct message_event *out)
{
	fill(out, "session_active", "", "", 1);
}

void audit_denied(const struct rdp_denied *denied, struct message_event *out)
{
	fill(out, "denied", rdp_denied_name(denied->kind), denied->name, 1);
	put(out->rule, sizeof(out->rule), denied->rule ? denied->rule : "");
	snprintf(out->detail, sizeof(out->detail), "wanted by the %s", rdp_side_name(denied->from));
}

bool audit_denied_rest(const struct rdp_denied *denied, struct message_event *out)
{
	if (denied->count <= 1)
		return false;
	audit_denied(denied, out);
	out->count = denied->count - 1;
	return true;
}

void audit_fault(const struct rdp_fault *fault, struct message_event *out)
{
	fill(out, "refused", "pdu", fault->pdu, 1);
	snprintf(out->detail, sizeof(out->detail), "%s (from the %s, byte %llu)", fault->reason,
		 rdp_side_name(fault->from), (unsigned long long)fault->offset);
}

void audit_tls(enum rdp_side side, const char *reason, struct message_event *out)
{
	fill(out, "refused", "tls", rdp_side_name(side), 1);
	put(out->detail, sizeof(out->detail), reason);
}

bool audit_early_end(enum rdp_end end, enum rdp_state state, struct message_event *out)
{
	switch (end) {
	case RDP_END_TIMEOUT:
	case RDP_END_PROTOCOL:
	case RDP_END_GUEST_UNREACHABLE:
		fill(out, "refused", "pdu", rdp_end_name(end), 1);
		snprintf(out->detail, sizeof(out->detail), "in state %s", rdp_state_name(state));
		return true;
	case RDP_END_TICKET:
		fill(out, "refused", "ticket", rdp_end_name(end), 1);
		return true;
	case RDP_END_NONE:
	case RDP_END_CLIENT_LEFT:
	case RDP_END_GUEST_LEFT:
	case RDP_END_CLIENT_GONE:
	case RDP_END_GUEST_GONE:
	case RDP_END_REVOKED:
	case RDP_END_MOVED:
	case RDP_END_IDLE:
	case RDP_END_EXCEPTION:
	case RDP_END_SHUTDOWN:
	case RDP_END_FAULT:
		return false;
	}
	return false;
}

void audit_ended(enum rdp_end end, const uint64_t bytes[RDP_SIDES], struct message_event *out)
{
	fill(out, "session_ended", "", rdp_end_name(end), 1);
	snprintf(out->detail, sizeof(out->detail), "%llu bytes to the desktop, %llu from it",
		 (unsigned long long)bytes[RDP_CLIENT], (unsigned long long)bytes[RDP_GUEST]);
}
