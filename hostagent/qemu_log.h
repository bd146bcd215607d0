/* SPDX-License-Identifier: Apache-2.0 */
/* qemu_log.h - QEMU's last words: its log is small and lies on a RAM disk. */
#ifndef GENKAN_HOSTAGENT_QEMU_LOG_H
#define GENKAN_HOSTAGENT_QEMU_LOG_H

#include <stddef.h>

/* The last line of the file, cut to fit; "" when there is none. */
void qemu_last_words(const char *path, char *out, size_t size);

#endif
