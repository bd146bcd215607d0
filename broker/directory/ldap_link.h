/* SPDX-License-Identifier: Apache-2.0 */
/* ldap_link.h - one verified connection to one directory server.
 *
 * Worker threads only. Every call takes `deadline_ms` (monotonic) and returns by then: the request
 * is sent by the asynchronous calls of libldap and its answer awaited here, because libldap's own
 * time-outs do not cover a server that accepts and then is silent. After -ETIMEDOUT, -ECONNRESET
 * or -EPROTO the link is of no use and must be freed. */
#ifndef GENKAN_DIRECTORY_LDAP_LINK_H
#define GENKAN_DIRECTORY_LDAP_LINK_H

#include <ldap.h>
#include "common/base/error.h"
#include "common/base/secret.h"

struct ldap_link;

struct ldap_link_config {
	const char *uri;
	bool start_tls;
	const char *ca_file;
};

DEFINE_OWNED(ldap_msgfree, LDAPMessage);
DEFINE_OWNED(ldap_memfree, char);

/* For the whole process: ldap.conf and LDAP* variables are ignored. Before any thread exists. */
void ldap_link_init_process(void);

/* TCP, TLS 1.2 or later with the server's certificate and name verified; nothing bound yet. */
int ldap_link_open(const struct ldap_link_config *config, int64_t deadline_ms,
		   struct ldap_link **out, struct error *err) MUST_CHECK;
void ldap_link_free(struct ldap_link *link);
DEFINE_OWNED(ldap_link_free, struct ldap_link);

/* -EACCES: the server said no (wrong password, no such object). */
int ldap_link_bind(struct ldap_link *link, const char *dn, struct span password,
		   int64_t deadline_ms, struct error *err) MUST_CHECK;
/* -EACCES when the server takes us for anybody else than `dn`. */
int ldap_link_is_bound_as(struct ldap_link *link, const char *dn, int64_t deadline_ms,
			  struct error *err) MUST_CHECK;
/* -E2BIG when there were more than `limit`; -ENOENT when the base does not exist. */
int ldap_link_search(struct ldap_link *link, const char *base, int scope, const char *filter,
		     char **attributes, int limit, int64_t deadline_ms, LDAPMessage **out,
		     struct error *err) MUST_CHECK;

LDAP *ldap_link_handle(struct ldap_link *link);

#endif
