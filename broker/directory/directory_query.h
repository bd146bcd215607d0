/* SPDX-License-Identifier: Apache-2.0 */
/* directory_query.h - one question put to one directory server, on a worker thread. */
#ifndef GENKAN_DIRECTORY_DIRECTORY_QUERY_H
#define GENKAN_DIRECTORY_DIRECTORY_QUERY_H

#include "broker/directory/directory.h"
#include "broker/directory/group_cache.h"
#include "broker/directory/known_dns.h"

struct ldap_link;

/* Connections of one worker to one server. */
struct directory_links {
	struct ldap_link *searcher; /* bound as the service account */
	struct ldap_link *binder;   /* bound as whoever logs in */
};
void directory_links_close(struct directory_links *links);

enum directory_asked {
	DIRECTORY_ASK_LOGIN,
	DIRECTORY_ASK_ID,
	DIRECTORY_ASK_NAME,
	DIRECTORY_ASK_CHANGE, /* of the password */
	DIRECTORY_ASK_PROBE,  /* of the server: nothing but whether it answers */
};

struct directory_question {
	enum directory_asked what;
	const char *text;              /* user name or id */
	struct secret password, fresh; /* for a login, for a change */
	int64_t deadline_ms;           /* monotonic */
	struct directory_trace *trace; /* NULL: nobody wants to know */
};

/* A password that may be sent: not empty, not only white space, without NUL. */
bool directory_password_usable(const struct secret *password);

struct directory_query {
	const struct directory_config *config;
	const struct secret *service_password;
	struct group_cache *groups;
	struct known_dns *dns;
	const char *uri;
	struct directory_links *links;
	const struct directory_question *question;
	int64_t deadline_ms;
	struct directory_answer *answer; /* zeroed before */
};

/* 0: this server has answered, and the answer has a verdict. Else it could not: ask another. */
int directory_query_run(struct directory_query *query) MUST_CHECK;

/* In directory_groups.c: the groups of the person in the answer, nested ones too. */
int directory_query_groups(struct directory_query *query, const char *dn, const char *gid,
			   const char *sid) MUST_CHECK;
/* Notes a step that began at *since_us, which becomes now. */
void directory_query_step(struct directory_query *query, const char *what, int64_t *since_us,
			  const char *detail, bool failed);

#endif
