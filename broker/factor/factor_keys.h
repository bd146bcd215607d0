/* SPDX-License-Identifier: Apache-2.0 */
/* factor_keys.h - the keys that seal second factors in the store (AES-256-GCM).
 *
 * A file of its own, 0600, beside the store: who has a copy of the store alone has no codes. One
 * line "ID KEY" per key, hex; the first seals, the others only open what was sealed before. Each
 * secret is bound to its person and key: a row copied to somebody else opens nothing. After
 * opening the keys never change, so any thread may use them. */
#ifndef GENKAN_FACTOR_FACTOR_KEYS_H
#define GENKAN_FACTOR_FACTOR_KEYS_H

#include "common/base/buf.h"
#include "common/base/error.h"
#include "db/store.h"

struct factor_keys;

/* Makes the file with a first key unless it is there; a line in `made`. */
int factor_keys_init(const char *path, struct buf *made, struct error *err) MUST_CHECK;
/* A new first key; what is sealed is sealed anew when it is next used. */
int factor_keys_rotate(const char *path, struct buf *made, struct error *err) MUST_CHECK;

int factor_keys_open(const char *path, struct factor_keys **out, struct error *err) MUST_CHECK;
void factor_keys_free(struct factor_keys *keys);
DEFINE_OWNED(factor_keys_free, struct factor_keys);

/* Fills in key_id and sealed. */
int factor_seal(const struct factor_keys *keys, const char *user_key, struct span secret,
		struct store_factor *out, struct error *err) MUST_CHECK;
/* -ENOKEY: sealed with a key that is not in the file; -EBADMSG: not sealed by us for this person.
 */
int factor_unseal(const struct factor_keys *keys, const char *user_key,
		  const struct store_factor *factor, uint8_t *out, size_t len,
		  struct error *err) MUST_CHECK;
/* Whether it was sealed with another key than would be used now. */
bool factor_is_old(const struct factor_keys *keys, const struct store_factor *factor);

#endif
