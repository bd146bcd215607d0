/* SPDX-License-Identifier: Apache-2.0 */
/* image_content.h - what a golden image consists of: its SHA-256 as a whole, which is its name, and
 * that of each piece, which says where a copy differs and lets a copy go on where it stopped. */
#ifndef GENKAN_WIRE_IMAGE_CONTENT_H
#define GENKAN_WIRE_IMAGE_CONTENT_H

#include "common/base/buf.h"
#include "common/base/error.h"

#define IMAGE_PIECE_BYTES (INT64_C(16) << 20)
#define IMAGE_BYTES_MAX (INT64_C(256) << 30)
/* At most so much of an image travels in one request. */
#define IMAGE_PART_BYTES (INT64_C(1) << 20)
#define IMAGE_HASH_BYTES 32

struct image_content {
	int64_t size_bytes;
	size_t count;			/* of pieces */
	uint8_t (*pieces)[IMAGE_HASH_BYTES];
};
void image_content_done(struct image_content *content);
DEFINE_OWNED_VALUE(image_content_done, struct image_content);

/* How many pieces a file of that size has; where one begins and how long it is. */
size_t image_piece_count(int64_t size_bytes);
int64_t image_piece_offset(size_t piece);
int64_t image_piece_len(int64_t size_bytes, size_t piece);

/* Hashes of all pieces as one line of lowercase hex. */
void image_content_write(const struct image_content *content, struct buf *out);
/* -EINVAL when it is not the list of a file of that size. */
int image_content_parse(int64_t size_bytes, const char *hex, struct image_content *out,
			struct error *err) MUST_CHECK;

void image_piece_hash(struct span piece, uint8_t out[IMAGE_HASH_BYTES]);

/* Bytes in, in order; both kinds of hash out. */
struct image_hash;
struct image_hash *image_hash_new(void);
void image_hash_free(struct image_hash *hash);
DEFINE_OWNED(image_hash_free, struct image_hash);
void image_hash_put(struct image_hash *hash, struct span bytes);
int64_t image_hash_bytes(const struct image_hash *hash);
/* Ends it: lowercase hex of the whole, and the pieces (NULL: not asked for). */
void image_hash_end(struct image_hash *hash, char sha256[2 * IMAGE_HASH_BYTES + 1],
		    struct image_content *content);

/* 64 lowercase hex digits. */
bool image_sha256_valid(const char *sha256);

#endif
