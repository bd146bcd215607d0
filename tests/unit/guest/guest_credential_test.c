/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>
#include <openssl/evp.h>
#include "common/base/text.h"
#include "common/wire/guest_credential.h"

#define NOW_MS 1700000000000LL
#define DESKTOP { 1, 2, 3, 4, 5, 6, 7, 8 }

static EVP_PKEY *broker_key;
static struct guest_expectation expected;

static const struct guest_credential sample = {
	.desktop = DESKTOP, .nonce = { 9, 9, 9, 9, 9, 9, 9, 9 }, .epoch = 7, .uid = 100042,
	.expires_at_ms = NOW_MS + 120000, .user = "tanaka", .display_name = "田中 太郎",
};

static int make_keys(void **state)
{
	size_t len = GUEST_PUBLIC_KEY_LEN;

	broker_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	assert_non_null(broker_key);
	expected = (struct guest_expectation){ .desktop = DESKTOP, .epoch = 7, .user = "tanaka",
					       .now_ms = NOW_MS };
	assert_int_equal(EVP_PKEY_get_raw_public_key(broker_key, expected.public_key, &len), 1);
	return 0;
}

static int drop_keys(void **state)
{
	EVP_PKEY_free(broker_key);
	return 0;
}

static void sign(const struct guest_credential *c, struct buf *out)
{
	struct error err = { 0 };

	assert_int_equal(guest_credential_sign(c, broker_key, out, &err), 0);
	assert_true(out->len <= GUEST_CREDENTIAL_MAX);
}

static int verify(const struct buf *password, const struct guest_expectation *e)
{
	struct guest_credential out = { .uid = 1 };
	struct error err = { 0 };
	int rc = guest_credential_verify(buf_span(password), e, &out, &err);

	if (rc < 0) {
		assert_int_equal(out.uid, 1);	/* untouched */
		assert_int_equal(err.code, -rc);
		assert_true(str_starts(err.text, "guest credential: "));
	}
	return rc;
}

static void good_one_comes_back_whole(void **state)
{
	OWNED(buf_done) struct buf password = BUF_LIMIT(512);
	struct guest_credential out;

	sign(&sample, &password);
	assert_int_equal(guest_credential_verify(buf_span(&password), &expected, &out, NULL), 0);
	assert_string_equal(out.user, "tanaka");
	assert_string_equal(out.display_name, "田中 太郎");
	assert_int_equal(out.uid, 100042);
	assert_true(out.epoch == 7 && out.expires_at_ms == NOW_MS + 120000);
	assert_memory_equal(out.nonce, sample.nonce, sizeof(out.nonce));
}

static void expiry_is_exact(void **state)
{
	OWNED(buf_done) struct buf password = BUF_LIMIT(512);
	struct guest_expectation e = expected;

	sign(&sample, &password);
	e.now_ms = NOW_MS + 119999;
	assert_int_equal(verify(&password, &e), 0);
	e.now_ms = NOW_MS + 120000;
	assert_int_equal(verify(&password, &e), -EKEYEXPIRED);
	e.now_ms = -1;
	assert_int_equal(verify(&password, &e), -EKEYEXPIRED);
}

static void others_are_refused(void **state)
{
	OWNED(buf_done) struct buf password = BUF_LIMIT(512);
	struct guest_expectation e = expected;

	sign(&sample, &password);
	e.desktop[7] ^= 1;
	assert_int_equal(verify(&password, &e), -EXDEV);
	e = expected;
	e.epoch = 6;
	assert_int_equal(verify(&password, &e), -ESTALE);
	e.epoch = 8;
	assert_int_equal(verify(&password, &e), -ESTALE);
	e = expected;
	e.user = "tanaka2";
	assert_int_equal(verify(&password, &e), -EACCES);
	e.user = "";
	assert_int_equal(verify(&password, &e), -EACCES);
	e = expected;
	e.public_key[0] ^= 1;
	assert_true(verify(&password, &e) < 0);
}

static void every_flipped_bit_is_noticed(void **state)
{
	OWNED(buf_done) struct buf password = BUF_LIMIT(512);

	sign(&sample, &password);
	for (size_t at = 0; at < password.len; at++) {
		for (int bit = 0; bit < 8; bit++) {
			password.ptr[at] ^= (uint8_t)(1 << bit);
			assert_true(verify(&password, &expected) < 0);
			password.ptr[at] ^= (uint8_t)(1 << bit);
		}
	}
	assert_int_equal(verify(&password, &expected), 0);
}

static void every_cut_is_noticed(void **state)
{
	OWNED(buf_done) struct buf password = BUF_LIMIT(512);

	sign(&sample, &password);
	for (size_t len = 0; len < password.len; len++) {
		struct guest_credential out;

		assert_true(guest_credential_verify(span_of(password.ptr, len), &expected, &out,
						    NULL) < 0);
	}
	buf_put_u8(&password, 'A');
	assert_true(verify(&password, &expected) < 0);
}

