/* SPDX-License-Identifier: Apache-2.0 */
/* inspections.h - an administrator's question what a desktop sees of its client's devices, on its way
 * to the guest and back. Kept in memory only: who asked is waiting for the answer. The host is told
 * with what it should have, and tells with what it has. Loop thread only. */
#ifndef GENKAN_CONDUCTOR_INSPECTIONS_H
#define GENKAN_CONDUCTOR_INSPECTIONS_H

#include "broker/api/request.h"

struct inspections *inspections_new(struct broker *broker);
/* Those who wait are told that the broker stops. */
void inspections_free(struct inspections *inspections);

/* Asks the desktop on that host; answers the request. */
void inspections_ask(struct inspections *inspections, const char *desktop, const char *host,
		     struct request *r);
/* Puts what is asked for into the answer for a host. */
void inspections_add(struct inspections *inspections, json_t *answer);
/* Looks for answers in what a host reports. */
void inspections_take(struct inspections *inspections, const char *host, const json_t *report);

#endif
