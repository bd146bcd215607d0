/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/guest_credential.h"

#include <errno.h>
#include "common/base/text.h"

#define PREFIX "gk1."
#define CONTEXT "genkan guest credential 1"
#define VERSION 1
#define SIGNATURE_LEN 64
/* version, desktop, epoch, uid, expiry, nonce and the two length bytes */
#define FIXED_LEN (1 + GUEST_DESKTOP_ID_LEN + 8 + 4 + 8 + GUEST_CREDENTIAL_NONCE_LEN + 2)
/* What GUEST_CREDENTIAL_MAX characters can hold after the prefix. */
#define RAW_MAX ((GUEST_CREDENTIAL_MAX - (sizeof(PREFIX) - 1)) * 3 / 4)
#define BODY_MAX (RAW_MAX - SIGNATURE_LEN)

DEFINE_OWNED(EVP_MD_CTX_free, EVP_MD_CTX);
DEFINE_OWNED(EVP_PKEY_free, EVP_PKEY);

bool guest_account_name_valid(struct span name)
{
	if (name.len == 0 || name.len >= GUEST_CREDENTIAL_USER_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.ptr[i];
		bool anywhere = (c >= 'a' && c <= 'z') || c == '_';
		bool later = (c >= '0' && c <= '9') || c == '-';

		if (!anywhere && !(later && i > 0))
			return false;
	}
	return true;
}

static void body_write(const struct guest_credential *c, struct buf *out)
{
	struct span user = span_text(c->user);
	struct span name = span_text(c->display_name);

	name.len = utf8_prefix(name, BODY_MAX - FIXED_LEN - user.len);
	buf_put_u8(out, VERSION);
	buf_put(out, c->desktop, sizeof(c->desktop));
	buf_put_u64be(out, c->epoch);
	buf_put_u32be(out, c->uid);
	buf_put_u64be(out, c->expires_at_ms);
	buf_put(out, c->nonce, sizeof(c->nonce));
	buf_put_u8(out, (uint8_t)user.len);
	buf_put_span(out, user);
	buf_put_u8(out, (uint8_t)name.len);
	buf_put_span(out, name);
}

int guest_credential_sign(const struct guest_credential *credential, EVP_PKEY *key, struct buf *out,
			  struct error *err)
{
	OWNED(EVP_MD_CTX_free) EVP_MD_CTX *ctx = NULL;
	OWNED(buf_done) struct buf message = BUF_LIMIT(1024);
	uint8_t signature[SIGNATURE_LEN];
	size_t signature_len = sizeof(signature);

	if (!guest_account_name_valid(span_text(credential->user)))
		return error_set(err, EINVAL, "guest credential: bad account name");
	if (credential->uid < GUEST_UID_MIN)
		return error_set(err, EINVAL, "guest credential: uid %u is a system account",
				 credential->uid);

	buf_put_text(&message, CONTEXT);
	body_write(credential, &message);
	ctx = EVP_MD_CTX_new();
	if (message.failed || !ctx)
		return error_set(err, ENOMEM, "guest credential: no memory");
	if (EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) != 1 ||
	    EVP_DigestSign(ctx, signature, &signature_len, message.ptr, message.len) != 1 ||
	    signature_len != SIGNATURE_LEN)
		return error_set(err, EKEYREJECTED, "guest credential: cannot sign with this key");

	buf_put(&message, signature, sizeof(signature));
	buf_put_text(out, PREFIX);
	base64url_encode(span_of(message.ptr + sizeof(CONTEXT) - 1,
				 message.len - (sizeof(CONTEXT) - 1)), out);
	return out->failed ? error_set(err, ENOMEM, "guest credential: no room") : 0;
}

