/* SPDX-License-Identifier: Apache-2.0 */
/* counters.h - what the broker counts, for GET /metrics. Loop thread only. */
#ifndef GENKAN_API_COUNTERS_H
#define GENKAN_API_COUNTERS_H

#include "broker/api/request.h"

void counters_request(struct broker *broker, int status, const char *code);
/* Something a relay refused ("device", "static_channel", "ticket" ...), so many times. */
void counters_refusal(struct broker *broker, const char *what, int64_t count);
/* "session_active", "session_ended" */
void counters_session(struct broker *broker, const char *event);

/* A process of the broker that has ended by itself: "front", "directory". */
void counters_process(struct broker *broker, const char *process);

/* Needs an admin certificate. */
void counters_get(struct request *r);

#endif
