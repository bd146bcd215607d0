/* SPDX-License-Identifier: Apache-2.0 */
/* weigh.h - memory of processes and files that the unprivileged agent may not look at. */
#ifndef GENKAN_PRIV_WEIGH_H
#define GENKAN_PRIV_WEIGH_H

#include <stdint.h>
#include "hostagent/config.h"

/* Proportional share of the desktop's QEMU; -ESRCH when it does not run. */
int weigh_desktop(const struct hostagent_config *config, const char *id, int64_t *pss_bytes,
		  struct error *err) MUST_CHECK;
/* What the files of all templates take of their RAM disk. */
int64_t weigh_templates(const struct hostagent_config *config);

/* The line "Pss:" of /proc/PID/smaps_rollup in bytes; -EBADMSG without one. Pure. */
int64_t weigh_parse_rollup(const char *text) MUST_CHECK;

#endif
