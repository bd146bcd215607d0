/* SPDX-License-Identifier: Apache-2.0 */
/* login.h - POST /v1/login, from the typed name and password to the answer:
 *
 *	gates -> throttle -> directory -> one transaction (user, login, assignment, ticket) -> reply
 *
 * What a stranger learns is one constant answer, whether the user exists or not. */
#ifndef GENKAN_SESSION_LOGIN_H
#define GENKAN_SESSION_LOGIN_H

#include "broker/api/request.h"

struct login_gate *login_gate_new(const struct broker_config *config);
void login_gate_free(struct login_gate *gate);
DEFINE_OWNED(login_gate_free, struct login_gate);

void login_begin(struct request *r);

#endif
