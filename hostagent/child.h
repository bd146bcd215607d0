/* SPDX-License-Identifier: Apache-2.0 */
/* child.h - runs a short command to its end. Blocking: start-up, the privileged helper and work
 * jobs only. */
#ifndef GENKAN_HOSTAGENT_CHILD_H
#define GENKAN_HOSTAGENT_CHILD_H

#include "common/base/buf.h"
#include "common/base/error.h"

/* `input` becomes standard input. `output` (may be NULL) receives standard output up to its
 * limit. Killed at the deadline: -ETIMEDOUT. A status other than 0 is -EIO with the last line
 * that the command wrote to standard error. No shell, no search path, no environment. */
int child_run(const char *const argv[], struct span input, int64_t deadline_ms, struct buf *output,
	      struct error *err) MUST_CHECK;

/* Kills the process `pidfd` stands for and waits for its end. */
int child_kill_wait(int pidfd, int signal, int64_t wait_ms);
int pidfd_of(pid_t pid);

#endif
