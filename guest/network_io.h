/* SPDX-License-Identifier: Apache-2.0 */
/* network_io.h - gives the desktop's network card its address. Blocking, bounded. */
#ifndef GENKAN_GUEST_NETWORK_IO_H
#define GENKAN_GUEST_NETWORK_IO_H

#include "guest/identity.h"

/* Waits for the first virtio-net interface, replaces its hardware and IPv4 addresses, and brings it
 * up. From here on this desktop can be reached. */
int network_apply(const struct identity *identity, int64_t timeout_ms,
		  struct error *err) MUST_CHECK;

/* Replaces the default route: for what begins here. */
int network_set_route(const struct identity *identity, struct error *err) MUST_CHECK;

/* The part of it that tells nothing of an identity: waits for the card and brings it up. */
int network_prepare(int64_t timeout_ms, struct error *err) MUST_CHECK;

#endif
