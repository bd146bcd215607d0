/* SPDX-License-Identifier: Apache-2.0 */
/* network_io.h - gives the desktop's network card its address. Blocking, bounded. */
#ifndef GENKAN_GUEST_NETWORK_IO_H
#define GENKAN_GUEST_NETWORK_IO_H

#include "guest/identity.h"

/* Waits for the first virtio-net interface (it may be plugged in after a clone resumed), replaces
 * its IPv4 address and the default route, and brings it up. */
int network_apply(const struct identity *identity, int64_t timeout_ms,
		  struct error *err) MUST_CHECK;

/* The part of it that tells nothing of an identity: waits for the card and brings it up. */
int network_prepare(int64_t timeout_ms, struct error *err) MUST_CHECK;

#endif
