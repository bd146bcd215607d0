/* SPDX-License-Identifier: Apache-2.0 */
/* guest_credential.h - the one-time password that opens a session inside a desktop.
 *
 * The broker signs it, the relay carries it in the password field of Client Info, the guest
 * verifies it against the desktop, epoch and key it got over its virtio port. Text form:
 *
 *	"gk1." base64url(BODY SIGNATURE)
 *	BODY = version u8 | desktop 8 | epoch u64 | uid u32 | expires_at_ms u64 | nonce 8
 *	       | n u8, user n bytes | m u8, display name m bytes	(integers big-endian)
 *	SIGNATURE = Ed25519 over "genkan guest credential 1" || BODY
 *
 * Signing and checking use libcrypto; nothing here reads a clock, a file or randomness. */
#ifndef GENKAN_WIRE_GUEST_CREDENTIAL_H
#define GENKAN_WIRE_GUEST_CREDENTIAL_H

#include <openssl/evp.h>
#include "common/base/buf.h"
#include "common/base/error.h"

#define GUEST_CREDENTIAL_MAX 240	/* characters; RDP clients and servers take 255 */
#define GUEST_CREDENTIAL_USER_MAX 32	/* bytes with the NUL */
#define GUEST_CREDENTIAL_NAME_MAX 128	/* bytes with the NUL */
#define GUEST_CREDENTIAL_NONCE_LEN 8
#define GUEST_DESKTOP_ID_LEN 8
#define GUEST_PUBLIC_KEY_LEN 32
#define GUEST_UID_MIN 1000

struct guest_credential {
	uint8_t desktop[GUEST_DESKTOP_ID_LEN];
	uint8_t nonce[GUEST_CREDENTIAL_NONCE_LEN];
	uint64_t epoch;
	uint32_t uid;
	uint64_t expires_at_ms;	/* Unix epoch, the broker's clock */
	char user[GUEST_CREDENTIAL_USER_MAX];
	char display_name[GUEST_CREDENTIAL_NAME_MAX];
};

/* What a guest knows when it is asked to let someone in. */
struct guest_expectation {
	uint8_t desktop[GUEST_DESKTOP_ID_LEN];
	uint64_t epoch;
	uint8_t public_key[GUEST_PUBLIC_KEY_LEN];
	const char *user;	/* the account the RDP server asks about */
	int64_t now_ms;
};

/* `[a-z_][a-z0-9_-]{0,30}`: what may become an account in a guest. */
bool guest_account_name_valid(struct span name);

/* Signs with an Ed25519 private key and appends the text form. A display name that would make it
 * longer than GUEST_CREDENTIAL_MAX is cut at a character; -EINVAL for a bad account name or uid. */
int guest_credential_sign(const struct guest_credential *credential, EVP_PKEY *key, struct buf *out,
			  struct error *err) MUST_CHECK;

/* Decodes and checks everything but the nonce's freshness, which needs storage: signature first,
 * then desktop, epoch, expiry, user. 0; -EBADMSG not a credential; -EKEYREJECTED bad signature;
 * -EXDEV another desktop; -ESTALE another epoch; -EKEYEXPIRED; -EACCES another user. `out` is
 * written only on success. */
int guest_credential_verify(struct span password, const struct guest_expectation *expected,
			    struct guest_credential *out, struct error *err) MUST_CHECK;

#endif
