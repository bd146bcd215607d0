/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/frame.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

struct frame {
	pthread_mutex_t mutex;
	struct frame_state state;
	uint8_t *pixels;
	uint8_t *painted;	/* one byte a pixel until the picture is complete, then NULL */
	size_t unpainted;
	struct frame_rect dirty[FRAME_MAX_DIRTY];
	size_t dirty_count;
};

struct frame *frame_new(void)
{
	struct frame *frame = xnew(struct frame);

	pthread_mutex_init(&frame->mutex, NULL);
	return frame;
}

void frame_free(struct frame *frame)
{
	if (!frame)
		return;
	pthread_mutex_destroy(&frame->mutex);
	free(frame->pixels);
	free(frame->painted);
	free(frame);
}

int frame_resize(struct frame *frame, int width, int height)
{
	if (width < 1 || height < 1 || width > FRAME_MAX_SIDE || height > FRAME_MAX_SIDE)
		return -EINVAL;

	pthread_mutex_lock(&frame->mutex);
	size_t count = (size_t)width * (size_t)height;

	free(frame->pixels);
	free(frame->painted);
	frame->pixels = xcalloc(count, 4);
	frame->painted = frame->state.complete_us ? NULL : xcalloc(count, 1);
	frame->unpainted = count;
	frame->dirty_count = 0;
	frame->state.width = width;
	frame->state.height = height;
	frame->state.resizes++;
	pthread_mutex_unlock(&frame->mutex);
	return 0;
}

static bool clip(const struct frame_state *state, struct frame_rect *r)
{
	int right = r->x + r->w < state->width ? r->x + r->w : state->width;
	int bottom = r->y + r->h < state->height ? r->y + r->h : state->height;

	r->x = r->x > 0 ? r->x : 0;
	r->y = r->y > 0 ? r->y : 0;
	r->w = right - r->x;
	r->h = bottom - r->y;
	return r->w > 0 && r->h > 0;
}

static struct frame_rect join(struct frame_rect a, struct frame_rect b)
{
	int left = a.x < b.x ? a.x : b.x, top = a.y < b.y ? a.y : b.y;
	int right = a.x + a.w > b.x + b.w ? a.x + a.w : b.x + b.w;
	int bottom = a.y + a.h > b.y + b.h ? a.y + a.h : b.y + b.h;

	return (struct frame_rect){ left, top, right - left, bottom - top };
}

static void add_dirty(struct frame *frame, struct frame_rect r)
{
	if (frame->dirty_count < FRAME_MAX_DIRTY) {
		frame->dirty[frame->dirty_count++] = r;
		return;
	}
	for (size_t i = 0; i < frame->dirty_count; i++)
		r = join(r, frame->dirty[i]);
	frame->dirty[0] = r;
	frame->dirty_count = 1;
}

static void mark_painted(struct frame *frame, const struct frame_rect *r)
{
	for (int y = r->y; y < r->y + r->h; y++) {
		uint8_t *row = frame->painted + (size_t)y * (size_t)frame->state.width;

		for (int x = r->x; x < r->x + r->w; x++) {
			frame->unpainted -= !row[x];
			row[x] = 1;
		}
	}
}

enum { NOISE = 16 };	/* lossy codecs paint a black screen almost black */

static void mean_color(const struct frame *frame, size_t count, int mean[3])
{
	uint64_t sum[3] = { 0 };

	for (size_t i = 0; i < count; i++)
		for (int c = 0; c < 3; c++)
			sum[c] += frame->pixels[i * 4 + (size_t)c];
	for (int c = 0; c < 3; c++)
		mean[c] = (int)(sum[c] / count);
}

static bool stands_out(const uint8_t *pixel, const int mean[3])
{
	/* the X byte of BGRX carries nothing */
	return abs(pixel[0] - mean[0]) > NOISE || abs(pixel[1] - mean[1]) > NOISE ||
	       abs(pixel[2] - mean[2]) > NOISE;
}

/* Shows nothing: fewer than one pixel in a hundred stands out. */
static bool is_blank(const struct frame *frame)
{
	size_t count = (size_t)frame->state.width * (size_t)frame->state.height, seen = 0;
	int mean[3];

	mean_color(frame, count, mean);
	for (size_t i = 0; i < count; i++)
		seen += stands_out(frame->pixels + i * 4, mean);
	return seen * 100 < count;
}

static void note_completion(struct frame *frame, int64_t now_us)
{
	if (!frame->painted || frame->unpainted > 0 || is_blank(frame))
		return;
	frame->state.complete_us = now_us;
	free(STEAL(frame->painted));
}

void frame_paint(struct frame *frame, const uint8_t *pixels, size_t stride,
		 const struct frame_rect *rects, size_t count, int64_t now_us)
{
	pthread_mutex_lock(&frame->mutex);
	size_t own_stride = (size_t)frame->state.width * 4;

	for (size_t i = 0; i < count; i++) {
		struct frame_rect r = rects[i];

		if (!clip(&frame->state, &r))
			continue;
		for (int y = r.y; y < r.y + r.h; y++)
			memcpy(frame->pixels + (size_t)y * own_stride + (size_t)r.x * 4,
			       pixels + (size_t)y * stride + (size_t)r.x * 4, (size_t)r.w * 4);
		if (frame->painted)
			mark_painted(frame, &r);
		add_dirty(frame, r);
	}
	frame->state.paints++;
	frame->state.last_paint_us = now_us;
	note_completion(frame, now_us);
	pthread_mutex_unlock(&frame->mutex);
}

void frame_get_state(struct frame *frame, struct frame_state *out)
{
	pthread_mutex_lock(&frame->mutex);
	*out = frame->state;
	pthread_mutex_unlock(&frame->mutex);
}

const uint8_t *frame_lock(struct frame *frame, struct frame_state *state, size_t *stride)
{
	pthread_mutex_lock(&frame->mutex);
	*state = frame->state;
	*stride = (size_t)frame->state.width * 4;
	return frame->pixels;
}

size_t frame_take_dirty(struct frame *frame, struct frame_rect out[FRAME_MAX_DIRTY])
{
	size_t count = frame->dirty_count;

	memcpy(out, frame->dirty, count * sizeof(*out));
	frame->dirty_count = 0;
	return count;
}

void frame_unlock(struct frame *frame)
{
	pthread_mutex_unlock(&frame->mutex);
}
