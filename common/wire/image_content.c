/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/image_content.h"

#include <errno.h>
#include <openssl/evp.h>
#include "common/base/text.h"

struct image_hash {
	EVP_MD_CTX *whole, *piece;
	int64_t bytes;
	struct image_content content;
};

void image_content_done(struct image_content *content)
{
	free(content->pieces);
	*content = (struct image_content){ 0 };
}

size_t image_piece_count(int64_t size_bytes)
{
	return (size_t)((size_bytes + IMAGE_PIECE_BYTES - 1) / IMAGE_PIECE_BYTES);
}

int64_t image_piece_offset(size_t piece)
{
	return (int64_t)piece * IMAGE_PIECE_BYTES;
}

int64_t image_piece_len(int64_t size_bytes, size_t piece)
{
	int64_t left = size_bytes - image_piece_offset(piece);

	return left < IMAGE_PIECE_BYTES ? left : IMAGE_PIECE_BYTES;
}

bool image_sha256_valid(const char *sha256)
{
	return strlen(sha256) == 64 && strspn(sha256, "0123456789abcdef") == 64;
}

void image_content_write(const struct image_content *content, struct buf *out)
{
	for (size_t i = 0; i < content->count; i++) {
		char hex[2 * IMAGE_HASH_BYTES + 1];

		hex_encode(span_of(content->pieces[i], IMAGE_HASH_BYTES), hex);
		buf_put_text(out, hex);
	}
}

int image_content_parse(int64_t size_bytes, const char *hex, struct image_content *out,
			struct error *err)
{
	struct image_content content = { .size_bytes = size_bytes };

	if (size_bytes < 1 || size_bytes > IMAGE_BYTES_MAX)
		return error_set(err, EINVAL, "an image has 1 byte to 256 GiB");
	content.count = image_piece_count(size_bytes);
	if (strlen(hex) != content.count * 2 * IMAGE_HASH_BYTES)
		return error_set(err, EINVAL, "the list of pieces does not fit the size");
	content.pieces = xcalloc(content.count, IMAGE_HASH_BYTES);
	if (hex_decode(hex, content.pieces[0], content.count * IMAGE_HASH_BYTES) < 0) {
		image_content_done(&content);
		return error_set(err, EINVAL, "the list of pieces is not hex");
	}
	*out = content;
	return 0;
}

/* libcrypto without SHA-256 cannot have made the TLS connection that brought us here. */
static void must(int ok)
{
	if (ok != 1)
		abort();
}

void image_piece_hash(struct span piece, uint8_t out[IMAGE_HASH_BYTES])
{
	must(EVP_Digest(piece.ptr, piece.len, out, NULL, EVP_sha256(), NULL));
}

struct image_hash *image_hash_new(void)
{
	struct image_hash *hash = xnew(struct image_hash);

	hash->whole = EVP_MD_CTX_new();
	hash->piece = EVP_MD_CTX_new();
	must(hash->whole && hash->piece);
	must(EVP_DigestInit_ex(hash->whole, EVP_sha256(), NULL));
	must(EVP_DigestInit_ex(hash->piece, EVP_sha256(), NULL));
	return hash;
}

void image_hash_free(struct image_hash *hash)
{
	if (!hash)
		return;
	EVP_MD_CTX_free(hash->whole);
	EVP_MD_CTX_free(hash->piece);
	image_content_done(&hash->content);
	free(hash);
}

static void end_piece(struct image_hash *hash)
{
	struct image_content *c = &hash->content;

	c->pieces = xrealloc(c->pieces, (c->count + 1) * sizeof(*c->pieces));
	must(EVP_DigestFinal_ex(hash->piece, c->pieces[c->count++], NULL));
	must(EVP_DigestInit_ex(hash->piece, EVP_sha256(), NULL));
}

void image_hash_put(struct image_hash *hash, struct span bytes)
{
	must(EVP_DigestUpdate(hash->whole, bytes.ptr, bytes.len));
	while (bytes.len) {
		size_t room = (size_t)(IMAGE_PIECE_BYTES - hash->bytes % IMAGE_PIECE_BYTES);
		size_t len = bytes.len < room ? bytes.len : room;

		must(EVP_DigestUpdate(hash->piece, bytes.ptr, len));
		hash->bytes += (int64_t)len;
		bytes = span_of(bytes.ptr + len, bytes.len - len);
		if (len == room)
			end_piece(hash);
	}
}

int64_t image_hash_bytes(const struct image_hash *hash)
{
	return hash->bytes;
}

void image_hash_end(struct image_hash *hash, char sha256[2 * IMAGE_HASH_BYTES + 1],
		    struct image_content *content)
{
	uint8_t digest[IMAGE_HASH_BYTES];

	if (hash->bytes % IMAGE_PIECE_BYTES)
		end_piece(hash);
	must(EVP_DigestFinal_ex(hash->whole, digest, NULL));
	hex_encode(span_of(digest, sizeof(digest)), sha256);
	hash->content.size_bytes = hash->bytes;
	if (content) {
		*content = hash->content;
		hash->content = (struct image_content){ 0 };
	}
}
