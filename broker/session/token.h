/* SPDX-License-Identifier: Apache-2.0 */
/* token.h - secrets we hand out: 32 random bytes as base64url. Only their SHA-256 is kept. */
#ifndef GENKAN_SESSION_TOKEN_H
#define GENKAN_SESSION_TOKEN_H

#include <stdint.h>
#include "common/base/cleanup.h"
#include "common/base/secret.h"

enum { TOKEN_BYTES = 32, TOKEN_TEXT_SIZE = 44, TOKEN_HASH_BYTES = 32 };

struct token {
	char text[TOKEN_TEXT_SIZE];
	uint8_t hash[TOKEN_HASH_BYTES];
};

void token_new(struct token *out);
void token_wipe(struct token *token);
DEFINE_OWNED_VALUE(token_wipe, struct token);
/* -EINVAL for text that cannot be one of ours. */
int token_hash(const char *text, uint8_t out[TOKEN_HASH_BYTES]) MUST_CHECK;

#endif
