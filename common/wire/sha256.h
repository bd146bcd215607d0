/* SPDX-License-Identifier: Apache-2.0 */
/* sha256.h - the hash by which tokens are known, audit rows follow each other and keys are named.
 *
 * OpenSSL's digests take memory and can fail; what stands in `out` then is what lay there before,
 * perhaps the hash of somebody else's token. So it ends the program, as xrealloc() does. */
#ifndef GENKAN_WIRE_SHA256_H
#define GENKAN_WIRE_SHA256_H

#include <openssl/sha.h>
#include <stddef.h>
#include <stdint.h>

/* Any thread. */
void sha256(const void *bytes, size_t len, uint8_t out[SHA256_DIGEST_LENGTH]);

#endif
