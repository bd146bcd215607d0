/* SPDX-License-Identifier: Apache-2.0 */
/* apply_io.h - makes this machine the desktop that the host says it is. Blocking, bounded:
 * the daemon has nothing better to do meanwhile. */
#ifndef GENKAN_GUEST_APPLY_IO_H
#define GENKAN_GUEST_APPLY_IO_H

#include "guest/identity.h"

/* The record of the identity applied last in this boot; -ENOENT when there is none. */
int apply_load_record(struct identity_record *out, struct error *err) MUST_CHECK;

struct apply_watcher {
	void (*reachable)(void *arg);	/* RDP answers already; the rest of the identity follows */
	void *arg;
};

/* Renews everything that must not be shared with the image or with another clone, then serves
 * RDP under a fresh key. `sessions_begun`: somebody logged in under the identity before; whatever
 * of theirs still runs is ended first. On failure no login is possible. */
int apply_identity(const struct identity *identity, bool sessions_begun,
		   const struct apply_watcher *watcher, struct identity_record *out,
		   struct identity_spent *spent, struct error *err) MUST_CHECK;

/* All steps of an identity but the record, without which nobody can log in. */
int apply_rehearse(const struct identity *identity, struct error *err) MUST_CHECK;

/* The notes of credentials that were used; ahead of time in a template. */
int apply_forget_used(struct error *err) MUST_CHECK;

/* The same identity again: only makes sure that RDP is served. */
int apply_ensure_served(struct error *err) MUST_CHECK;

#endif
