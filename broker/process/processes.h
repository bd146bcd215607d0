/* SPDX-License-Identifier: Apache-2.0 */
/* processes.h - which processes the broker consists of: the core, which is the one that was
 * started, the starter, the fronts of its two doors, and the directory worker. What each of them
 * is, is in front/, directory/ and sandbox.h; here they are put together. */
#ifndef GENKAN_PROCESS_PROCESSES_H
#define GENKAN_PROCESS_PROCESSES_H

#include "broker/config.h"
#include "broker/front/front.h"
#include "broker/process/starter.h"

struct processes {
	const struct broker_config *config;
	struct front_door clients, agents;
	struct starter *starter;
	pid_t directory; /* the last worker */
};

/* How many fronts the clients' door has. */
unsigned processes_fronts(const struct broker_config *config);
/* Before any thread and any secret. `processes` stays where it is. */
int processes_begin(struct processes *processes, struct error *err) MUST_CHECK;
int processes_start_directory(struct processes *processes, int *link, struct error *err) MUST_CHECK;
/* The core, when all is open: what it can still do from then on. Cannot be undone. */
int processes_close_core_in(struct error *err) MUST_CHECK;
/* After the core has closed its links: waits until all are gone. */
void processes_end(struct processes *processes);
DEFINE_OWNED_VALUE(processes_end, struct processes);

#endif
