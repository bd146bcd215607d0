/* SPDX-License-Identifier: Apache-2.0 */
/* api.h - every address the broker answers to, and who may use it: the two tables in api.c. */
#ifndef GENKAN_API_API_H
#define GENKAN_API_API_H

#include "broker/api/request.h"

/* http_handler_fn of the two servers; `arg` is the broker. */
void api_client_request(void *broker, struct http_exchange *x);
void api_agent_request(void *broker, struct http_exchange *x);

#endif
