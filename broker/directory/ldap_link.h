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

/* What a server tells besides yes and no; which of them tells what is its own affair. */
enum ldap_account {
	LDAP_ACCOUNT_FINE,		/* or nothing was told */
	LDAP_ACCOUNT_DISABLED,
	LDAP_ACCOUNT_EXPIRED,
	LDAP_ACCOUNT_LOCKED,		/* after wrong passwords; told to whoever asks */
	LDAP_ACCOUNT_CHANGE_PASSWORD,	/* expired, or set by an admin */
};

/* -EACCES: the server said no (wrong password, no such object). `account` is written in both cases:
 * a password may be right and the account switched off, or right and to be changed first. */
int ldap_link_bind(struct ldap_link *link, const char *dn, struct span password,
		   int64_t deadline_ms, enum ldap_account *account, struct error *err) MUST_CHECK;

/* Whom we bound as, by whatever a server may answer Who-am-I with. */
struct ldap_identity {
	const char *dn;
	const char *account_name;	/* for "u:DOMAIN\\name"; "" none */
	const char *sid;		/* for servers that know no Who-am-I; "" none */
};
/* -EACCES when the server takes us for anybody else. */
int ldap_link_is_bound_as(struct ldap_link *link, const struct ldap_identity *who,
			  int64_t deadline_ms, struct error *err) MUST_CHECK;
/* -E2BIG when there were more than `limit`: `out` then has those that came; -ENOENT when the base
 * does not exist. */
int ldap_link_search(struct ldap_link *link, const char *base, int scope, const char *filter,
		     char **attributes, int limit, int64_t deadline_ms, LDAPMessage **out,
		     struct error *err) MUST_CHECK;

/* The two halves of a search, so that several are under way at once. `id` is of the first half. */
int ldap_link_search_send(struct ldap_link *link, const char *base, int scope, const char *filter,
			  char **attributes, int limit, int64_t deadline_ms, int *id,
			  struct error *err) MUST_CHECK;
int ldap_link_search_await(struct ldap_link *link, int id, int64_t deadline_ms, LDAPMessage **out,
			   struct error *err) MUST_CHECK;

/* The user's password, as the one bound on this link (RFC 3062). -EACCES: the old one is wrong;
 * -EPERM: the new one is not good enough or may not be changed now. */
int ldap_link_change_password(struct ldap_link *link, const char *dn, struct span old,
			      struct span fresh, int64_t deadline_ms, struct error *err) MUST_CHECK;
/* The same in Active Directory, on any bound link: old and new as unicodePwd (MS-ADTS 3.1.1.3.1.5). */
int ldap_link_change_ad_password(struct ldap_link *link, const char *dn, struct span old,
				 struct span fresh, int64_t deadline_ms,
				 struct error *err) MUST_CHECK;

LDAP *ldap_link_handle(struct ldap_link *link);

#endif
