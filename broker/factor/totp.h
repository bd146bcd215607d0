/* SPDX-License-Identifier: Apache-2.0 */
/* totp.h - codes of authenticator apps (RFC 6238: SHA-1, six digits, 30 seconds, as all apps have
 * them), what an app is told to make them, and recovery codes. Pure but for the randomness. */
#ifndef GENKAN_FACTOR_TOTP_H
#define GENKAN_FACTOR_TOTP_H

#include "common/base/buf.h"
#include "common/base/error.h"

enum { TOTP_SECRET_BYTES = 20, TOTP_STEP_S = 30, TOTP_DIGITS = 6, RECOVERY_CODES = 10 };
#define RECOVERY_CODE_SIZE 20 /* "abcd-efgh-ijkl-mnop": 80 bits */

/* Which step a code is of: the one of now, the one before or the one after, because clocks differ
 * and people type slowly. -EACCES: of none; -EALREADY: of one that is not newer than `last_step`,
 * so it was used before. */
int totp_check(const uint8_t secret[TOTP_SECRET_BYTES], const char *code, int64_t now_s,
	       int64_t last_step, int64_t *step) MUST_CHECK;

/* As people type it by hand: base32 without padding. */
void totp_secret_text(const uint8_t secret[TOTP_SECRET_BYTES], struct buf *out);
/* otpauth://totp/ISSUER:USER?secret=... for a QR code. */
void totp_uri(const uint8_t secret[TOTP_SECRET_BYTES], const char *issuer, const char *user,
	      struct buf *out);

/* What was typed without spaces and dashes, and as what: digits of an app or a recovery code. */
enum code_kind { CODE_NONE, CODE_TOTP, CODE_RECOVERY };
#define CODE_SIZE 17
enum code_kind code_read(const char *typed, char out[CODE_SIZE]);

void recovery_code_new(char out[RECOVERY_CODE_SIZE]);
/* Of one person's code as code_read() gives it: what is kept of it. */
void recovery_code_hash(const char *user_key, const char code[CODE_SIZE], uint8_t out[32]);

#endif
