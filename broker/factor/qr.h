/* SPDX-License-Identifier: Apache-2.0 */
/* qr.h - a text as a QR code: rows of modules for screens, and SVG for pages. Pure. */
#ifndef GENKAN_FACTOR_QR_H
#define GENKAN_FACTOR_QR_H

#include "common/base/buf.h"
#include "common/base/error.h"

/* `rows`: one line of "0" and "1" (dark) per row, each with a newline, without the quiet zone;
 * `svg` has the quiet zone of four modules. -EMSGSIZE: too long for a QR code. */
int qr_encode(const char *text, struct buf *rows, struct buf *svg, struct error *err) MUST_CHECK;

#endif
