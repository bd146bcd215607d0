/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/session/exceptions.h"

#include "broker/audit/audit.h"

json_t *exceptions_json(const struct store_exception *e)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:I, s:s, s:I, s:I, s:I, s:s, "
			 "s:I}",
			 "id", e->id, "state", exception_state_word(e->state), "user",
			 e->user_name, "pool", e->pool, "device", e->device, "reason", e->reason,
			 "duration_ms", (json_int_t)e->duration_ms, "requested_by",
			 e->requested_by, "requested_at_ms", (json_int_t)e->requested_at_ms,
			 "approved_by", e->approved_by, "approved_at_ms",
			 (json_int_t)e->approved_at_ms, "expires_at_ms",
			 (json_int_t)e->expires_at_ms, "used_at_ms", (json_int_t)e->used_at_ms,
			 "ended_by", e->ended_by, "ended_at_ms", (json_int_t)e->ended_at_ms);
}

json_t *exceptions_for_client(const struct store_exception *e)
{
	return json_pack("{s:s, s:s, s:I, s:s, s:s}", "id", e->id, "device", e->device,
			 "expires_at_ms", (json_int_t)e->expires_at_ms, "approved_by",
			 e->approved_by, "reason", e->reason);
}

/* A span of time, because the relay's clock may differ from ours. */
json_t *exceptions_for_relay(const struct store_exception *e, int64_t now_ms)
{
	int64_t left_ms = e->expires_at_ms - now_ms;

	return json_pack("{s:s, s:s, s:I}", "id", e->id, "device", e->device, "expires_in_ms",
			 (json_int_t)(left_ms > 0 ? left_ms : 0));
}

int exceptions_audit(struct store *store, const struct store_exception *e, const char *what,
		     const char *who, const char *source, const char *session, struct error *err)
{
	struct audit row = {
		.who = who,
		.source = source,
		.what = what,
		.reason = REASON_OK,
		.subject = e->id,
		.details = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s}", "user",
				     e->user_name, "pool", e->pool, "device", e->device, "reason",
				     e->reason, "requested_by", e->requested_by, "approved_by",
				     e->approved_by, "duration_ms", (json_int_t)e->duration_ms,
				     "expires_at_ms", (json_int_t)e->expires_at_ms, "session",
				     session),
	};

	return audit_append(store, &row, err);
}

int exceptions_expire(struct store *store, int64_t now_ms, bool *ended, struct error *err)
{
	OWNED(store_exception_list_done) struct store_exception_list list = { 0 };
	int rc = store_exceptions_expire(store, now_ms, &list, err);

	*ended = list.count > 0;
	for (size_t i = 0; i < list.count && rc == 0; i++)
		rc = exceptions_audit(store, &list.items[i], "exception_expired", "", "", "", err);
	return rc;
}
