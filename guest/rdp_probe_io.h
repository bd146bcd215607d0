/* SPDX-License-Identifier: Apache-2.0 */
/* rdp_probe_io.h - asks the desktop's own RDP server whether it serves. Blocking, bounded. */
#ifndef GENKAN_GUEST_RDP_PROBE_IO_H
#define GENKAN_GUEST_RDP_PROBE_IO_H

#include <stdbool.h>
#include <stdint.h>
#include "common/base/error.h"

/* Whether anything listens there; answers at once. */
bool rdp_listens(int port);

/* 0 once 127.0.0.1:port accepted a connection and answered an X.224 connection request by
 * choosing TLS (MS-RDPBCGR 2.2.1.2). */
int rdp_probe(int port, int64_t timeout_ms, struct error *err) MUST_CHECK;

/* Also greets it in TLS and waits until it has shown its certificate and proved its key. */
int rdp_rehearse(int port, int64_t timeout_ms, struct error *err) MUST_CHECK;

#endif
