/* SPDX-License-Identifier: Apache-2.0 */
/* login.h - POST /v1/login, from the typed name and password to the answer:
 *
 *	attempt.h -> one transaction (user, login, assignment, ticket) -> reply
 *
 * What a stranger learns is one constant answer, whether the user exists or not. */
#ifndef GENKAN_SESSION_LOGIN_H
#define GENKAN_SESSION_LOGIN_H

#include "broker/api/request.h"

void login_begin(struct request *r);
/* POST /v1/login/second-factor: the code that a login was answered to need. */
void login_second_factor(struct request *r);

#endif
