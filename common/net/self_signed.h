/* SPDX-License-Identifier: Apache-2.0 */
/* self_signed.h - a fresh key and self-signed certificate for the RDP server of a desktop.
 * The host pins the certificate by hash, so it carries no name anybody trusts. */
#ifndef GENKAN_NET_SELF_SIGNED_H
#define GENKAN_NET_SELF_SIGNED_H

#include "common/base/buf.h"
#include "common/base/error.h"

/* ECDSA P-256, ten years around `now_ms`. Appends PEM; `sha256` (65 bytes) is of the DER. */
int self_signed_make(const char *common_name, int64_t now_ms, struct buf *key_pem,
		     struct buf *certificate_pem, char *sha256, struct error *err) MUST_CHECK;

#endif
