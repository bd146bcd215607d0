/* SPDX-License-Identifier: Apache-2.0 */
/* challenges.h - logins whose password was right and whose code is still to come.
 *
 * Only in memory and only for minutes: after a restart people type their password again. A
 * challenge opens nothing by itself; it stands for "this person's password was right just now", and
 * is good for the client it was given to: the one with the same TLS key, or at the same address
 * where there is no key. Pure of I/O, loop thread. */
#ifndef GENKAN_FACTOR_CHALLENGES_H
#define GENKAN_FACTOR_CHALLENGES_H

#include "broker/factor/totp.h"
#include "broker/session/token.h"
#include "db/store.h"

struct challenge {
	bool staff;                 /* of the admin side */
	char user[STORE_USER_SIZE]; /* as typed: what the throttle counts */
	char user_key[STORE_KEY_SIZE];
	char peer_key[STORE_SHA256_SIZE];
	char source[64];
	bool enrolling;
	uint8_t secret[TOTP_SECRET_BYTES];
};

struct challenges;
struct challenges *challenges_new(int64_t life_ms);
void challenges_free(struct challenges *challenges);
DEFINE_OWNED(challenges_free, struct challenges);

/* The oldest of the same person goes when there are too many. `out` is for the client. */
void challenges_add(struct challenges *challenges, const struct challenge *challenge,
		    int64_t now_ms, struct token *out);
/* A copy of it; -ENOENT: unknown, over, of the other side or of another client. */
int challenges_find(struct challenges *challenges, const char *text, const struct challenge *from,
		    int64_t now_ms, struct challenge *out) MUST_CHECK;
/* It has done its duty. */
void challenges_drop(struct challenges *challenges, const char *text);

#endif
