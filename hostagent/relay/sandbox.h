/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox.h - what a session process may still do once it starts to read a stranger's bytes:
 * read, write, poll, memory, time and random numbers. No files, no sockets of its own, no
 * processes, no user id but its own. */
#ifndef GENKAN_RELAY_SANDBOX_H
#define GENKAN_RELAY_SANDBOX_H

#include <linux/filter.h>
#include <stdbool.h>
#include <sys/types.h>
#include "common/base/error.h"

struct sandbox {
	bool is_root;	/* started as root: the session gets another uid and an empty root */
	uid_t uid;	/* as root without a user's name: whoever begins the session sets both */
	gid_t gid;
	struct sock_fprog calls;	/* the filter of system calls, translated once */
#ifdef GENKAN_DRILL
	bool unfiltered;	/* without the filter of system calls; in no program that is shipped */
#endif
};

/* Before the first session: resolves `user`, which may be "", and makes the working directory an
 * empty, deleted folder that becomes the sessions' root. Leaves the network behind where the system
 * lets it: sockets are handed in. As another user than root there is nothing to drop. */
int sandbox_prepare(const char *user, struct sandbox *out, struct error *err) MUST_CHECK;

/* In the session process, last thing before the first byte. Cannot be undone. */
int sandbox_enter(const struct sandbox *box, struct error *err) MUST_CHECK;

#endif
