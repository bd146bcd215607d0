/* SPDX-License-Identifier: Apache-2.0 */
/* image.h - golden images and the overlays on them. Blocking: work jobs only. */
#ifndef GENKAN_IMAGE_IMAGE_H
#define GENKAN_IMAGE_IMAGE_H

#include "common/base/span.h"
#include "hostagent/config.h"

/* The file IMAGE_DIR/<sha256>.qcow2 is what its name says: a self-contained qcow2 whose content
 * has that hash. The content is read once; a note in the state folder remembers size, time and
 * inode. -ENOENT: missing. -EBADMSG: not that image, or not one that may be used. */
int image_verify(const struct hostagent_config *config, const char *sha256,
		 struct error *err) MUST_CHECK;

/* Remembers that this open file, which has that name now, was found to be the image. */
int image_note(const struct hostagent_config *config, const char *sha256, int fd,
	       struct error *err) MUST_CHECK;

/* That the file is there because this host fetched it: what others have put there is theirs. */
int image_mark_fetched(const struct hostagent_config *config, const char *sha256,
		       struct error *err) MUST_CHECK;
/* What was fetched, and what is noted about it; -ENOENT: it was not fetched. */
int image_remove(const struct hostagent_config *config, const char *sha256);
/* Makes the desktop's overlay, on its template's disk or on the image. Whole or not at all. */
int overlay_create(const struct hostagent_config *config, const struct vm_spec *spec,
		   struct error *err) MUST_CHECK;
bool overlay_exists(const struct hostagent_config *config, const char *id);
/* Makes a new file `overlay` on `backing`; an old one is replaced. */
int overlay_make(const struct hostagent_config *config, const char *backing, const char *overlay,
		 struct error *err) MUST_CHECK;
/* Missing is fine. */
int overlay_remove(const struct hostagent_config *config, const char *id, struct error *err);

#endif
