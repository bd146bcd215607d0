/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/audit_chain.h"

#include <errno.h>
#include "common/base/buf.h"
#include "common/base/text.h"
#include "common/wire/sha256.h"

#define ROW_MAX (1 << 20)

/* Lengths before the fields: no two rows have the same bytes. */
static void put_field(struct buf *b, const char *text)
{
	buf_printf(b, "%zu:", strlen(text));
	buf_put_text(b, text);
}

int audit_chain_hash(const char *previous, const struct audit_link *row, char out[AUDIT_HASH_SIZE],
		     struct error *err)
{
	OWNED(buf_done) struct buf b = BUF_LIMIT(ROW_MAX);
	uint8_t digest[SHA256_DIGEST_LENGTH];

	buf_printf(&b, "%s %lld %lld %d ", previous, (long long)row->id, (long long)row->at_ms,
		   row->denied);
	put_field(&b, row->who);
	put_field(&b, row->source);
	put_field(&b, row->what);
	put_field(&b, row->code);
	put_field(&b, row->subject);
	put_field(&b, row->details);
	if (b.failed)
		return error_set(err, EMSGSIZE, "audit: the row is too large");
	sha256(b.ptr, b.len, digest);
	hex_encode(span_of(digest, sizeof(digest)), out);
	return 0;
}

int audit_chain_next(struct audit_walk *walk, const struct audit_link *row, const char *previous,
		     const char *sha256, struct error *err)
{
	char computed[AUDIT_HASH_SIZE];
	int64_t expected = walk->rows + 1;
	int rc = audit_chain_hash(walk->previous, row, computed, err);

	if (rc < 0)
		return rc;
	if (row->id != expected || strcmp(previous, walk->previous) != 0 ||
	    strcmp(sha256, computed) != 0)
		return error_set(err, EBADMSG, "audit: row %lld does not fit (expected row %lld)",
				 (long long)row->id, (long long)expected);
	walk->rows = expected;
	memcpy(walk->previous, computed, AUDIT_HASH_SIZE);
	return 0;
}
