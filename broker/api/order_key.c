/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/order_key.h"

#include <errno.h>

#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/wire/sha256.h"

#define KEY_MAX 128
#define ANSWER_MAX (64 * 1024)

static void hash_hex(struct span bytes, char out[STORE_SHA256_SIZE])
{
	uint8_t hash[SHA256_DIGEST_LENGTH];

	sha256(bytes.ptr, bytes.len, hash);
	hex_encode(span_of(hash, sizeof(hash)), out);
}

static bool is_key(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return len > 0 && len <= KEY_MAX;
}

/* Each text with its end, so that none runs into the next. */
static void put_text(struct buf *out, const char *text)
{
	buf_put(out, text, strlen(text) + 1);
}

int order_key_read(struct http_exchange *x, struct order_key *out)
{
	const char *key = http_header(x, ORDER_KEY_HEADER);
	OWNED(buf_done) struct buf request = { 0 };

	if (!key)
		return 0;
	if (!is_key(key))
		return -EINVAL;
	put_text(&request, http_method(x));
	put_text(&request, http_path(x));
	for (size_t i = 0; i < x->query_count; i++) {
		put_text(&request, x->query[i].name);
		put_text(&request, x->query[i].value);
	}
	buf_put_span(&request, http_body_bytes(x));
	hash_hex(buf_span(&request), out->request_sha256);
	hash_hex(span_text(key), out->key_sha256);
	out->given = true;
	return 0;
}

int order_key_find(struct store *store, const struct order_key *key, const char *who,
		   enum order_seen *seen, json_t **answer, struct error *err)
{
	OWNED(store_kept_done) struct store_kept kept = { 0 };
	int rc = store_kept_find(store, who, key->key_sha256, clock_wall_ms(), &kept, err);

	*seen = ORDER_NEW;
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	*seen = strcmp(kept.request_sha256, key->request_sha256) == 0 ? ORDER_AGAIN : ORDER_OTHER;
	if (*seen == ORDER_AGAIN && *kept.answer)
		return json_object_parse(span_text(kept.answer), answer, err);
	return 0;
}

int order_key_keep(struct store *store, const struct order_key *key, const char *who,
		   const json_t *answer, struct error *err)
{
	OWNED(buf_done) struct buf text = BUF_LIMIT(ANSWER_MAX);

	if (answer)
		json_write(answer, &text);
	return text.failed ? 0
			   : store_kept_put(store, who, key->key_sha256, key->request_sha256,
					    buf_text(&text), clock_wall_ms(), err);
}
