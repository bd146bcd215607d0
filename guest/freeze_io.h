/* SPDX-License-Identifier: Apache-2.0 */
/* freeze_io.h - makes a machine ready to be copied. Blocking, bounded. */
#ifndef GENKAN_GUEST_FREEZE_IO_H
#define GENKAN_GUEST_FREEZE_IO_H

#include "guest/identity.h"

/* Makes this machine a template that clones are forked from: the RDP server runs and has been
 * asked once, the card is up without an address, nothing secret is left, the machine is idle.
 * Refused once it has an identity. */
int guest_freeze(struct error *err) MUST_CHECK;

/* Runs once through what an identity takes, so that it takes less where code is translated before
 * it runs and memory is copied when it is touched. Only a copy of a template that has no identity
 * does so, and has none afterwards, either. */
int guest_rehearse(const struct identity *identity, struct error *err) MUST_CHECK;

#endif
