/* SPDX-License-Identifier: Apache-2.0 */
/* screenshot.h - a picture as a PNG file. */
#ifndef GENKAN_THINCLIENT_SCREENSHOT_H
#define GENKAN_THINCLIENT_SCREENSHOT_H

#include "common/base/buf.h"
#include "common/base/error.h"
#include "thinclient/frame.h"

/* BGRX pixels as an RGB PNG. */
int screenshot_encode(const uint8_t *pixels, size_t stride, int width, int height,
		      struct buf *out, struct error *err) MUST_CHECK;
/* Readable by the owner only: it shows a person's desktop. */
int screenshot_save(struct frame *frame, const char *path, struct error *err) MUST_CHECK;

#endif
