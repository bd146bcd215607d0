/* SPDX-License-Identifier: Apache-2.0 */
/* settings_io.h - the files that tell programs of this machine who it is. */
#ifndef GENKAN_GUEST_SETTINGS_IO_H
#define GENKAN_GUEST_SETTINGS_IO_H

#include "common/base/buf.h"
#include "guest/identity.h"

/* In place, and without a flush: after a power loss the host says it all again. */
int settings_write(const char *path, const struct buf *text, struct error *err) MUST_CHECK;

/* Host name and machine id. */
int settings_names(const struct identity *identity, struct error *err) MUST_CHECK;
int settings_resolver(const struct identity *identity, struct error *err) MUST_CHECK;

/* The key and certificate that the RDP server reads anew for every connection: the given ones, or
 * new ones when none were given. `sha256` (65 bytes) is of the certificate. */
int settings_rdp_key(const struct identity *identity, char *sha256, struct error *err) MUST_CHECK;

/* For a template: the key's files stay, empty; and the files above are in memory from here on. */
int settings_forget_rdp_key(struct error *err) MUST_CHECK;
int settings_cover(struct error *err) MUST_CHECK;

#endif
