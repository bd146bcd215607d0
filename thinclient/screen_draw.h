/* SPDX-License-Identifier: Apache-2.0 */
/* screen_draw.h - shows a screen on a canvas. Main thread. */
#ifndef GENKAN_THINCLIENT_SCREEN_DRAW_H
#define GENKAN_THINCLIENT_SCREEN_DRAW_H

#include "thinclient/canvas.h"
#include "thinclient/screen.h"
#include "thinclient/toasts.h"

/* Arranges and draws; the layout is given back for clicks. `footer` stands below, small. */
void screen_draw(const struct screen *screen, struct canvas *canvas, int width, int height,
		 const char *footer, int64_t now_ms, struct screen_layout *layout);
/* Milliseconds until it would look different by itself; -1: never. */
int screen_animation_ms(const struct screen *screen, int64_t now_ms);
/* Where the input method may put its window, in logical pixels. */
SDL_Rect screen_caret_rect(const struct screen *screen, struct canvas *canvas,
			   const struct screen_layout *layout);

/* Lines above the desktop; where each was drawn goes to `boxes`. */
void toasts_draw(const struct toasts *toasts, struct canvas *canvas, enum language language,
		 int width, struct screen_rect boxes[TOASTS_MAX]);
/* What holds for as long as it is shown, at the lower edge. */
void badge_draw(struct canvas *canvas, const char *text, int width, int height);
/* The way to the menu for the mouse, at the upper edge; answers where it is. */
struct screen_rect handle_draw(struct canvas *canvas, enum language language, int width);

#endif