static int signature_check(struct span body, struct span signature, const uint8_t *public_key,
			   struct error *err)
{
	OWNED(EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	OWNED(EVP_PKEY_free) EVP_PKEY *key = EVP_PKEY_new_raw_public_key(
		EVP_PKEY_ED25519, NULL, public_key, GUEST_PUBLIC_KEY_LEN);
	uint8_t message[sizeof(CONTEXT) - 1 + RAW_MAX];

	if (!ctx || !key || body.len > RAW_MAX)
		return error_set(err, EKEYREJECTED, "guest credential: cannot check signatures");
	memcpy(message, CONTEXT, sizeof(CONTEXT) - 1);
	memcpy(message + sizeof(CONTEXT) - 1, body.ptr, body.len);
	if (EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) != 1 ||
	    EVP_DigestVerify(ctx, signature.ptr, signature.len, message,
			     sizeof(CONTEXT) - 1 + body.len) != 1)
		return error_set(err, EKEYREJECTED, "guest credential: bad signature");
	return 0;
}

static int text_take(struct reader *r, char *out, size_t size)
{
	struct span text = read_bytes(r, read_u8(r));

	if (r->bad || text.len >= size || !utf8_valid(text) || memchr(text.ptr, 0, text.len))
		return -EBADMSG;
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return 0;
}

static int body_parse(struct span body, struct guest_credential *out)
{
	struct reader r = reader_of(body);
	struct span id, nonce;

	if (read_u8(&r) != VERSION)
		return -EBADMSG;
	id = read_bytes(&r, GUEST_DESKTOP_ID_LEN);
	out->epoch = read_u64be(&r);
	out->uid = read_u32be(&r);
	out->expires_at_ms = read_u64be(&r);
	nonce = read_bytes(&r, GUEST_CREDENTIAL_NONCE_LEN);
	if (r.bad || text_take(&r, out->user, sizeof(out->user)) < 0 ||
	    text_take(&r, out->display_name, sizeof(out->display_name)) < 0 || !reader_finished(&r))
		return -EBADMSG;
	if (!guest_account_name_valid(span_text(out->user)) || out->uid < GUEST_UID_MIN)
		return -EBADMSG;
	memcpy(out->desktop, id.ptr, id.len);
	memcpy(out->nonce, nonce.ptr, nonce.len);
	return 0;
}

static int expectation_check(const struct guest_credential *c, const struct guest_expectation *e,
			     struct error *err)
{
	if (memcmp(c->desktop, e->desktop, sizeof(c->desktop)) != 0)
		return error_set(err, EXDEV, "guest credential: for another desktop");
	if (c->epoch != e->epoch)
		return error_set(err, ESTALE, "guest credential: for another epoch");
	if (e->now_ms < 0 || (uint64_t)e->now_ms >= c->expires_at_ms)
		return error_set(err, EKEYEXPIRED, "guest credential: expired");
	if (strcmp(c->user, e->user) != 0)
		return error_set(err, EACCES, "guest credential: for another user");
	return 0;
}

int guest_credential_verify(struct span password, const struct guest_expectation *expected,
			    struct guest_credential *out, struct error *err)
{
	struct guest_credential parsed = { 0 };
	struct span prefix = SPAN_LITERAL(PREFIX);
	struct span text, body, signature;
	uint8_t raw[RAW_MAX];
	ssize_t raw_len;
	int rc;

	if (password.len > GUEST_CREDENTIAL_MAX || password.len < prefix.len ||
	    memcmp(password.ptr, prefix.ptr, prefix.len) != 0)
		return error_set(err, EBADMSG, "guest credential: not one");
	text = span_of(password.ptr + prefix.len, password.len - prefix.len);
	raw_len = base64url_decode(text, raw, sizeof(raw));
	if (raw_len < SIGNATURE_LEN + FIXED_LEN)
		return error_set(err, EBADMSG, "guest credential: damaged");

	body = span_of(raw, (size_t)raw_len - SIGNATURE_LEN);
	signature = span_of(raw + body.len, SIGNATURE_LEN);
	rc = signature_check(body, signature, expected->public_key, err);
	if (rc < 0)
		return rc;
	if (body_parse(body, &parsed) < 0)
		return error_set(err, EBADMSG, "guest credential: damaged");
	rc = expectation_check(&parsed, expected, err);
	if (rc < 0)
		return rc;
	*out = parsed;
	return 0;
}
