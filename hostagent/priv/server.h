/* SPDX-License-Identifier: Apache-2.0 */
/* server.h - the helper's side of the socketpair. */
#ifndef GENKAN_PRIV_SERVER_H
#define GENKAN_PRIV_SERVER_H

#include "hostagent/priv/spawn.h"

/* Answers requests until the agent is gone; returns the exit status. */
int priv_serve(int fd, const struct spawn_host *host);

#endif
