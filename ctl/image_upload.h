/* SPDX-License-Identifier: Apache-2.0 */
/* image_upload.h - a golden image on its way to the broker. */
#ifndef GENKAN_CTL_IMAGE_UPLOAD_H
#define GENKAN_CTL_IMAGE_UPLOAD_H

#include "ctl/ctl.h"
#include "ctl/image_file.h"

/* Sends the file; goes on where an earlier try stopped, and by itself when the connection or the
 * broker was gone for a while. The content is then with the broker, and nothing is published yet. */
int image_upload(struct ctl *ctl, const char *path, image_progress_fn *progress, void *arg,
		 struct image_file *out, struct error *err) MUST_CHECK;

#endif
