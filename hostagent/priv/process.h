/* SPDX-License-Identifier: Apache-2.0 */
/* process.h - finds the QEMU of a desktop again, by its pid file and its own command line. */
#ifndef GENKAN_PRIV_PROCESS_H
#define GENKAN_PRIV_PROCESS_H

#include <sys/types.h>
#include "hostagent/config.h"

/* A pidfd that stands for this desktop's QEMU and nothing else; -ESRCH when it does not run. */
int process_find(const struct hostagent_config *config, const char *id, pid_t *pid,
		 struct error *err) MUST_CHECK;

#endif
