/* SPDX-License-Identifier: Apache-2.0 */
/* exceptions.h - exceptions as JSON and in the audit log; steps of state jobs. */
#ifndef GENKAN_SESSION_EXCEPTIONS_H
#define GENKAN_SESSION_EXCEPTIONS_H

#include "common/data/json.h"
#include "db/store.h"

/* New references. */
json_t *exceptions_json(const struct store_exception *exception);	/* for administrators */
json_t *exceptions_for_client(const struct store_exception *exception);
json_t *exceptions_for_relay(const struct store_exception *exception, int64_t now_ms);

/* "exception_requested", "exception_approved", "exception_used", "exception_revoked",
 * "exception_expired". `session` may be "". */
int exceptions_audit(struct store *store, const struct store_exception *exception, const char *what,
		     const char *who, const char *source, const char *session,
		     struct error *err) MUST_CHECK;

/* Ends what is over, with its rows. `ended`: sessions may have ended with it. */
int exceptions_expire(struct store *store, int64_t now_ms, bool *ended,
		      struct error *err) MUST_CHECK;

#endif
