/* SPDX-License-Identifier: Apache-2.0 */
/* qcow2.h - whether QEMU may open an image without trusting it. Pure.
 * QEMU's docs/interop/qcow2: a header may name other files, which could be any file of the host. */
#ifndef GENKAN_WIRE_QCOW2_H
#define GENKAN_WIRE_QCOW2_H

#include "common/base/error.h"
#include "common/base/span.h"

enum { QCOW2_HEADER_LEN = 80 };

/* Version 2 or 3, no backing file, no external data file, not encrypted; else -EBADMSG. */
int qcow2_check_header(struct span header, struct error *err) MUST_CHECK;

#endif
