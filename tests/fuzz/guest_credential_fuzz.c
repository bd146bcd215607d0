/* SPDX-License-Identifier: Apache-2.0 */
/* The password a guest is given: as it comes, and as a body that the right key has signed, so that
 * the parser behind the signature is reached too. */
#include <openssl/evp.h>
#include "common/base/text.h"
#include "common/wire/guest_credential.h"
#include "tests/fuzz/fuzz.h"

#define CONTEXT "genkan guest credential 1"

static EVP_PKEY *fixed_key(uint8_t *public_key)
{
	static const uint8_t seed[32] = { 1 };
	size_t len = GUEST_PUBLIC_KEY_LEN;
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));

	EVP_PKEY_get_raw_public_key(key, public_key, &len);
	return key;
}

static void sign_body(EVP_PKEY *key, struct span body, struct buf *password)
{
	OWNED(buf_done) struct buf message = BUF_LIMIT(4096);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signature[64];
	size_t signature_len = sizeof(signature);

	buf_put_text(&message, CONTEXT);
	buf_put_span(&message, body);
	EVP_DigestSignInit(ctx, NULL, NULL, NULL, key);
	EVP_DigestSign(ctx, signature, &signature_len, message.ptr, message.len);
	EVP_MD_CTX_free(ctx);
	buf_put(&message, signature, sizeof(signature));
	buf_put_text(password, "gk1.");
	base64url_encode(span_of(message.ptr + sizeof(CONTEXT) - 1,
				 message.len - sizeof(CONTEXT) + 1), password);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct guest_expectation expected = { .user = "a" };
	static EVP_PKEY *key;
	OWNED(buf_done) struct buf password = BUF_LIMIT(8192);
	struct guest_credential out;

	if (!key)
		key = fixed_key(expected.public_key);
	MUST(guest_credential_verify(span_of(data, size), &expected, &out, NULL) < 0);
	if (size > 512)
		return 0;
	sign_body(key, span_of(data, size), &password);
	if (guest_credential_verify(buf_span(&password), &expected, &out, NULL) == 0)
		MUST(guest_account_name_valid(span_text(out.user)) && out.uid >= GUEST_UID_MIN);
	return 0;
}
