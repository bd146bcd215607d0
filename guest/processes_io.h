/* SPDX-License-Identifier: Apache-2.0 */
/* processes_io.h - the processes of one user, as the kernel lists them. */
#ifndef GENKAN_GUEST_PROCESSES_IO_H
#define GENKAN_GUEST_PROCESSES_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "common/base/cleanup.h"

struct process {
	pid_t pid, parent;
	char name[16];
};
struct processes {
	struct process *items;
	size_t count;
};
void processes_done(struct processes *list);
DEFINE_OWNED_VALUE(processes_done, struct processes);

/* Those with this real user id that have not exited. */
void processes_of(uint32_t uid, struct processes *out);
const struct process *processes_find(const struct processes *list, pid_t pid);

/* What a session is made of, from the first that is told to end to the last: programs, then what
 * holds the session up (its first process, that one's children, and the bus), then the display. */
enum process_rank { PROCESS_PROGRAM, PROCESS_SESSION, PROCESS_DISPLAY };
enum process_rank processes_rank(const struct processes *list, const struct process *process);

/* The session manager: root's process that started the display, or any first one; 0: there is none. */
pid_t processes_manager(const struct processes *list);

#endif
