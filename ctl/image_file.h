/* SPDX-License-Identifier: Apache-2.0 */
/* image_file.h - a golden image on its way into the folder from which hosts take it. */
#ifndef GENKAN_CTL_IMAGE_FILE_H
#define GENKAN_CTL_IMAGE_FILE_H

#include <stdbool.h>
#include "common/base/error.h"
#include "common/base/span.h"

struct image_file {
	char sha256[65];
	int64_t size_bytes;	/* of the file */
	bool copied;		/* false: the folder had it already */
};

/* A header that QEMU may open without trusting it: qcow2 version 2 or 3, self-contained - no
 * backing file and no external data file, which could name any file of the host. */
int image_check_header(struct span header, struct error *err) MUST_CHECK;

typedef void image_progress_fn(void *arg, const char *what, int64_t done, int64_t total);

/* Puts the file into the folder as <sha256>.qcow2: shared blocks where the file system can
 * (reflink), else a copy; complete or not there at all; never a hard link, because the original
 * may be written to later. The hash is of what is in the folder. */
int image_install(const char *path, const char *folder, image_progress_fn *progress, void *arg,
		  struct image_file *out, struct error *err) MUST_CHECK;

#endif
