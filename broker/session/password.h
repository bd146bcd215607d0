/* SPDX-License-Identifier: Apache-2.0 */
/* password.h - POST /v1/password: the directory's password for a new one. Also for who may not log
 * in before; counted like a login. */
#ifndef GENKAN_SESSION_PASSWORD_H
#define GENKAN_SESSION_PASSWORD_H

#include "broker/api/request.h"

void password_change(struct request *r);

#endif
