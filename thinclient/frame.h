/* SPDX-License-Identifier: Apache-2.0 */
/* frame.h - the picture of a desktop, between the RDP thread that paints and whoever looks.
 *
 * Pixels are 32-bit BGRX in memory. Every call locks; a viewer keeps the lock with frame_lock()
 * while it reads pixels. A picture is *complete* from the first paint after which every pixel has
 * been painted at least once and one pixel in a hundred stands out from the picture's mean. */
#ifndef GENKAN_THINCLIENT_FRAME_H
#define GENKAN_THINCLIENT_FRAME_H

#include <stdbool.h>
#include <stdint.h>
#include "common/base/cleanup.h"

#define FRAME_MAX_SIDE 8192
#define FRAME_MAX_DIRTY 32

struct frame;

struct frame_rect {
	int x, y, w, h;
};

struct frame_state {
	int width, height;
	unsigned resizes;		/* a viewer compares it to know when its texture is stale */
	unsigned paints;
	int64_t complete_us;		/* clock of the first complete picture; 0 = not yet */
	int64_t last_paint_us;
};

struct frame *frame_new(void);
void frame_free(struct frame *frame);
DEFINE_OWNED(frame_free, struct frame);

/* New size, black, nothing painted. -EINVAL outside 1..FRAME_MAX_SIDE. */
int frame_resize(struct frame *frame, int width, int height) MUST_CHECK;
/* Copies `count` rectangles, clipped, out of a picture of the same size. One paint. */
void frame_paint(struct frame *frame, const uint8_t *pixels, size_t stride,
		 const struct frame_rect *rects, size_t count, int64_t now_us);
void frame_get_state(struct frame *frame, struct frame_state *out);

/* Between lock and unlock: the pixels, and what changed since the last take. */
const uint8_t *frame_lock(struct frame *frame, struct frame_state *state, size_t *stride);
size_t frame_take_dirty(struct frame *frame, struct frame_rect out[FRAME_MAX_DIRTY]);
void frame_unlock(struct frame *frame);

#endif
