/* SPDX-License-Identifier: Apache-2.0 */
/* roles.h - what somebody may do on the admin side, by the groups of the directory. Pure.
 *
 *	employee    has a session; nothing here
 *	helpdesk    looks at desktops and sessions, restarts, resets, ends
 *	pool-admin  what concerns the pools of a department, and these only
 *	auditor     looks at everything, changes nothing
 *	admin       everything; also whoever has an admin certificate */
#ifndef GENKAN_API_ROLES_H
#define GENKAN_API_ROLES_H

#include "common/base/buf.h"
#include "common/base/error.h"
#include "pool/entitlement.h"

enum role {
	ROLE_HELPDESK = 1 << 0,
	ROLE_POOL_ADMIN = 1 << 1,
	ROLE_AUDITOR = 1 << 2,
	ROLE_ADMIN = 1 << 3,
};

struct roles_config {	/* groups by name or DN, separated by ";" */
	char *helpdesk, *auditor, *admin;
	char *pool_admin;	/* "GROUP: POOL POOL*; ..." */
};

#define ROLES_SCOPE_SIZE 1024

struct roles {
	unsigned set;			/* of enum role */
	char scope[ROLES_SCOPE_SIZE];	/* pools of a pool-admin, "*" at the end matches */
};

/* -EINVAL names what is wrong with the configuration. */
int roles_check(const struct roles_config *config, struct error *err) MUST_CHECK;
struct roles roles_of(const struct roles_config *config, const struct pool_group *groups,
		      size_t count);
/* Whether one of them is in the list of a setting. */
bool roles_any_group(const char *list, const struct pool_group *groups, size_t count);
/* "admin helpdesk" as a set; -EINVAL names the word that is no role. */
int roles_parse_words(const char *words, unsigned *out, struct error *err) MUST_CHECK;
bool roles_scope_has(const char *scope, const char *pool);
/* "admin auditor", "" without any. */
void roles_words(unsigned set, struct buf *out);

#endif
