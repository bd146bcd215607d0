/* SPDX-License-Identifier: Apache-2.0 */
/* screen_draw.h - shows a screen on a canvas. Main thread. */
#ifndef GENKAN_THINCLIENT_SCREEN_DRAW_H
#define GENKAN_THINCLIENT_SCREEN_DRAW_H

#include "thinclient/canvas.h"
#include "thinclient/screen.h"

/* Arranges and draws; the layout is given back for clicks. `footer` stands below, small. */
void screen_draw(const struct screen *screen, struct canvas *canvas, int width, int height,
		 const char *footer, int64_t now_ms, struct screen_layout *layout);
/* Milliseconds until it would look different by itself; -1: never. */
int screen_animation_ms(const struct screen *screen, int64_t now_ms);
/* Where the input method may put its window, in logical pixels. */
SDL_Rect screen_caret_rect(const struct screen *screen, struct canvas *canvas,
			   const struct screen_layout *layout);

#endif
