/* SPDX-License-Identifier: Apache-2.0 */
/* directory_worker.h - the process that talks to the directory: libldap and its connections, the
 * group cache, the DNs of last logins, the breakers of the servers. No store, no keys, nothing that
 * listens. */
#ifndef GENKAN_DIRECTORY_DIRECTORY_WORKER_H
#define GENKAN_DIRECTORY_DIRECTORY_WORKER_H

#include "broker/directory/directory.h"

/* Answers the core's questions until it closes `link`; the result is the exit status. `close_in` is
 * called before the first server is spoken to. */
int directory_worker_run(const struct directory_config *config, int link,
			 int (*close_in)(void *arg), void *arg);

#endif
