/* SPDX-License-Identifier: Apache-2.0 */
/* directory_query.h - one question put to the directory, on a worker thread. */
#ifndef GENKAN_DIRECTORY_DIRECTORY_QUERY_H
#define GENKAN_DIRECTORY_DIRECTORY_QUERY_H

#include <stdatomic.h>
#include "broker/directory/directory.h"

struct ldap_link;

/* The servers, shared by all workers. */
struct directory_servers {
	const char *uri[DIRECTORY_MAX_SERVERS];
	size_t count;
	_Atomic int64_t suspect_until_ms[DIRECTORY_MAX_SERVERS];
};

/* Connections of one worker; both to the same server. */
struct directory_links {
	size_t server;
	struct ldap_link *searcher;	/* bound as the service account */
	struct ldap_link *binder;	/* bound as whoever logs in */
};

enum directory_asked { DIRECTORY_ASK_LOGIN, DIRECTORY_ASK_ID, DIRECTORY_ASK_NAME };

struct directory_question {
	enum directory_asked what;
	const char *text;		/* user name or id */
	struct secret password;		/* for a login */
	int64_t deadline_ms;		/* monotonic */
};

void directory_links_close(struct directory_links *links);

/* A password that may be sent: not empty, not only white space, without NUL. */
bool directory_password_usable(const struct secret *password);

/* `answer` is zeroed before; always gets a verdict. */
void directory_ask(const struct directory_config *config, const struct secret *service_password,
		   struct directory_servers *servers, struct directory_links *links,
		   const struct directory_question *question, struct directory_answer *answer);

#endif
