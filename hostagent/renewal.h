/* SPDX-License-Identifier: Apache-2.0 */
/* renewal.h - the host's certificate is renewed in time, and nobody is surprised by its end. The agent
 * goes on meanwhile, and so do sessions. Loop thread. */
#ifndef GENKAN_HOSTAGENT_RENEWAL_H
#define GENKAN_HOSTAGENT_RENEWAL_H

#include "common/sys/loop.h"
#include "hostagent/config.h"

struct renewal;

int renewal_new(struct loop *loop, const struct hostagent_config *config, struct renewal **out,
		struct error *err) MUST_CHECK;
/* Ends a question that is on its way. */
void renewal_free(struct renewal *renewal);
DEFINE_OWNED(renewal_free, struct renewal);

/* 30 days before the end, and of one that was made for a short time in its last third. */
bool renewal_due(int64_t begins_s, int64_t ends_s, int64_t now_s);
/* How many of the warnings have come due: at 30, 7 and 1 days before the end, and behind it. */
unsigned renewal_warnings(int64_t ends_s, int64_t now_s);

#endif
