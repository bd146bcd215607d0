/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/canvas.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include "common/base/text.h"

static const int point_sizes[TEXT_SIZES] = {
	[TEXT_SMALL] = 13,
	[TEXT_BODY] = 16,
	[TEXT_TITLE] = 21,
	[TEXT_BRAND] = 42,
};

/* Fonts with Japanese first; DejaVu shows Latin at least. */
static const char *const usual_fonts[] = {
	"/usr/share/fonts/truetype/vlgothic/VL-PGothic-Regular.ttf",
	"/usr/share/fonts/truetype/vlgothic/VL-Gothic-Regular.ttf",
	"/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
	"/usr/share/fonts/opentype/ipafont-gothic/ipag.ttf",
	"/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
};

static const char *find_font(const char *wish)
{
	if (*wish)
		return wish;
	for (size_t i = 0; i < ARRAY_LEN(usual_fonts); i++)
		if (access(usual_fonts[i], R_OK) == 0)
			return usual_fonts[i];
	return usual_fonts[0];
}

int canvas_init(struct canvas *canvas, SDL_Renderer *renderer, const char *font_file, float scale,
		struct error *err)
{
	const char *path = find_font(font_file);

	*canvas = (struct canvas){ .renderer = renderer, .scale = scale };
	SDL_SetRenderDrawBlendMode(renderer, SDL_BLENDMODE_BLEND);
	for (int i = 0; i < TEXT_SIZES; i++) {
		canvas->fonts[i] = TTF_OpenFont(path, (int)lroundf((float)point_sizes[i] * scale));
		if (!canvas->fonts[i])
			return error_set(err, ENOENT, "font %s: %s", path, TTF_GetError());
		TTF_SetFontHinting(canvas->fonts[i], TTF_HINTING_LIGHT);
	}
	return 0;
}

void canvas_done(struct canvas *canvas)
{
	for (int i = 0; i < TEXT_SIZES; i++)
		if (canvas->fonts[i])
			TTF_CloseFont(canvas->fonts[i]);
	memset(canvas->fonts, 0, sizeof(canvas->fonts));
}

static int physical(const struct canvas *canvas, int logical)
{
	return (int)lroundf((float)logical * canvas->scale);
}

static int logical(const struct canvas *canvas, int physical_value)
{
	return (int)ceilf((float)physical_value / canvas->scale);
}

static SDL_Rect physical_rect(const struct canvas *canvas, SDL_Rect r)
{
	return (SDL_Rect){ physical(canvas, r.x), physical(canvas, r.y), physical(canvas, r.w),
			   physical(canvas, r.h) };
}

static void set_color(struct canvas *canvas, SDL_Color c, float coverage)
{
	SDL_SetRenderDrawColor(canvas->renderer, c.r, c.g, c.b, (Uint8)((float)c.a * coverage));
}

void canvas_clear(struct canvas *canvas, SDL_Color color)
{
	SDL_RenderSetClipRect(canvas->renderer, NULL);
	set_color(canvas, color, 1);
	SDL_RenderClear(canvas->renderer);
}

/* One row of a rounded corner: whole pixels as a line, the cut ones at both ends by coverage. */
static void rounded_row(struct canvas *canvas, SDL_Rect box, int y, float inset, SDL_Color color)
{
	int whole = (int)ceilf(inset);
	SDL_Rect row = { box.x + whole, y, box.w - 2 * whole, 1 };

	set_color(canvas, color, 1);
	SDL_RenderFillRect(canvas->renderer, &row);
	if ((float)whole > inset) {
		set_color(canvas, color, (float)whole - inset);
		SDL_RenderDrawPoint(canvas->renderer, row.x - 1, y);
		SDL_RenderDrawPoint(canvas->renderer, row.x + row.w, y);
	}
}

