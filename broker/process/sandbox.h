/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox.h - what each process of the broker may ask of the kernel: a list of system calls for
 * each role. A call that is not on it fails with EPERM; one that only somebody else's code would
 * make (another program, a new process, a look into another's memory) ends the process. */
#ifndef GENKAN_PROCESS_SANDBOX_H
#define GENKAN_PROCESS_SANDBOX_H

#include <stdbool.h>
#include "common/base/cleanup.h"
#include "common/base/error.h"

enum sandbox_role {
	SANDBOX_FRONT,     /* sockets it was given; no files, no sockets of its own */
	SANDBOX_DIRECTORY, /* connects out; files read only; never listens */
	SANDBOX_CORE,      /* files and threads; no network but the fronts' */
};

bool sandbox_may_change_user(void);
/* Gives up capabilities, and whatever a program that is started could give back. Cannot be undone.
 */
int sandbox_drop_rights(void) MUST_CHECK;
/* No core files, no debugger, and memory that is not swapped out where that is allowed. */
void sandbox_close_process(void);
/* For all threads there are, and last: nothing is opened later. Cannot be undone. */
int sandbox_enter(enum sandbox_role role, struct error *err) MUST_CHECK;

#endif
