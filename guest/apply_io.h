/* SPDX-License-Identifier: Apache-2.0 */
/* apply_io.h - makes this machine the desktop that the host says it is. Blocking, bounded:
 * the daemon has nothing better to do meanwhile. */
#ifndef GENKAN_GUEST_APPLY_IO_H
#define GENKAN_GUEST_APPLY_IO_H

#include "guest/identity.h"

/* The record of the identity applied last in this boot; -ENOENT when there is none. */
int apply_load_record(struct identity_record *out, struct error *err) MUST_CHECK;

/* Renews everything that must not be shared with the image or with another clone, then serves
 * RDP under a fresh key. `sessions_begun`: somebody logged in under the identity before; whatever
 * of theirs still runs is ended first. On failure no login is possible. */
int apply_identity(const struct identity *identity, bool sessions_begun,
		   struct identity_record *out, struct error *err) MUST_CHECK;

/* Makes this machine a template that clones are forked from: the RDP server runs and has been
 * asked once, the card is up without an address, nothing secret is left, the machine is idle.
 * Refused once it has an identity. */
int apply_freeze(struct error *err) MUST_CHECK;

/* The same identity again: only makes sure that RDP is served. */
int apply_ensure_served(struct error *err) MUST_CHECK;

#endif
