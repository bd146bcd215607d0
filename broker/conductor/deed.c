/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/conductor/deed.h"

#include <errno.h>
#include <openssl/hmac.h>

#include "common/base/secret.h"
#include "common/base/text.h"
#include "common/data/json.h"

#define MAC_BYTES 32
#define PURPOSE "genkan deed of a desktop 1"

static int mac(const uint8_t *key, size_t key_len, struct span text, uint8_t out[MAC_BYTES])
{
	unsigned len = MAC_BYTES;

	return HMAC(EVP_sha256(), key, (int)key_len, text.ptr, text.len, out, &len) ? 0 : -EIO;
}

int deed_key(EVP_PKEY *guest_key, uint8_t out[DEED_KEY_BYTES], struct error *err)
{
	uint8_t seed[64];
	size_t len = sizeof(seed);
	int rc = EVP_PKEY_get_raw_private_key(guest_key, seed, &len) == 1
			 ? mac(seed, len, span_text(PURPOSE), out)
			 : -EIO;

	memory_wipe(seed, sizeof(seed));
	return rc < 0 ? error_set(err, EIO, "no key can be made of the guest key") : 0;
}

int deed_write(const uint8_t key[DEED_KEY_BYTES], const struct store_desktop *d,
	       char out[DEED_SIZE])
{
	OWNED(json_decref)
	json_t *body = json_pack("{s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:I}", "desktop", d->id,
				 "host", d->host, "pool", d->pool, "epoch", (json_int_t)d->epoch,
				 "user", d->user_key, "name", d->user_name, "account",
				 d->home.account, "uid", (json_int_t)d->home.uid);
	OWNED(buf_done) struct buf json = BUF_LIMIT(DEED_SIZE);
	OWNED(buf_done) struct buf text = BUF_LIMIT(DEED_SIZE * 2);
	uint8_t sum[MAC_BYTES];

	json_write(body, &json);
	if (json.failed || mac(key, DEED_KEY_BYTES, buf_span(&json), sum) < 0)
		return -EMSGSIZE;
	base64url_encode(buf_span(&json), &text);
	buf_put_u8(&text, '.');
	base64url_encode(span_of(sum, sizeof(sum)), &text);
	return text.failed ? -EMSGSIZE : str_copy(out, DEED_SIZE, buf_text(&text));
}

static int read_body(const json_t *body, struct deed *out)
{
	if (json_get_text(body, "desktop", out->desktop, sizeof(out->desktop), NULL) < 0 ||
	    json_get_text(body, "host", out->host, sizeof(out->host), NULL) < 0 ||
	    json_get_text(body, "pool", out->pool, sizeof(out->pool), NULL) < 0 ||
	    json_get_int(body, "epoch", 0, INT64_MAX, &out->epoch, NULL) < 0 ||
	    json_get_text(body, "user", out->user.key, sizeof(out->user.key), NULL) < 0 ||
	    json_get_text(body, "name", out->user.name, sizeof(out->user.name), NULL) < 0 ||
	    json_get_text(body, "account", out->user.account, sizeof(out->user.account), NULL) <
		    0 ||
	    json_get_int(body, "uid", 0, UINT32_MAX, &out->user.uid, NULL) < 0)
		return -EBADMSG;
	memcpy(out->user.display_name, out->user.name,
	       utf8_prefix(span_text(out->user.name), sizeof(out->user.display_name) - 1));
	return 0;
}

int deed_read(const uint8_t key[DEED_KEY_BYTES], const char *text, struct deed *out)
{
	OWNED(json_decref) json_t *body = NULL;
	uint8_t json[DEED_SIZE], sum[MAC_BYTES], right[MAC_BYTES];
	const char *dot = strchr(text, '.');
	struct deed deed = { 0 };

	if (!dot || strlen(text) >= DEED_SIZE)
		return -EBADMSG;
	ssize_t len = base64url_decode(span_of(text, (size_t)(dot - text)), json, sizeof(json));
	if (len <= 0 ||
	    base64url_decode(span_text(dot + 1), sum, sizeof(sum)) != (ssize_t)sizeof(sum) ||
	    mac(key, DEED_KEY_BYTES, span_of(json, (size_t)len), right) < 0 ||
	    !span_equal_secret(span_of(sum, sizeof(sum)), span_of(right, sizeof(right))) ||
	    json_object_parse(span_of(json, (size_t)len), &body, NULL) < 0 ||
	    read_body(body, &deed) < 0)
		return -EBADMSG;
	*out = deed;
	return 0;
}
