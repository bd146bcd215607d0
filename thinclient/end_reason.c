/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/end_reason.h"

#include <freerdp/error.h>
#include <string.h>
#include "common/base/cleanup.h"

static const struct {
	uint32_t code;
	const char *reason;
} connect_reasons[] = {
	{ FREERDP_ERROR_CONNECT_ACCESS_DENIED, "ticket_invalid" },
	{ FREERDP_ERROR_CONNECT_LOGON_FAILURE, "ticket_invalid" },
	{ FREERDP_ERROR_AUTHENTICATION_FAILED, "ticket_invalid" },
	{ FREERDP_ERROR_DNS_ERROR, "relay_unreachable" },
	{ FREERDP_ERROR_DNS_NAME_NOT_FOUND, "relay_unreachable" },
	{ FREERDP_ERROR_CONNECT_FAILED, "relay_unreachable" },
	{ FREERDP_ERROR_CONNECT_TRANSPORT_FAILED, "relay_unreachable" },
}, session_reasons[] = {
	{ ERRINFO_DISCONNECTED_BY_OTHER_CONNECTION, "session_moved" },
	{ ERRINFO_LOGOFF_BY_USER, "session_ended" },
	{ ERRINFO_RPC_INITIATED_LOGOFF, "session_ended" },
	{ ERRINFO_RPC_INITIATED_DISCONNECT, "session_disconnected" },
	{ ERRINFO_RPC_INITIATED_DISCONNECT_BY_USER, "session_disconnected" },
	{ ERRINFO_IDLE_TIMEOUT, "idle_timeout" },
	{ ERRINFO_LOGON_TIMEOUT, "idle_timeout" },
};

const char *end_reason(const struct end_facts *facts)
{
	if (facts->pin_refused)
		return "relay_untrusted";
	if (facts->asked)
		return "closed";
	for (size_t i = 0; i < ARRAY_LEN(session_reasons); i++)
		if (facts->error_info == session_reasons[i].code)
			return session_reasons[i].reason;
	if (facts->was_active)
		return "connection_lost";
	for (size_t i = 0; i < ARRAY_LEN(connect_reasons); i++)
		if (facts->last_error == connect_reasons[i].code)
			return connect_reasons[i].reason;
	return "relay_refused";
}

bool end_reason_is_normal(const char *reason)
{
	static const char *const normal[] = { "closed", "session_moved", "session_ended",
					      "session_disconnected", "idle_timeout" };

	for (size_t i = 0; i < ARRAY_LEN(normal); i++)
		if (strcmp(reason, normal[i]) == 0)
			return true;
	return false;
}
