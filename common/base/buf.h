/* SPDX-License-Identifier: Apache-2.0 */
/* buf.h - growing bytes with a cap.
 *
 * Writers past the cap set `failed` and write nothing more, so that a whole PDU or text can be
 * written straight and asked about once. Never hands out a half-written tail: test `failed`. */
#ifndef GENKAN_BASE_BUF_H
#define GENKAN_BASE_BUF_H

#include <stdarg.h>
#include "common/base/cleanup.h"
#include "common/base/span.h"

struct buf {
	uint8_t *ptr;
	size_t len;
	size_t capacity;
	size_t limit;	/* most bytes it may hold; 0 = 16 MiB */
	bool failed;	/* the limit was hit or memory ran out */
};

#define BUF_LIMIT(bytes) ((struct buf){ .limit = (bytes) })

void buf_done(struct buf *b);
DEFINE_OWNED_VALUE(buf_done, struct buf);

/* Keeps the memory, forgets the content and the failure. */
void buf_reset(struct buf *b);
/* Drops `len` bytes from the front. */
void buf_consume(struct buf *b, size_t len);
/* Cuts back to `len`; used to undo a part that was begun. */
void buf_truncate(struct buf *b, size_t len);

/* `len` writable zero bytes at the end, or NULL with `failed` set. */
uint8_t *buf_extend(struct buf *b, size_t len);
/* Room for at least `len` more bytes without changing the content; pair with b->len += n. */
uint8_t *buf_reserve(struct buf *b, size_t len);

void buf_put(struct buf *b, const void *bytes, size_t len);
void buf_put_span(struct buf *b, struct span bytes);
void buf_put_text(struct buf *b, const char *text);
void buf_put_zeros(struct buf *b, size_t len);
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16be(struct buf *b, uint16_t v);
void buf_put_u16le(struct buf *b, uint16_t v);
void buf_put_u32be(struct buf *b, uint32_t v);
void buf_put_u32le(struct buf *b, uint32_t v);
void buf_put_u64be(struct buf *b, uint64_t v);
void buf_put_u64le(struct buf *b, uint64_t v);
/* Overwrites at `at`, which must lie inside. */
void buf_set_u16be(struct buf *b, size_t at, uint16_t v);
void buf_set_u16le(struct buf *b, size_t at, uint16_t v);
void buf_set_u32le(struct buf *b, size_t at, uint32_t v);

void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The content as a C string (a NUL is kept behind it); "" when empty. */
const char *buf_text(struct buf *b);
/* Hands the malloc'ed, NUL-terminated text to the caller and empties the buffer. */
char *buf_steal_text(struct buf *b);

static inline struct span buf_span(const struct buf *b)
{
	return (struct span){ b->ptr, b->len };
}

#endif
