/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/session/token.h"

#include <errno.h>

#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/wire/sha256.h"

void token_new(struct token *out)
{
	OWNED(buf_done) struct buf text = { 0 };
	uint8_t bytes[TOKEN_BYTES];

	random_bytes(bytes, sizeof(bytes));
	sha256(bytes, sizeof(bytes), out->hash);
	base64url_encode(span_of(bytes, sizeof(bytes)), &text);
	memcpy(out->text, buf_text(&text), TOKEN_TEXT_SIZE);
	memory_wipe(text.ptr, text.len);
	memory_wipe(bytes, sizeof(bytes));
}

void token_wipe(struct token *token)
{
	memory_wipe(token, sizeof(*token));
}

int token_hash(const char *text, uint8_t out[TOKEN_HASH_BYTES])
{
	uint8_t bytes[TOKEN_BYTES];

	if (strlen(text) != TOKEN_TEXT_SIZE - 1 ||
	    base64url_decode(span_text(text), bytes, sizeof(bytes)) != sizeof(bytes))
		return -EINVAL;
	sha256(bytes, sizeof(bytes), out);
	memory_wipe(bytes, sizeof(bytes));
	return 0;
}
