/* SPDX-License-Identifier: Apache-2.0 */
/* text.h - strings and the encodings of bytes as text. */
#ifndef GENKAN_BASE_TEXT_H
#define GENKAN_BASE_TEXT_H

#include <sys/types.h>
#include "common/base/buf.h"

/* Copies with the NUL; -ENAMETOOLONG and an untouched `out` when it does not fit. */
int str_copy(char *out, size_t size, const char *text) MUST_CHECK;
bool str_starts(const char *text, const char *prefix);

/* Lowercase hex. `out` needs 2 * len + 1 bytes. */
void hex_encode(struct span in, char *out);
/* Exactly out_len bytes or -EINVAL; either letter case. */
int hex_decode(const char *text, uint8_t *out, size_t out_len) MUST_CHECK;

/* RFC 4648 5 without padding. */
void base64url_encode(struct span in, struct buf *out);
/* RFC 4648 4 with padding. */
void base64_encode(struct span in, struct buf *out);
/* Accept only their own alphabet, canonical, at most `limit` bytes; count of bytes or -EINVAL. */
ssize_t base64url_decode(struct span text, uint8_t *out, size_t limit) MUST_CHECK;
ssize_t base64_decode(struct span text, uint8_t *out, size_t limit) MUST_CHECK;

/* RFC 3629: no surrogates, no overlong forms. */
bool utf8_valid(struct span text);
/* The longest valid prefix that fits `max` bytes and ends at a character. */
size_t utf8_prefix(struct span text, size_t max);
/* UTF-16LE to UTF-8, appended; -EILSEQ for lone surrogates or an odd length. */
int utf16le_to_utf8(struct span in, struct buf *out) MUST_CHECK;
int utf8_to_utf16le(struct span in, struct buf *out) MUST_CHECK;

#endif
