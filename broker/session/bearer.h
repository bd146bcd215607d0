/* SPDX-License-Identifier: Apache-2.0 */
/* bearer.h - from a bearer token to the person behind it, as the directory knows them now. */
#ifndef GENKAN_SESSION_BEARER_H
#define GENKAN_SESSION_BEARER_H

#include "broker/api/request.h"

struct bearer {
	struct store_login login;
	struct store_user user;
	bool confirmed;		/* the directory answered; else `person` has no groups */
	struct directory_person person;
};
void bearer_free(struct bearer *bearer);
DEFINE_OWNED(bearer_free, struct bearer);

/* Calls `fn` with the bearer, which it takes; or answers session_expired, account_disabled or busy
 * itself, and then `fn` does not come and `drop` frees `arg`. */
typedef void bearer_fn(struct request *r, struct bearer *bearer, void *arg);
typedef void bearer_drop_fn(void *arg);
enum bearer_kind {
	BEARER_CLIENT,		/* as the store knows them */
	BEARER_CLIENT_NOW,	/* and as the directory does now */
	BEARER_STAFF,		/* a token of the admin side, asked of the directory */
	BEARER_EITHER,		/* one of either side, asked of the directory */
};
void bearer_find(struct request *r, enum bearer_kind kind, bearer_fn *fn, bearer_drop_fn *drop,
		 void *arg);

#endif
