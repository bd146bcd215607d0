/* SPDX-License-Identifier: Apache-2.0 */
/* deed.h - a paper that says whose a desktop is, signed by the broker and kept by the host.
 *
 * A store that is lost is rebuilt from it: the host shows it, and only what this site's broker once
 * wrote counts (HMAC-SHA256 with a key made of the guest key, which is a file beside the store). It names
 * desktop and host, so that it is of no use for another. */
#ifndef GENKAN_CONDUCTOR_DEED_H
#define GENKAN_CONDUCTOR_DEED_H

#include <openssl/evp.h>

#include "common/base/buf.h"
#include "db/store.h"

#define DEED_SIZE 1024
#define DEED_KEY_BYTES 32

struct deed {
	char desktop[STORE_ID_SIZE], host[STORE_NAME_SIZE], pool[POOL_NAME_SIZE];
	int64_t epoch;
	struct store_user user;
};

int deed_key(EVP_PKEY *guest_key, uint8_t out[DEED_KEY_BYTES], struct error *err) MUST_CHECK;
/* Of a desktop that has a user. -EMSGSIZE: too long to be kept. */
int deed_write(const uint8_t key[DEED_KEY_BYTES], const struct store_desktop *d,
	       char out[DEED_SIZE]) MUST_CHECK;
/* -EBADMSG: not ours, or not of this form. */
int deed_read(const uint8_t key[DEED_KEY_BYTES], const char *text, struct deed *out) MUST_CHECK;

#endif
