/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/pool_version.h"

#include <stdio.h>
#include "pool/pool_json.h"
#include "common/wire/sha256.h"

static void add(const struct pool *pool, struct buf *out)
{
	OWNED(json_decref) json_t *object = pool_to_json(pool);

	json_write(object, out);
}

static void name_of(const struct buf *text, char out[POOL_VERSION_SIZE])
{
	uint8_t hash[SHA256_DIGEST_LENGTH];

	sha256(text->ptr, text->len, hash);
	for (size_t i = 0; i < (POOL_VERSION_SIZE - 1) / 2; i++)
		snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

void pool_version(const struct pool *pool, char out[POOL_VERSION_SIZE])
{
	OWNED(buf_done) struct buf text = { 0 };

	add(pool, &text);
	name_of(&text, out);
}

void pool_version_of_all(const struct store_pool_list *list, char out[POOL_VERSION_SIZE])
{
	OWNED(buf_done) struct buf text = { 0 };

	buf_put_u8(&text, '[');
	for (size_t i = 0; i < list->count; i++)
		add(&list->items[i], &text);
	name_of(&text, out);
}
