/* SPDX-License-Identifier: Apache-2.0 */
/* audit.h - the rows of the audit log that the broker writes, as steps of state jobs: a row is in
 * the same transaction as what it tells. */
#ifndef GENKAN_AUDIT_AUDIT_H
#define GENKAN_AUDIT_AUDIT_H

#include "common/data/json.h"
#include "db/store.h"

struct audit {
	const char *who, *source, *what, *subject;
	enum reason reason;
	bool denied;
	json_t *details;	/* taken; NULL = {} */
};

/* Adds the id of the request for which the job runs. */
int audit_append(struct store *store, const struct audit *row, struct error *err) MUST_CHECK;

#endif
