/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/factor/factor_keys.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/base/secret.h"
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/file.h"
#include "common/wire/sha256.h"

enum {
	KEY_BYTES = 32,
	NONCE_BYTES = 12,
	TAG_BYTES = 16,
	SEALED_MAX = 96,
	KEYS_MAX = 16,
	FILE_MAX = 4096
};

struct factor_key {
	char id[STORE_KEY_ID_SIZE];
	uint8_t bytes[KEY_BYTES];
};
struct factor_keys {
	size_t count;
	struct factor_key keys[KEYS_MAX];
};

void factor_keys_free(struct factor_keys *keys)
{
	if (!keys)
		return;
	memory_wipe(keys, sizeof(*keys));
	free(keys);
}

/* ----------------------------------------------------------------------------------- the file */

static void put_new_key(struct buf *out)
{
	uint8_t key[KEY_BYTES], hash[SHA256_DIGEST_LENGTH];
	char id[STORE_KEY_ID_SIZE], text[2 * KEY_BYTES + 1];

	random_bytes(key, sizeof(key));
	sha256(key, sizeof(key), hash);
	hex_encode(span_of(hash, (STORE_KEY_ID_SIZE - 1) / 2), id);
	hex_encode(span_of(key, sizeof(key)), text);
	buf_printf(out, "%s %s\n", id, text);
	memory_wipe(key, sizeof(key));
	memory_wipe(text, sizeof(text));
}

static void wipe_buf(struct buf *text)
{
	if (text->ptr)
		memory_wipe(text->ptr, text->capacity);
}

int factor_keys_init(const char *path, struct buf *made, struct error *err)
{
	OWNED(buf_done) struct buf text = { 0 };

	if (access(path, F_OK) == 0)
		return 0;
	put_new_key(&text);
	int rc = file_write(path, buf_span(&text), 0600, err);

	wipe_buf(&text);
	if (rc == 0)
		buf_printf(made, "%s\n", path);
	return rc;
}

int factor_keys_rotate(const char *path, struct buf *made, struct error *err)
{
	OWNED(factor_keys_free) struct factor_keys *keys = NULL;
	OWNED(buf_done) struct buf text = { 0 };
	int rc = factor_keys_open(path, &keys, err);

	if (rc < 0)
		return rc;
	if (keys->count == KEYS_MAX)
		return error_set(err, ENOSPC, "%s: has %d keys already; take out unused ones", path,
				 KEYS_MAX);
	put_new_key(&text);
	if ((rc = file_read(path, FILE_MAX, &text, err)) == 0)
		rc = file_write(path, buf_span(&text), 0600, err);
	wipe_buf(&text);
	if (rc == 0)
		buf_printf(made, "%s\n", path);
	return rc;
}

static int read_line(char *line, struct factor_key *out)
{
	char *space = strchr(line, ' ');

	if (!space)
		return -EINVAL;
	*space = '\0';
	return str_copy(out->id, sizeof(out->id), line) < 0 || strlen(line) != sizeof(out->id) - 1
		       ? -EINVAL
		       : hex_decode(space + 1, out->bytes, sizeof(out->bytes));
}

static int read_keys(const char *path, char *text, struct factor_keys *out, struct error *err)
{
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (*line == '#')
			continue;
		if (out->count == KEYS_MAX || read_line(line, &out->keys[out->count]) < 0)
			return error_set(err, EINVAL,
					 "%s: not a file of keys: \"ID KEY\" a line, "
					 "%d at most",
					 path, KEYS_MAX);
		out->count++;
	}
	return out->count ? 0 : error_set(err, EINVAL, "%s: there is no key in it", path);
}

int factor_keys_open(const char *path, struct factor_keys **out, struct error *err)
{
	OWNED(factor_keys_free) struct factor_keys *keys = xnew(struct factor_keys);
	OWNED(buf_done) struct buf text = { 0 };
	struct stat st;

	if (stat(path, &st) < 0)
		return error_errno(err, "open %s", path);
	if (st.st_mode & 077)
		return error_set(err, EPERM, "%s: must be readable by its owner only (0600)", path);
	int rc = file_read(path, FILE_MAX, &text, err);
	if (rc == 0) {
		(void)buf_text(&text); /* with its NUL */
		rc = read_keys(path, (char *)text.ptr, keys, err);
	}
	wipe_buf(&text);
	if (rc == 0)
		*out = STEAL(keys);
	return rc;
}

