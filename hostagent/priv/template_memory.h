/* SPDX-License-Identifier: Apache-2.0 */
/* template_memory.h - the memory and the device state of templates, as files on a RAM disk that
 * belong to the privileged helper. A template's QEMU writes them; once sealed nobody can, and its
 * clones get them as descriptors. Their folder keeps everybody else out. */
#ifndef GENKAN_PRIV_TEMPLATE_MEMORY_H
#define GENKAN_PRIV_TEMPLATE_MEMORY_H

#include <sys/types.h>
#include "hostagent/config.h"

/* New files for the template `spec`, the memory for its QEMU's uid. */
int template_create(const struct hostagent_config *config, const struct vm_spec *spec, uid_t uid,
		    int *memory, int *state, struct error *err) MUST_CHECK;
/* Those of the template that the clone `spec` names. */
int template_open(const struct hostagent_config *config, const struct vm_spec *spec, int *memory,
		  int *state, struct error *err) MUST_CHECK;
int template_seal(const struct hostagent_config *config, const char *id,
		  struct error *err) MUST_CHECK;
int template_drop(const struct hostagent_config *config, const char *id,
		  struct error *err) MUST_CHECK;

#endif
