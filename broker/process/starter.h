/* SPDX-License-Identifier: Apache-2.0 */
/* starter.h - the process that starts the others.
 *
 * It is forked off before the broker has read a key or started a thread, so what it forks in turn
 * is clean; it keeps the right to change users, which the core gives up. It does nothing but fork
 * on the core's order, and ends with the core, and everything it has started with it. */
#ifndef GENKAN_PROCESS_STARTER_H
#define GENKAN_PROCESS_STARTER_H

#include <sys/types.h>
#include "common/base/cleanup.h"
#include "common/base/error.h"

struct starter;

enum process_kind { PROCESS_CLIENT_FRONT, PROCESS_AGENT_FRONT, PROCESS_DIRECTORY, PROCESS_KINDS };

/* What a started process does; its result is the exit status. `listener` is -1 without one. */
typedef int process_main_fn(void *arg, enum process_kind kind, unsigned number, int link,
			    int listener);

struct starter_config {
	const char *users[PROCESS_KINDS]; /* "": the broker's own */
	process_main_fn *run;
	void *arg;
};

/* Before any thread exists, and before a secret is read. */
int starter_new(const struct starter_config *config, struct starter **out,
		struct error *err) MUST_CHECK;
/* Tells it to end, and waits until all that it has started has ended. */
void starter_free(struct starter *starter);
DEFINE_OWNED(starter_free, struct starter);

/* `listener` stays the caller's; -1 none. `link` is one end of a packet pair (packet_link.h), made
 * by the new process after it had changed its user, which the kernel then vouches for. `pid` is the
 * one whose place it takes (0: nobody's), which it kills if that one hangs and has not noticed that
 * its link is closed; then the new one's. */
int starter_start(struct starter *starter, enum process_kind kind, unsigned number, int listener,
		  int *link, pid_t *pid, struct error *err) MUST_CHECK;

#endif
