/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/factor/claim.h"

#include <errno.h>

#include "common/base/secret.h"

void factor_claim_wipe(struct factor_claim *claim)
{
	memory_wipe(claim, sizeof(*claim));
}

bool factor_is_wrong_code(enum reason reason)
{
	return reason == REASON_SECOND_FACTOR_WRONG || reason == REASON_SECOND_FACTOR_USED;
}

/* ------------------------------------------------------------------------------------ enrolment */

static int enrol(const struct factor_keys *keys, struct store *store, struct factor_claim *claim,
		 const char *user_key, int64_t step, int64_t now_ms, struct error *err)
{
	uint8_t hashes[RECOVERY_CODES][STORE_HASH_BYTES];
	struct store_factor factor = {
		.last_step = step,
		.enrolled_at_ms = now_ms,
		.used_at_ms = now_ms,
	};
	int rc = factor_seal(keys, user_key, span_of(claim->secret, sizeof(claim->secret)), &factor,
			     err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < RECOVERY_CODES; i++) {
		char plain[CODE_SIZE];

		recovery_code_new(claim->recovery[i]);
		(void)code_read(claim->recovery[i], plain);
		recovery_code_hash(user_key, plain, hashes[i]);
		memory_wipe(plain, sizeof(plain));
	}
	rc = store_factor_enrol(store, user_key, &factor, hashes, RECOVERY_CODES, err);
	claim->enrolled = rc == 0;
	claim->recovery_left = RECOVERY_CODES;
	return rc;
}

static int confirm(const struct factor_keys *keys, struct store *store, struct factor_claim *claim,
		   const char *user_key, int64_t now_ms, struct error *err)
{
	char code[CODE_SIZE] = "";
	int64_t step = 0;

	if (code_read(claim->code, code) != CODE_TOTP ||
	    totp_check(claim->secret, code, now_ms / 1000, 0, &step) < 0) {
		claim->reason = REASON_SECOND_FACTOR_WRONG;
		return 0;
	}
	return enrol(keys, store, claim, user_key, step, now_ms, err);
}

/* ----------------------------------------------------------------------------------------- codes
 */

/* Sealed with the newest key from now on. */
static int reseal(const struct factor_keys *keys, struct store *store, const char *user_key,
		  const uint8_t secret[TOTP_SECRET_BYTES], struct error *err)
{
	struct store_factor fresh = { 0 };
	int rc = factor_seal(keys, user_key, span_of(secret, TOTP_SECRET_BYTES), &fresh, err);

	return rc < 0 ? rc : store_factor_reseal(store, user_key, fresh.key_id, fresh.sealed, err);
}

static int use_code(const struct factor_keys *keys, struct store *store, const char *user_key,
		    const struct store_factor *factor, const char *code, int64_t now_ms,
		    enum reason *reason, struct error *err)
{
	uint8_t secret[TOTP_SECRET_BYTES];
	int64_t step = 0;
	int rc = factor_unseal(keys, user_key, factor, secret, sizeof(secret), err);

	if (rc < 0)
		return rc;
	int fits = totp_check(secret, code, now_ms / 1000, factor->last_step, &step);
	if (fits == 0)
		rc = store_factor_used(store, user_key, step, now_ms, err);
	if (rc == 0 && fits == 0 && factor_is_old(keys, factor))
		rc = reseal(keys, store, user_key, secret, err);
	memory_wipe(secret, sizeof(secret));
	if (fits == -EALREADY || rc == -EALREADY)
		*reason = REASON_SECOND_FACTOR_USED;
	else if (fits < 0)
		*reason = REASON_SECOND_FACTOR_WRONG;
	return rc == -EALREADY ? 0 : rc;
}

static int use_recovery(struct store *store, struct factor_claim *claim, const char *user_key,
			const char code[CODE_SIZE], int64_t now_ms, struct error *err)
{
	uint8_t hash[STORE_HASH_BYTES];

	recovery_code_hash(user_key, code, hash);
	int rc = store_factor_recover(store, user_key, hash, now_ms, err);

	claim->by_recovery = rc == 0;
	if (rc == 0)
		claim->recovery_left--;
	if (rc == -EALREADY)
		claim->reason = REASON_SECOND_FACTOR_WRONG;
	return rc == -EALREADY ? 0 : rc;
}

static int verify(const struct factor_keys *keys, struct store *store, struct factor_claim *claim,
		  const char *user_key, const struct store_factor *factor, int64_t now_ms,
		  struct error *err)
{
	char code[CODE_SIZE] = "";
	int rc = 0;

	claim->reason = REASON_OK;
	claim->recovery_left = factor->recovery_left;
	switch (code_read(claim->code, code)) {
	case CODE_TOTP:
		rc = use_code(keys, store, user_key, factor, code, now_ms, &claim->reason, err);
		break;
	case CODE_RECOVERY:
		rc = use_recovery(store, claim, user_key, code, now_ms, err);
		break;
	case CODE_NONE:
		claim->reason = REASON_SECOND_FACTOR_WRONG;
		break;
	}
	memory_wipe(code, sizeof(code));
	if (rc == 0 && factor_is_wrong_code(claim->reason))
		rc = store_factor_wrong(store, user_key, err);
	return rc;
}

int factor_claim_run(const struct factor_keys *keys, struct store *store,
		     struct factor_claim *claim, const char *user_key, int64_t now_ms,
		     struct error *err)
{
	struct store_factor factor = { 0 };

	claim->reason = REASON_OK;
	if (!claim->needed && !claim->given)
		return 0;
	int rc = store_factor_find(store, user_key, &factor, err);
	bool has = rc == 0;

	if (rc < 0 && rc != -ENOENT)
		return rc;
	if (has && claim->max_wrong && factor.wrong_count >= claim->max_wrong)
		claim->reason = REASON_SECOND_FACTOR_LOCKED;
	else if (!claim->given)
		claim->reason =
			has ? REASON_SECOND_FACTOR_REQUIRED : REASON_SECOND_FACTOR_ENROLMENT;
	else if (claim->enrolling == has) /* set up or reset meanwhile */
		claim->reason = REASON_CHALLENGE_OVER;
	else if (has)
		return verify(keys, store, claim, user_key, &factor, now_ms, err);
	else
		return confirm(keys, store, claim, user_key, now_ms, err);
	return 0;
}
