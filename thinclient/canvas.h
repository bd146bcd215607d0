/* SPDX-License-Identifier: Apache-2.0 */
/* canvas.h - what the screens are drawn with: rounded boxes and text, in logical pixels.
 * Main thread. */
#ifndef GENKAN_THINCLIENT_CANVAS_H
#define GENKAN_THINCLIENT_CANVAS_H

#include <SDL2/SDL.h>
#include <SDL2/SDL_ttf.h>
#include <stdbool.h>
#include "common/base/error.h"

enum text_size { TEXT_SMALL, TEXT_BODY, TEXT_TITLE, TEXT_BRAND, TEXT_SIZES };
enum text_align { ALIGN_LEFT, ALIGN_CENTER, ALIGN_RIGHT };

struct canvas {
	SDL_Renderer *renderer;
	TTF_Font *fonts[TEXT_SIZES];
	float scale;	/* physical pixels per logical pixel */
};

/* `font_file` "" takes the first of the usual fonts that there is. */
int canvas_init(struct canvas *canvas, SDL_Renderer *renderer, const char *font_file, float scale,
		struct error *err) MUST_CHECK;
void canvas_done(struct canvas *canvas);

void canvas_clear(struct canvas *canvas, SDL_Color color);
void canvas_box(struct canvas *canvas, SDL_Rect box, int radius, SDL_Color color);
/* A box with a border of `width` inside it. */
void canvas_framed_box(struct canvas *canvas, SDL_Rect box, int radius, int width,
		       SDL_Color border, SDL_Color fill);
/* One line; `x` is its left, middle or right end, `y` its top. Answers its width. */
int canvas_text(struct canvas *canvas, enum text_size size, SDL_Color color, enum text_align align,
		int x, int y, const char *text);
/* The same, cut with an ellipsis to `max_width`. */
int canvas_text_fit(struct canvas *canvas, enum text_size size, SDL_Color color, int x, int y,
		    int max_width, const char *text);
/* Wrapped at `width`; answers its height. With draw = false it is only measured. */
int canvas_paragraph(struct canvas *canvas, enum text_size size, SDL_Color color, int x, int y,
		     int width, const char *text, bool draw);
int canvas_text_width(struct canvas *canvas, enum text_size size, const char *text);
int canvas_line_height(struct canvas *canvas, enum text_size size);
/* Drawing outside `clip` has no effect until it is set to NULL. */
void canvas_set_clip(struct canvas *canvas, const SDL_Rect *clip);

#endif
