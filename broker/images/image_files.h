/* SPDX-License-Identifier: Apache-2.0 */
/* image_files.h - the broker's golden images: one folder, <sha256>.qcow2 when whole, <sha256>.part on
 * the way there. Blocking: image jobs only. */
#ifndef GENKAN_IMAGES_IMAGE_FILES_H
#define GENKAN_IMAGES_IMAGE_FILES_H

#include "common/wire/image_content.h"

/* A file that is being received, in order. What is there already is hashed when it is opened. */
struct upload_file {
	char sha256[65];
	int64_t size_bytes;
	int fd;				/* -1: none is open */
	struct image_hash *hash;	/* of the bytes so far */
	bool complete;			/* it has its name; `content` is filled in */
	struct image_content content;
};
void upload_file_done(struct upload_file *file);

/* Goes on with what an earlier try left, or begins. A whole image that is there already is read
 * once: it completes at once, or is removed when it is damaged. -ENOSPC: says how much room is
 * missing. */
int upload_file_open(const char *folder, const char *sha256, int64_t size_bytes,
		     struct upload_file *out, struct error *err) MUST_CHECK;
/* The next bytes. -ESPIPE: they belong elsewhere. -EBADMSG: no image that may be used, or with the
 * last bytes, not the one that was announced; then nothing is left of it. Completes with the last. */
int upload_file_put(const char *folder, struct upload_file *file, int64_t offset, struct span bytes,
		    struct error *err) MUST_CHECK;

/* Adds at most `len` bytes to `out`; -ENOENT: not here, -ERANGE: begins behind the end. */
int image_file_read(const char *folder, const char *sha256, int64_t offset, size_t len,
		    struct buf *out, int64_t *size_bytes, struct error *err) MUST_CHECK;

/* Removes what was begun and not touched since. Count of files. */
int image_files_clean(const char *folder, int64_t before_ms, struct error *err);

#endif
