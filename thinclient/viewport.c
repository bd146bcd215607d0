/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/viewport.h"

struct frame_rect viewport_fit(int desktop_w, int desktop_h, int window_w, int window_h)
{
	int64_t w = window_w, h = (int64_t)desktop_h * window_w / desktop_w;

	if (h > window_h) {
		h = window_h;
		w = (int64_t)desktop_w * window_h / desktop_h;
	}
	w = w > 0 ? w : 1;
	h = h > 0 ? h : 1;
	return (struct frame_rect){ (int)(window_w - w) / 2, (int)(window_h - h) / 2, (int)w,
				    (int)h };
}

static int inside(int64_t value, int size)
{
	return value < 0 ? 0 : value >= size ? size - 1 : (int)value;
}

void viewport_to_desktop(struct frame_rect fit, int desktop_w, int desktop_h, int window_x,
			 int window_y, int *x, int *y)
{
	*x = inside((int64_t)(window_x - fit.x) * desktop_w / fit.w, desktop_w);
	*y = inside((int64_t)(window_y - fit.y) * desktop_h / fit.h, desktop_h);
}
