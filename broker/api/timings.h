/* SPDX-License-Identifier: Apache-2.0 */
/* timings.h - how long the newest logins and starts of desktops took, stage by stage: what the console
 * draws. Kept in memory only; the logs have them all. Loop thread. */
#ifndef GENKAN_API_TIMINGS_H
#define GENKAN_API_TIMINGS_H

#include "broker/api/request.h"

struct timings;

struct timings *timings_new(void);
void timings_free(struct timings *timings);
DEFINE_OWNED(timings_free, struct timings);
/* A login that was let in. */
void timings_note(struct timings *timings, const struct request *r, int64_t total_us);
/* What a host's report says of starts; those that it has told before are known by their time. */
void timings_take(struct timings *timings, const char *host, const json_t *report);

/* GET /v1/admin/timings */
void timings_get(struct request *r);

#endif
