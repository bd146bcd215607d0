/* SPDX-License-Identifier: Apache-2.0 */
/* rebuild.h - what a host's report means while a lost store is being rebuilt: desktops that are not known
 * become their users' again when the host has a deed of ours for them, else they are listed as unknown.
 * They are never anybody else's: what is not known is no spare. Store's thread. */
#ifndef GENKAN_CONDUCTOR_REBUILD_H
#define GENKAN_CONDUCTOR_REBUILD_H

#include "broker/conductor/deed.h"
#include "broker/conductor/sync_message.h"

/* Before the report is taken: a host that the store does not know is one of ours by its certificate. */
int rebuild_host(struct store *store, const struct sync_report *in, struct error *err) MUST_CHECK;
/* After it was taken; `changed` when something was adopted, or the rebuilding has ended. */
int rebuild_desktops(struct store *store, const uint8_t key[DEED_KEY_BYTES],
		     const struct sync_report *in, enum store_rebuild how, bool *changed,
		     struct error *err) MUST_CHECK;

#endif
