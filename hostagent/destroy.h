/* SPDX-License-Identifier: Apache-2.0 */
/* destroy.h - the clean-up commands of an administrator: root, no agent running, no broker. */
#ifndef GENKAN_HOSTAGENT_DESTROY_H
#define GENKAN_HOSTAGENT_DESTROY_H

#include "hostagent/config.h"

/* Ends each desktop of this host and removes its overlay, folders, cgroup and network. */
int destroy_all(const struct hostagent_config *config, struct error *err) MUST_CHECK;
/* Removes bridge and packet filter; refused while a desktop runs. */
int destroy_network(const struct hostagent_config *config, struct error *err) MUST_CHECK;

#endif
