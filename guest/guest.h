/* SPDX-License-Identifier: Apache-2.0 */
/* guest.h - the jobs of genkan-guest inside a desktop. Each runs to its end in main's thread. */
#ifndef GENKAN_GUEST_GUEST_H
#define GENKAN_GUEST_GUEST_H

#include "common/base/error.h"

/* Serves the guest link until SIGTERM. */
int guest_daemon(struct error *err) MUST_CHECK;

/* Passes the port of QEMU's guest agent on to that agent's socket until SIGTERM. */
int guest_agent_port(struct error *err) MUST_CHECK;

/* Called by pam_exec with expose_authtok: the password on standard input, PAM_USER in the
 * environment. 0 lets the user in. */
int guest_pam_auth(struct error *err) MUST_CHECK;
/* Called by pam_exec in the session phase: tells the daemon. */
int guest_pam_session(struct error *err) MUST_CHECK;

/* One line to the daemon: "logon USER", "logoff USER", "gone USER STAY". */
int guest_tell_daemon(const char *event, const char *what, struct error *err) MUST_CHECK;

/* Process 1 of the initial RAM disk: loads drivers, mounts the root, becomes its init. Returns
 * only on failure. */
int guest_initrd(struct error *err) MUST_CHECK;

#endif
