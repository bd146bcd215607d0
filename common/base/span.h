/* SPDX-License-Identifier: Apache-2.0 */
/* span.h - borrowed bytes and bounded readers over them. No allocation, no system call.
 *
 * A reader cannot run past its end: a short read sets `bad` and yields zeros, so parsers stay
 * straight and ask `bad` before they trust a value. */
#ifndef GENKAN_BASE_SPAN_H
#define GENKAN_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t *ptr;
	size_t len;
};

#define SPAN_LITERAL(text) ((struct span){ (const uint8_t *)(text), sizeof(text) - 1 })

static inline struct span span_of(const void *ptr, size_t len)
{
	return (struct span){ ptr, len };
}

static inline struct span span_text(const char *text)
{
	return (struct span){ (const uint8_t *)text, strlen(text) };
}

static inline bool span_equal(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* ASCII case folded comparison; other bytes must be equal. */
bool span_equal_fold(struct span a, struct span b);

/* Compares without an early exit: for secrets and hashes. Lengths are not secret. */
bool span_equal_secret(struct span a, struct span b);

struct reader {
	struct span rest;
	bool bad;
};

static inline struct reader reader_of(struct span in)
{
	return (struct reader){ .rest = in };
}

/* True when nothing was read short and nothing is left over. */
static inline bool reader_finished(const struct reader *r)
{
	return !r->bad && r->rest.len == 0;
}

struct span read_bytes(struct reader *r, size_t len);
struct span read_rest(struct reader *r);
void read_skip(struct reader *r, size_t len);
uint8_t read_u8(struct reader *r);
uint16_t read_u16be(struct reader *r);
uint16_t read_u16le(struct reader *r);
uint32_t read_u32be(struct reader *r);
uint32_t read_u32le(struct reader *r);
uint64_t read_u64be(struct reader *r);
uint64_t read_u64le(struct reader *r);

#endif
