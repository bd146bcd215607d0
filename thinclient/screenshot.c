/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/screenshot.h"

#include <errno.h>
#include <png.h>
#include "common/sys/file.h"

enum { PNG_LIMIT = 256 << 20 };

static void on_write(png_structp png, png_bytep data, png_size_t len)
{
	buf_put(png_get_io_ptr(png), data, len);
}

static void on_flush(png_structp png)
{
}

static void write_rows(png_structp png, png_infop info, const uint8_t *pixels, size_t stride,
		       int width, int height)
{
	png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, 8, PNG_COLOR_TYPE_RGB,
		     PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_set_compression_level(png, 3);
	png_write_info(png, info);
	png_set_filler(png, 0, PNG_FILLER_AFTER);
	png_set_bgr(png);
	for (int y = 0; y < height; y++)
		png_write_row(png, pixels + (size_t)y * stride);
	png_write_end(png, NULL);
}

int screenshot_encode(const uint8_t *pixels, size_t stride, int width, int height,
		      struct buf *out, struct error *err)
{
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png ? png_create_info_struct(png) : NULL;

	if (!info || setjmp(png_jmpbuf(png))) {
		png_destroy_write_struct(&png, &info);
		return error_set(err, EIO, "libpng refused the picture");
	}
	png_set_write_fn(png, out, on_write, on_flush);
	write_rows(png, info, pixels, stride, width, height);
	png_destroy_write_struct(&png, &info);
	return out->failed ? error_set(err, EFBIG, "the picture is too large") : 0;
}

int screenshot_save(struct frame *frame, const char *path, struct error *err)
{
	OWNED(buf_done) struct buf png = BUF_LIMIT(PNG_LIMIT);
	struct frame_state state;
	size_t stride;
	const uint8_t *pixels = frame_lock(frame, &state, &stride);
	int rc = pixels ? screenshot_encode(pixels, stride, state.width, state.height, &png, err)
			: error_set(err, ENODATA, "there is no picture");

	frame_unlock(frame);
	return rc ? rc : file_write(path, buf_span(&png), 0600, err);
}