void canvas_box(struct canvas *canvas, SDL_Rect logical_box, int radius, SDL_Color color)
{
	SDL_Rect box = physical_rect(canvas, logical_box);
	int r = physical(canvas, radius);

	r = r > box.h / 2 ? box.h / 2 : r;
	r = r > box.w / 2 ? box.w / 2 : r;
	for (int i = 0; i < r; i++) {
		float rise = (float)(r - i) - 0.5F;
		float inset = (float)r - sqrtf((float)(r * r) - rise * rise);

		rounded_row(canvas, box, box.y + i, inset, color);
		rounded_row(canvas, box, box.y + box.h - 1 - i, inset, color);
	}
	SDL_Rect middle = { box.x, box.y + r, box.w, box.h - 2 * r };

	set_color(canvas, color, 1);
	SDL_RenderFillRect(canvas->renderer, &middle);
}

void canvas_framed_box(struct canvas *canvas, SDL_Rect box, int radius, int width,
		       SDL_Color border, SDL_Color fill)
{
	SDL_Rect inner = { box.x + width, box.y + width, box.w - 2 * width, box.h - 2 * width };

	canvas_box(canvas, box, radius, border);
	canvas_box(canvas, inner, radius - width, fill);
}

/* Draws and frees the surface; answers its logical size. */
static SDL_Point put_surface(struct canvas *canvas, SDL_Surface *surface, enum text_align align,
			     int x, int y, bool draw)
{
	SDL_Rect target = { physical(canvas, x), physical(canvas, y), surface->w, surface->h };
	SDL_Texture *texture = draw ? SDL_CreateTextureFromSurface(canvas->renderer, surface)
				    : NULL;

	if (align == ALIGN_CENTER)
		target.x -= target.w / 2;
	if (align == ALIGN_RIGHT)
		target.x -= target.w;
	SDL_FreeSurface(surface);
	if (texture) {
		SDL_RenderCopy(canvas->renderer, texture, NULL, &target);
		SDL_DestroyTexture(texture);
	}
	return (SDL_Point){ logical(canvas, target.w), logical(canvas, target.h) };
}

int canvas_text(struct canvas *canvas, enum text_size size, SDL_Color color, enum text_align align,
		int x, int y, const char *text)
{
	SDL_Surface *surface =
		*text ? TTF_RenderUTF8_Blended(canvas->fonts[size], text, color) : NULL;

	return surface ? put_surface(canvas, surface, align, x, y, true).x : 0;
}

int canvas_text_fit(struct canvas *canvas, enum text_size size, SDL_Color color, int x, int y,
		    int max_width, const char *text)
{
	char cut[512];
	size_t len = utf8_prefix(span_text(text), sizeof(cut) - 4);

	if (canvas_text_width(canvas, size, text) <= max_width)
		return canvas_text(canvas, size, color, ALIGN_LEFT, x, y, text);
	do {
		len = len > 0 ? utf8_prefix(span_of(text, len), len - 1) : 0;
		memcpy(cut, text, len);
		memcpy(cut + len, "…", 4);
	} while (len > 0 && canvas_text_width(canvas, size, cut) > max_width);
	return canvas_text(canvas, size, color, ALIGN_LEFT, x, y, cut);
}

int canvas_paragraph(struct canvas *canvas, enum text_size size, SDL_Color color, int x, int y,
		     int width, const char *text, bool draw)
{
	SDL_Surface *surface =
		*text ? TTF_RenderUTF8_Blended_Wrapped(canvas->fonts[size], text, color,
						       (Uint32)physical(canvas, width))
		      : NULL;

	return surface ? put_surface(canvas, surface, ALIGN_LEFT, x, y, draw).y : 0;
}

int canvas_text_width(struct canvas *canvas, enum text_size size, const char *text)
{
	int width = 0;

	TTF_SizeUTF8(canvas->fonts[size], text, &width, NULL);
	return logical(canvas, width);
}

int canvas_line_height(struct canvas *canvas, enum text_size size)
{
	return logical(canvas, TTF_FontHeight(canvas->fonts[size]));
}

void canvas_set_clip(struct canvas *canvas, const SDL_Rect *clip)
{
	SDL_Rect r = clip ? physical_rect(canvas, *clip) : (SDL_Rect){ 0 };

	SDL_RenderSetClipRect(canvas->renderer, clip ? &r : NULL);
}
