/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/factor/qr.h"

#include <errno.h>
#include <qrencode.h>

#define QUIET 4 /* ISO/IEC 18004 6.3.8 */

DEFINE_OWNED(QRcode_free, QRcode);

static bool is_dark(const QRcode *code, int x, int y)
{
	return code->data[y * code->width + x] & 1;
}

static void write_rows(const QRcode *code, struct buf *out)
{
	for (int y = 0; y < code->width; y++) {
		for (int x = 0; x < code->width; x++)
			buf_put_u8(out, is_dark(code, x, y) ? '1' : '0');
		buf_put_u8(out, '\n');
	}
}

/* One path; dark modules beside each other are one stroke of it. */
static void write_svg(const QRcode *code, struct buf *out)
{
	int side = code->width + 2 * QUIET;

	buf_printf(out,
		   "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
		   "shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/>"
		   "<path d=\"",
		   side, side, side, side);
	for (int y = 0; y < code->width; y++)
		for (int x = 0; x < code->width; x++) {
			int from = x;

			while (x < code->width && is_dark(code, x, y))
				x++;
			if (x > from)
				buf_printf(out, "M%d %dh%dv1h-%dz", from + QUIET, y + QUIET,
					   x - from, x - from);
		}
	buf_put_text(out, "\"/></svg>");
}

int qr_encode(const char *text, struct buf *rows, struct buf *svg, struct error *err)
{
	OWNED(QRcode_free) QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);

	if (!code)
		return error_set(err, EMSGSIZE, "too long for a QR code");
	write_rows(code, rows);
	write_svg(code, svg);
	return 0;
}
