/* SPDX-License-Identifier: Apache-2.0 */
/* audit_chain.h - how rows of the audit log hang together: each holds the SHA-256 of the one before
 * it and of its own fields, so that a row changed, taken out or put in between shows. The broker
 * writes by it, and genkanctl checks by it what the broker gives out. Pure. */
#ifndef GENKAN_WIRE_AUDIT_CHAIN_H
#define GENKAN_WIRE_AUDIT_CHAIN_H

#include <stdbool.h>
#include <stdint.h>
#include "common/base/error.h"

#define AUDIT_HASH_SIZE 65	/* lowercase hex */

struct audit_link {
	int64_t id, at_ms;
	bool denied;
	const char *who, *source, *what, *code, *subject;
	const char *details;	/* the JSON text as it was written */
};

/* `previous` is the hash of the row before, "" for the first. */
int audit_chain_hash(const char *previous, const struct audit_link *row, char out[AUDIT_HASH_SIZE],
		     struct error *err) MUST_CHECK;

struct audit_walk {	/* zeroed: at the beginning */
	int64_t rows;
	char previous[AUDIT_HASH_SIZE];
};
/* The next row, with what it says itself. -EBADMSG names it when it does not fit. */
int audit_chain_next(struct audit_walk *walk, const struct audit_link *row, const char *previous,
		     const char *sha256, struct error *err) MUST_CHECK;

#endif
