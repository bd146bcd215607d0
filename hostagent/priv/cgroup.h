/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup.h - one cgroup (v2) for each QEMU, so that stopping the agent's service does not stop
 * desktops and their memory is bounded. On a machine without one everything else works. */
#ifndef GENKAN_PRIV_CGROUP_H
#define GENKAN_PRIV_CGROUP_H

#include "hostagent/config.h"

/* Makes the group; `procs` is its cgroup.procs, opened, or -1 when the machine has none. */
int cgroup_open(const struct vm_spec *spec);
void cgroup_remove(const char *id);
/* Removes the empty parent too. */
void cgroup_remove_all(void);

#endif
