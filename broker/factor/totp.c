/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/factor/totp.h"

#include <ctype.h>
#include <errno.h>
#include <liboath/oath.h>
#include <openssl/crypto.h>

#include "common/base/secret.h"
#include "common/sys/clock.h"
#include "common/wire/sha256.h"

#define RECOVERY_BYTES 10 /* sixteen letters of base32 */

static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";

static bool is_code_of(const uint8_t secret[TOTP_SECRET_BYTES], int64_t step, const char *code)
{
	char right[TOTP_DIGITS + 1] = "";
	bool same = oath_hotp_generate((const char *)secret, TOTP_SECRET_BYTES, (uint64_t)step,
				       TOTP_DIGITS, false, OATH_HOTP_DYNAMIC_TRUNCATION,
				       right) == OATH_OK &&
		    strlen(code) == TOTP_DIGITS && CRYPTO_memcmp(right, code, TOTP_DIGITS) == 0;

	memory_wipe(right, sizeof(right));
	return same;
}

int totp_check(const uint8_t secret[TOTP_SECRET_BYTES], const char *code, int64_t now_s,
	       int64_t last_step, int64_t *step)
{
	int64_t now = now_s / TOTP_STEP_S, found = -1;

	if (now < 1)
		return -EACCES;
	for (int64_t s = now - 1; s <= now + 1; s++) /* all three, whichever it is */
		if (is_code_of(secret, s, code))
			found = s;
	if (found < 0)
		return -EACCES;
	if (found <= last_step)
		return -EALREADY;
	*step = found;
	return 0;
}

/* RFC 4648 6, five bits at a time. */
static void base32(struct span in, bool upper, struct buf *out)
{
	uint32_t bits = 0;
	int held = 0;

	for (size_t i = 0; i < in.len; i++) {
		bits = bits << 8 | in.ptr[i];
		for (held += 8; held >= 5; held -= 5) {
			char c = letters[bits >> (held - 5) & 31];

			buf_put_u8(out, (uint8_t)(upper ? toupper((unsigned char)c) : c));
		}
	}
	if (held > 0)
		buf_put_u8(out, (uint8_t)letters[bits << (5 - held) & 31]);
}

void totp_secret_text(const uint8_t secret[TOTP_SECRET_BYTES], struct buf *out)
{
	base32(span_of(secret, TOTP_SECRET_BYTES), true, out);
}

/* RFC 3986: everything but the unreserved characters, byte by byte. */
static void put_escaped(struct buf *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x80 && (isalnum(c) || strchr("-._~", c)))
			buf_put_u8(out, c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

void totp_uri(const uint8_t secret[TOTP_SECRET_BYTES], const char *issuer, const char *user,
	      struct buf *out)
{
	buf_put_text(out, "otpauth://totp/");
	put_escaped(out, issuer);
	buf_put_text(out, ":");
	put_escaped(out, user);
	buf_put_text(out, "?secret=");
	totp_secret_text(secret, out);
	buf_put_text(out, "&issuer=");
	put_escaped(out, issuer);
	buf_printf(out, "&algorithm=SHA1&digits=%d&period=%d", TOTP_DIGITS, TOTP_STEP_S);
}

/* 0, 1 and 8 are no letters of base32; who reads one means the letter that looks like it. */
static char as_letter(char c)
{
	static const char looks[] = "0o1l8b";
	const char *at = strchr(looks, c);

	return at && isdigit((unsigned char)c) ? at[1] : (char)tolower((unsigned char)c);
}

enum code_kind code_read(const char *typed, char out[CODE_SIZE])
{
	char plain[CODE_SIZE] = "";
	size_t len = 0, digits = 0;

	for (; *typed; typed++) {
		if (strchr(" -\t", *typed))
			continue;
		if (len == CODE_SIZE - 1 || (unsigned char)*typed >= 0x80)
			return CODE_NONE;
		digits += isdigit((unsigned char)*typed) != 0;
		plain[len++] = *typed;
	}
	plain[len] = '\0';
	if (len == TOTP_DIGITS && digits == len) {
		memcpy(out, plain, CODE_SIZE);
		return CODE_TOTP;
	}
	for (size_t i = 0; i < len; i++) {
		plain[i] = as_letter(plain[i]);
		if (!strchr(letters, plain[i]))
			return CODE_NONE;
	}
	memcpy(out, plain, CODE_SIZE);
	memory_wipe(plain, sizeof(plain));
	return len == CODE_SIZE - 1 ? CODE_RECOVERY : CODE_NONE;
}

void recovery_code_new(char out[RECOVERY_CODE_SIZE])
{
	OWNED(buf_done) struct buf text = { 0 };
	uint8_t bytes[RECOVERY_BYTES];
	char *at = out;

	random_bytes(bytes, sizeof(bytes));
	base32(span_of(bytes, sizeof(bytes)), false, &text);
	for (size_t i = 0; i < text.len; i++) {
		if (i && i % 4 == 0)
			*at++ = '-';
		*at++ = (char)text.ptr[i];
	}
	*at = '\0';
	memory_wipe(bytes, sizeof(bytes));
	memory_wipe(text.ptr, text.len);
}

void recovery_code_hash(const char *user_key, const char code[CODE_SIZE], uint8_t out[32])
{
	OWNED(buf_done) struct buf text = { 0 };

	buf_printf(&text, "recovery:%s:%s", user_key, code);
	sha256(text.ptr, text.len, out);
	memory_wipe(text.ptr, text.len);
}
