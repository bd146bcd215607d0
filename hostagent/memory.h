/* SPDX-License-Identifier: Apache-2.0 */
/* memory.h - what the host has left. */
#ifndef GENKAN_HOSTAGENT_MEMORY_H
#define GENKAN_HOSTAGENT_MEMORY_H

#include <stdint.h>

/* Bytes that could be used without swapping: templates on RAM disks do not count as free. */
int64_t memory_free(void);

#endif