/* ------------------------------------------------------------------------------------- sealing */

static void context_of(const char *user_key, const char *key_id, struct buf *out)
{
	buf_printf(out, "genkan-second-factor:%s:%s", user_key, key_id);
}

static int set_up(EVP_CIPHER_CTX *ctx, const struct factor_key *key, const char *user_key,
		  const uint8_t nonce[NONCE_BYTES], bool seal)
{
	OWNED(buf_done) struct buf context = { 0 };
	int len;

	context_of(user_key, key->id, &context);
	return EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->bytes, nonce, seal) == 1 &&
	       EVP_CipherUpdate(ctx, NULL, &len, context.ptr, (int)context.len) == 1;
}

int factor_seal(const struct factor_keys *keys, const char *user_key, struct span secret,
		struct store_factor *out, struct error *err)
{
	const struct factor_key *key = &keys->keys[0];
	uint8_t sealed[SEALED_MAX], *body = sealed + NONCE_BYTES;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int len = 0, end = 0;

	if (secret.len > SEALED_MAX - NONCE_BYTES - TAG_BYTES) {
		EVP_CIPHER_CTX_free(ctx);
		return error_set(err, EMSGSIZE, "the secret of a second factor is too long");
	}
	random_bytes(sealed, NONCE_BYTES);
	bool good =
		ctx && set_up(ctx, key, user_key, sealed, true) &&
		EVP_CipherUpdate(ctx, body, &len, secret.ptr, (int)secret.len) == 1 &&
		EVP_CipherFinal_ex(ctx, body + len, &end) == 1 &&
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, body + len + end) == 1;

	EVP_CIPHER_CTX_free(ctx);
	if (!good)
		return error_set(err, EIO, "a second factor cannot be sealed");
	memcpy(out->key_id, key->id, sizeof(out->key_id));
	hex_encode(span_of(sealed, NONCE_BYTES + secret.len + TAG_BYTES), out->sealed);
	return 0;
}

static const struct factor_key *find_key(const struct factor_keys *keys, const char *id)
{
	for (size_t i = 0; i < keys->count; i++)
		if (strcmp(keys->keys[i].id, id) == 0)
			return &keys->keys[i];
	return NULL;
}

int factor_unseal(const struct factor_keys *keys, const char *user_key,
		  const struct store_factor *factor, uint8_t *out, size_t len, struct error *err)
{
	const struct factor_key *key = find_key(keys, factor->key_id);
	uint8_t sealed[SEALED_MAX], *body = sealed + NONCE_BYTES;
	int got = 0, end = 0;

	if (!key)
		return error_set(err, ENOKEY,
				 "second factors: the key %s is not in the file of keys",
				 factor->key_id);
	if (NONCE_BYTES + len + TAG_BYTES > sizeof(sealed) ||
	    hex_decode(factor->sealed, sealed, NONCE_BYTES + len + TAG_BYTES) < 0)
		return error_set(err, EBADMSG, "second factors: a row is damaged");

	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool good = ctx && set_up(ctx, key, user_key, sealed, false) &&
		    EVP_CipherUpdate(ctx, out, &got, body, (int)len) == 1 &&
		    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, body + len) == 1 &&
		    EVP_CipherFinal_ex(ctx, out + got, &end) == 1;

	EVP_CIPHER_CTX_free(ctx);
	if (good)
		return 0;
	memory_wipe(out, len);
	return error_set(err, EBADMSG, "second factors: a row is damaged or another person's");
}

bool factor_is_old(const struct factor_keys *keys, const struct store_factor *factor)
{
	return strcmp(keys->keys[0].id, factor->key_id) != 0;
}
