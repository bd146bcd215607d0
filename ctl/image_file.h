/* SPDX-License-Identifier: Apache-2.0 */
/* image_file.h - a golden image on its way into the folder from which hosts take it. */
#ifndef GENKAN_CTL_IMAGE_FILE_H
#define GENKAN_CTL_IMAGE_FILE_H

#include <stdbool.h>
#include "common/base/error.h"
#include "common/wire/image_content.h"

struct image_file {
	char sha256[65];
	int64_t size_bytes;	/* of the file */
	bool copied;		/* false: the folder had it already */
	struct image_content content;
};

typedef void image_progress_fn(void *arg, const char *what, int64_t done, int64_t total);

/* A descriptor of a file that may be used as an image (qcow2_check_header), and its size. */
int image_open(const char *path, int64_t *size_bytes, struct error *err) MUST_CHECK;
/* Hashes all of it. `content` may be NULL. */
int image_read(int fd, int64_t size_bytes, image_progress_fn *progress, void *arg, char sha256[65],
	       struct image_content *content, struct error *err) MUST_CHECK;

/* Puts the file into the folder as <sha256>.qcow2: shared blocks where the file system can
 * (reflink), else a copy; complete or not there at all; never a hard link, because the original
 * may be written to later. The hash is of what is in the folder. */
int image_install(const char *path, const char *folder, image_progress_fn *progress, void *arg,
		  struct image_file *out, struct error *err) MUST_CHECK;

#endif
