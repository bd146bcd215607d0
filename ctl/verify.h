/* SPDX-License-Identifier: Apache-2.0 */
/* verify.h - what a probe session proved about a pool's policy. Pure: from what the desktop saw, what
 * the relay refused and what the policy says to a verdict for each way in which data could pass. */
#ifndef GENKAN_CTL_VERIFY_H
#define GENKAN_CTL_VERIFY_H

#include "common/base/buf.h"
#include "common/data/json.h"

/* A new reference: an object with "result" ("pass" or "fail") and "ways", one object each of way,
 * offered, policy, arrived (list), refused (list), result and why.
 *	policy	the pool's, item -> value
 *	found	what the desktop saw (genkan-guest)
 *	denied	rows of the audit log of that session */
json_t *verify_judge(const json_t *policy, const json_t *found, const json_t *denied);

/* SHA-256 of the policy in its stored form, so that two reports can be compared. */
int verify_policy_hash(const json_t *policy, char out[65], struct error *err) MUST_CHECK;

/* The report as a person reads it. */
void verify_print(const json_t *report, struct buf *out);

#endif
