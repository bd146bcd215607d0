/* SPDX-License-Identifier: Apache-2.0 */
/* staff.h - people of the admin side: they log in with their directory password instead of an admin
 * certificate, and what they may do is asked of the directory at every request. */
#ifndef GENKAN_SESSION_STAFF_H
#define GENKAN_SESSION_STAFF_H

#include "broker/api/request.h"

/* POST, GET and DELETE /v1/admin/session, and POST /v1/admin/session/second-factor. */
void staff_login(struct request *r);
void staff_second_factor(struct request *r);
void staff_whoami(struct request *r);
void staff_logout(struct request *r);

/* Do the settings ask for a second factor of who has these roles? */
bool staff_needs_factor(const struct broker_config *config, const struct roles *roles,
			const struct directory_person *person);
/* Fills r->roles by the bearer token and calls `fn`, or answers. */
typedef void staff_fn(struct request *r, const void *arg);
void staff_identify(struct request *r, staff_fn *fn, const void *arg);

#endif
