/* SPDX-License-Identifier: Apache-2.0 */
/* spawn.h - starts a QEMU that nobody's child is: own session, cgroup and uid, every file handed
 * over as a descriptor. Runs in the privileged helper. */
#ifndef GENKAN_PRIV_SPAWN_H
#define GENKAN_PRIV_SPAWN_H

#include <sys/types.h>
#include "hostagent/config.h"
#include "hostagent/vm/argv.h"

struct spawn_host {
	const struct hostagent_config *config;
	enum vm_accel accel;
	uid_t agent_uid;	/* owner of run folders and sockets */
	gid_t agent_gid;
};

int spawn_qemu(const struct spawn_host *host, const struct vm_spec *spec, enum vm_launch launch,
	       pid_t *pid, struct error *err) MUST_CHECK;
/* Gives the QEMU that was started under the id `machine` to a desktop that has none: run folder,
 * cgroup and port get the desktop's name. */
int spawn_take(const struct spawn_host *host, const struct vm_spec *spec, const char *machine,
	       struct error *err) MUST_CHECK;
/* Ends the desktop's QEMU and waits; 0 when there is none. */
int spawn_kill(const struct spawn_host *host, const char *id, struct error *err) MUST_CHECK;

#endif
