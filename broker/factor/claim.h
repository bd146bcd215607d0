/* SPDX-License-Identifier: Apache-2.0 */
/* claim.h - the second factor of one login on its way through the store: whether one is needed,
 * and whether the code that came is right. Used up in the transaction that lets its owner in. */
#ifndef GENKAN_FACTOR_CLAIM_H
#define GENKAN_FACTOR_CLAIM_H

#include "broker/factor/factor_keys.h"
#include "broker/factor/totp.h"

struct factor_claim {
	/* what is known before */
	bool needed;    /* by a pool, a group or a role */
	bool given;     /* a code came, with a challenge */
	bool enrolling; /* `secret` was shown and is to be confirmed */
	uint8_t secret[TOTP_SECRET_BYTES];
	char code[64];     /* as typed */
	int64_t max_wrong; /* in a row, then it is locked */
	/* what came of it: OK, or SECOND_FACTOR_* or CHALLENGE_OVER */
	enum reason reason;
	bool by_recovery;
	int64_t recovery_left;
	char recovery[RECOVERY_CODES][RECOVERY_CODE_SIZE]; /* just made; shown this once */
	bool enrolled;
};
void factor_claim_wipe(struct factor_claim *claim);

/* A step of a state job. Wrong codes are counted here, too. */
int factor_claim_run(const struct factor_keys *keys, struct store *store,
		     struct factor_claim *claim, const char *user_key, int64_t now_ms,
		     struct error *err) MUST_CHECK;
/* Whether a refusal with this reason is a try that counts like a wrong password. */
bool factor_is_wrong_code(enum reason reason);

#endif
