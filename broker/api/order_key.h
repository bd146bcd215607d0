/* SPDX-License-Identifier: Apache-2.0 */
/* order_key.h - Idempotency-Key: an order that is sent again with the same key is not carried out
 * again, but gets the answer of the first time.
 *
 * The answer is kept in the transaction of what it tells of, so that after a crash there are both
 * or neither. A refusal changed nothing and is not kept: the next attempt is judged anew. Keys
 * belong to who sends them. */
#ifndef GENKAN_API_ORDER_KEY_H
#define GENKAN_API_ORDER_KEY_H

#include "common/net/http_exchange.h"
#include "db/store.h"

#define ORDER_KEY_HEADER "Idempotency-Key"

struct order_key {
	bool given;
	char key_sha256[STORE_SHA256_SIZE];
	char request_sha256[STORE_SHA256_SIZE]; /* method, target and body */
};

enum order_seen { ORDER_NEW, ORDER_AGAIN, ORDER_OTHER };

/* Before the body is read, which wipes it. -EINVAL: the header is no key (1 to 128 visible
 * characters). */
int order_key_read(struct http_exchange *x, struct order_key *out) MUST_CHECK;

/* On the store's thread. With ORDER_AGAIN `answer` is a new reference, or NULL for one without a
 * body. */
int order_key_find(struct store *store, const struct order_key *key, const char *who,
		   enum order_seen *seen, json_t **answer, struct error *err) MUST_CHECK;
/* `answer` may be NULL. One that is very long is not kept. */
int order_key_keep(struct store *store, const struct order_key *key, const char *who,
		   const json_t *answer, struct error *err) MUST_CHECK;

#endif