static void long_names_are_cut_at_a_character(void **state)
{
	OWNED(buf_done) struct buf password = BUF_LIMIT(512);
	struct guest_credential c = sample, out;
	struct guest_expectation e = expected;

	strcpy(c.user, "a-name-of-thirty-one-characters");
	assert_int_equal(strlen(c.user), 31);
	memset(c.display_name, 0, sizeof(c.display_name));
	for (int i = 0; i < 42; i++)
		strcat(c.display_name, "あ");
	e.user = c.user;
	sign(&c, &password);
	assert_int_equal(guest_credential_verify(buf_span(&password), &e, &out, NULL), 0);
	assert_string_equal(out.user, c.user);
	assert_int_equal(strlen(out.display_name) % 3, 0);
	assert_true(strlen(out.display_name) >= 39);
	assert_true(str_starts(c.display_name, out.display_name));
}

static void a_full_password_is_240_characters(void **state)
{
	OWNED(buf_done) struct buf password = BUF_LIMIT(512);
	struct guest_credential c = sample;

	memset(c.display_name, 'x', sizeof(c.display_name) - 1);
	sign(&c, &password);
	assert_int_equal(password.len, GUEST_CREDENTIAL_MAX);
	assert_int_equal(verify(&password, &expected), 0);
}

static void system_accounts_are_never_signed(void **state)
{
	static const char *const names[] = { "", "Tanaka", "1st", "-x", "a b", "x:y", "たな" };
	OWNED(buf_done) struct buf password = BUF_LIMIT(512);
	struct guest_credential c = sample;
	struct error err = { 0 };

	c.uid = 999;
	assert_int_equal(guest_credential_sign(&c, broker_key, &password, &err), -EINVAL);
	c = sample;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(str_copy(c.user, sizeof(c.user), names[i]), 0);
		assert_int_equal(guest_credential_sign(&c, broker_key, &password, &err), -EINVAL);
	}
	assert_int_equal(password.len, 0);
}

/* A body that the broker would never sign, signed with its key all the same. */
static void sign_raw(const uint8_t *body, size_t len, struct buf *password)
{
	static const char context[] = "genkan guest credential 1";
	OWNED(buf_done) struct buf message = BUF_LIMIT(512);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signature[64];
	size_t signature_len = sizeof(signature);

	buf_put(&message, context, sizeof(context) - 1);
	buf_put(&message, body, len);
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, NULL, NULL, broker_key), 1);
	assert_int_equal(EVP_DigestSign(ctx, signature, &signature_len, message.ptr, message.len),
			 1);
	EVP_MD_CTX_free(ctx);
	buf_put(&message, signature, sizeof(signature));
	buf_reset(password);
	buf_put_text(password, "gk1.");
	base64url_encode(span_of(message.ptr + sizeof(context) - 1,
				 message.len - sizeof(context) + 1), password);
}

static size_t body_of(struct guest_credential *c, uint8_t *body)
{
	OWNED(buf_done) struct buf password = BUF_LIMIT(512);
	ssize_t len;

	sign(c, &password);
	len = base64url_decode(span_of(password.ptr + 4, password.len - 4), body, 256);
	assert_true(len > 64);
	return (size_t)len - 64;
}

static void signed_nonsense_is_refused(void **state)
{
	OWNED(buf_done) struct buf password = BUF_LIMIT(512);
	struct guest_credential c = sample;
	uint8_t body[256], changed[256];
	size_t len = body_of(&c, body);

	sign_raw(body, len, &password);
	assert_int_equal(verify(&password, &expected), 0);
	sign_raw(body, len - 1, &password);	/* short */
	assert_int_equal(verify(&password, &expected), -EBADMSG);
	sign_raw(body, len + 1, &password);	/* a byte too many */
	assert_int_equal(verify(&password, &expected), -EBADMSG);

	memcpy(changed, body, len);
	changed[0] = 2;	/* version */
	sign_raw(changed, len, &password);
	assert_int_equal(verify(&password, &expected), -EBADMSG);
	memcpy(changed, body, len);
	memset(changed + 17, 0, 4);	/* uid 0 */
	sign_raw(changed, len, &password);
	assert_int_equal(verify(&password, &expected), -EBADMSG);
	memcpy(changed, body, len);
	changed[len - 1] = 0xff;	/* not UTF-8 */
	sign_raw(changed, len, &password);
	assert_int_equal(verify(&password, &expected), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_one_comes_back_whole), cmocka_unit_test(expiry_is_exact),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(every_flipped_bit_is_noticed),
		cmocka_unit_test(every_cut_is_noticed),
		cmocka_unit_test(long_names_are_cut_at_a_character),
		cmocka_unit_test(a_full_password_is_240_characters),
		cmocka_unit_test(system_accounts_are_never_signed),
		cmocka_unit_test(signed_nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
