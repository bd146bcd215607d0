/* SPDX-License-Identifier: Apache-2.0 */
/* servers.h - the directory's servers, which of them to ask, and a question put to one after the
 * other. Any thread. */
#ifndef GENKAN_DIRECTORY_SERVERS_H
#define GENKAN_DIRECTORY_SERVERS_H

#include <pthread.h>
#include "broker/directory/breaker.h"
#include "broker/directory/directory_query.h"

struct directory_servers {
	const char *uri[DIRECTORY_MAX_SERVERS];
	size_t count;
	pthread_mutex_t lock;		/* guards breakers */
	struct breaker breakers[DIRECTORY_MAX_SERVERS];
};

struct directory_asker {	/* what does not change from question to question */
	const struct directory_config *config;
	const struct secret *service_password;
	struct group_cache *groups;
	struct known_dns *dns;
	struct directory_servers *servers;
};

/* `answer` is zeroed before; always gets a verdict. `links` has one per server. */
void directory_ask(const struct directory_asker *asker, struct directory_links *links,
		   const struct directory_question *question, struct directory_answer *answer);
/* Asks one server whether it is well, and tells its breaker. */
void directory_probe(const struct directory_asker *asker, size_t server, int64_t deadline_ms);
/* The servers that want a probe now, each told to one caller only. Returns how many. */
size_t directory_servers_due(struct directory_servers *servers, int64_t now_ms,
			     size_t due[DIRECTORY_MAX_SERVERS]);

#endif
