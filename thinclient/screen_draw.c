/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/screen_draw.h"

#include <stdio.h>

static const SDL_Color PAPER = { 0xF5, 0xF2, 0xEC, 0xFF };
static const SDL_Color CARD = { 0xFF, 0xFF, 0xFF, 0xFF };
static const SDL_Color CARD_EDGE = { 0xE4, 0xDE, 0xD2, 0xFF };
static const SDL_Color SHADOW = { 0x30, 0x2C, 0x24, 0x08 };
static const SDL_Color INK = { 0x2B, 0x2D, 0x33, 0xFF };
static const SDL_Color FAINT = { 0x6E, 0x70, 0x78, 0xFF };
static const SDL_Color EDGE = { 0xCB, 0xC6, 0xBB, 0xFF };
static const SDL_Color FIELD = { 0xFC, 0xFB, 0xF9, 0xFF };
static const SDL_Color INDIGO = { 0x26, 0x47, 0x78, 0xFF };
static const SDL_Color INDIGO_DEEP = { 0x1B, 0x35, 0x5C, 0xFF };
static const SDL_Color INDIGO_PALE = { 0xE6, 0xEC, 0xF5, 0xFF };
static const SDL_Color INDIGO_REST = { 0x8F, 0xA1, 0xBD, 0xFF };
static const SDL_Color RED = { 0x9C, 0x2F, 0x22, 0xFF };
static const SDL_Color RED_EDGE = { 0xE3, 0xB9, 0xB1, 0xFF };
static const SDL_Color RED_PALE = { 0xFB, 0xEE, 0xEB, 0xFF };
static const SDL_Color AMBER = { 0x8A, 0x5A, 0x00, 0xFF };
static const SDL_Color WHITE = { 0xFF, 0xFF, 0xFF, 0xFF };

enum { PAD = 40, FIELD_PAD = 14, MESSAGE_PAD = 14, CODE_H = 20, BLINK_MS = 530, SWEEP_MS = 1400 };

struct painter {
	const struct screen *screen;
	struct canvas *canvas;
	const struct screen_layout *layout;
	int64_t now_ms;
};

static SDL_Rect sdl_rect(struct screen_rect r)
{
	return (SDL_Rect){ r.x, r.y, r.w, r.h };
}

static const char *text_of(const struct painter *p, enum string_id id)
{
	return texts_get(p->screen->language, id);
}

static int middle_y(const struct painter *p, struct screen_rect r, enum text_size size)
{
	return r.y + (r.h - canvas_line_height(p->canvas, size)) / 2;
}

static void draw_card(const struct painter *p)
{
	struct screen_rect card = p->layout->card;
	int x = card.x + PAD, y = card.y + PAD - 6;

	for (int i = 12; i > 0; i -= 3)	/* a soft shadow: faint boxes on each other */
		canvas_box(p->canvas, (SDL_Rect){ card.x - i, card.y - i + 4, card.w + 2 * i,
						  card.h + 2 * i }, 14 + i, SHADOW);
	canvas_framed_box(p->canvas, sdl_rect(card), 14, 1, CARD_EDGE, CARD);
	int brand = canvas_text(p->canvas, TEXT_BRAND, INDIGO, ALIGN_LEFT, x, y,
				text_of(p, STR_PRODUCT));
	int drop = canvas_line_height(p->canvas, TEXT_BRAND) -
		   canvas_line_height(p->canvas, TEXT_TITLE) - 7;

	canvas_text(p->canvas, TEXT_TITLE, FAINT, ALIGN_LEFT, x + brand + 14, y + drop, "Genkan");
}

static void draw_headline(const struct painter *p, enum string_id id)
{
	canvas_text(p->canvas, TEXT_BODY, INK, ALIGN_LEFT, p->layout->card.x + PAD,
		    p->layout->card.y + PAD + 60, text_of(p, id));
}

/* --- form ------------------------------------------------------------------------------------ */

/* The sentence of the reason, with the time to wait when there is one. */
static void reason_text(const struct screen *screen, int64_t now_ms, char *out, size_t size)
{
	const char *sentence = texts_reason(screen->language, screen->reason);
	int64_t left_s = (screen->retry_at_ms - now_ms + 999) / 1000;
	char wait[96] = "";

	if (screen->retry_at_ms && left_s > 0)
		snprintf(wait, sizeof(wait),
			 screen->language == LANGUAGE_JA ? " %d 秒お待ちください。"
							 : " Please wait %d seconds.",
			 (int)left_s);
	snprintf(out, size, "%s%s", sentence, wait);
}

static int message_height(const struct screen *screen, struct canvas *canvas, int64_t now_ms)
{
	char text[512];

	if (!*screen->reason || screen->state != FLOW_FORM)
		return 0;
	reason_text(screen, now_ms, text, sizeof(text));
	return canvas_paragraph(canvas, TEXT_BODY, INK, 0, 0, 360 - 2 * MESSAGE_PAD, text, false) +
	       CODE_H;
}

static void draw_message(const struct painter *p)
{
	const struct screen *s = p->screen;
	struct screen_rect box = p->layout->message;
	SDL_Color ink = s->reason_is_error ? RED : INDIGO_DEEP;
	char text[512], code[96];

	if (box.h == 0)
		return;
	reason_text(s, p->now_ms, text, sizeof(text));
	snprintf(code, sizeof(code), "%s: %s", text_of(p, STR_REASON_CODE), s->reason);
	canvas_framed_box(p->canvas, sdl_rect(box), 8, 1,
			  s->reason_is_error ? RED_EDGE : INDIGO_REST,
			  s->reason_is_error ? RED_PALE : INDIGO_PALE);
	int h = canvas_paragraph(p->canvas, TEXT_BODY, ink, box.x + MESSAGE_PAD,
				 box.y + MESSAGE_PAD, box.w - 2 * MESSAGE_PAD, text, true);

	canvas_text(p->canvas, TEXT_SMALL, FAINT, ALIGN_LEFT, box.x + MESSAGE_PAD,
		    box.y + MESSAGE_PAD + h + 3, code);
}

/* How far the text must move left so that the caret is inside the field. */
static int scroll_of(int caret_x, int inner_w)
{
	return caret_x > inner_w - 2 ? caret_x - inner_w + 2 : 0;
}

static int caret_offset(struct canvas *canvas, const struct text_field *field,
			const char *composition)
{
	char shown[TEXT_FIELD_SHOWN_MAX];

	text_field_shown(field, field->caret, shown);
	return canvas_text_width(canvas, TEXT_BODY, shown) +
	       canvas_text_width(canvas, TEXT_BODY, composition);
}

static void draw_field_text(const struct painter *p, const struct text_field *field,
			    struct screen_rect box, bool focused)
{
	const char *composition = focused ? p->screen->composition : "";
	SDL_Rect inner = { box.x + FIELD_PAD, box.y + 2, box.w - 2 * FIELD_PAD, box.h - 4 };
	int caret = caret_offset(p->canvas, field, composition);
	int x = inner.x - (focused ? scroll_of(caret, inner.w) : 0);
	int y = middle_y(p, box, TEXT_BODY);
	char before[TEXT_FIELD_SHOWN_MAX], all[TEXT_FIELD_SHOWN_MAX];

	text_field_shown(field, field->caret, before);
	text_field_shown(field, field->len, all);
	canvas_set_clip(p->canvas, &inner);
	int at = x + canvas_text(p->canvas, TEXT_BODY, INK, ALIGN_LEFT, x, y, before);
	int composed = canvas_text(p->canvas, TEXT_BODY, INDIGO, ALIGN_LEFT, at, y, composition);

	if (composed)
		canvas_box(p->canvas, (SDL_Rect){ at, y + 21, composed, 1 }, 0, INDIGO);
	canvas_text(p->canvas, TEXT_BODY, INK, ALIGN_LEFT, at + composed, y, all + strlen(before));
	canvas_set_clip(p->canvas, NULL);
	if (focused && p->now_ms / BLINK_MS % 2 == 0)
		canvas_box(p->canvas, (SDL_Rect){ x + caret, box.y + 12, 1, box.h - 24 }, 0, INK);
	memory_wipe(before, sizeof(before));
	memory_wipe(all, sizeof(all));
}

static void draw_field(const struct painter *p, int index, enum string_id label)
{
	const struct screen *s = p->screen;
	struct screen_rect box = p->layout->fields[index];
	bool focused = s->state == FLOW_FORM && (int)s->focus == index;

	canvas_text(p->canvas, TEXT_SMALL, FAINT, ALIGN_LEFT, box.x, box.y - 20, text_of(p, label));
	canvas_framed_box(p->canvas, sdl_rect(box), 8, focused ? 2 : 1, focused ? INDIGO : EDGE,
			  FIELD);
	draw_field_text(p, index == 0 ? &s->user : &s->password, box, focused);
}

/* A segment that wanders through the bar. */
static void draw_sweep(const struct painter *p, SDL_Rect bar)
{
	float phase = (float)(p->now_ms % SWEEP_MS) / (float)SWEEP_MS;
	int width = bar.w / 4;
	int x = (int)(phase * (float)(bar.w + width)) - width;
	int left = x > 0 ? x : 0, right = x + width < bar.w ? x + width : bar.w;

	canvas_box(p->canvas, bar, bar.h / 2, INDIGO_PALE);
	if (right > left)
		canvas_box(p->canvas, (SDL_Rect){ bar.x + left, bar.y, right - left, bar.h },
			   bar.h / 2, INDIGO);
}

static void draw_sign_in_button(const struct painter *p)
{
	const struct screen *s = p->screen;
	struct screen_rect box = p->layout->button;
	bool busy = s->state == FLOW_SIGNING_IN;
	bool focused = !busy && s->focus == FOCUS_BUTTON;

	if (focused)
		canvas_box(p->canvas, (SDL_Rect){ box.x - 3, box.y - 3, box.w + 6, box.h + 6 }, 11,
			   INDIGO_REST);
	canvas_box(p->canvas, sdl_rect(box), 8, busy ? INDIGO_REST : INDIGO);
	canvas_text(p->canvas, TEXT_BODY, WHITE, ALIGN_CENTER, box.x + box.w / 2,
		    middle_y(p, box, TEXT_BODY), text_of(p, busy ? STR_SIGNING_IN : STR_SIGN_IN));
	if (busy)
		draw_sweep(p, (SDL_Rect){ box.x, box.y - 16, box.w, 4 });
	else if (s->caps_lock)
		canvas_text(p->canvas, TEXT_SMALL, AMBER, ALIGN_LEFT, box.x, box.y - 25,
			    text_of(p, STR_CAPS_LOCK));
}

static void draw_form(const struct painter *p)
{
	draw_headline(p, STR_GREETING);
	draw_message(p);
	draw_field(p, 0, STR_USER);
	draw_field(p, 1, STR_PASSWORD);
	draw_sign_in_button(p);
}

/* --- the other screens ----------------------------------------------------------------------- */

static void draw_cancel(const struct painter *p)
{
	struct screen_rect box = p->layout->cancel;

	canvas_framed_box(p->canvas, sdl_rect(box), 8, 1, EDGE, CARD);
	canvas_text(p->canvas, TEXT_BODY, INK, ALIGN_CENTER, box.x + box.w / 2,
		    middle_y(p, box, TEXT_BODY), text_of(p, STR_CANCEL));
}

static void draw_row(const struct painter *p, size_t i)
{
	static const enum string_id states[] = {
		[DESKTOP_NONE] = STR_STATE_NONE,
		[DESKTOP_PREPARING] = STR_STATE_PREPARING,
		[DESKTOP_READY] = STR_STATE_READY,
		[DESKTOP_ERROR] = STR_STATE_ERROR,
	};
	const struct desktop_entry *entry = &p->screen->desktops[i];
	struct screen_rect box = p->layout->rows[i];
	bool chosen = i == p->screen->chosen;

	canvas_framed_box(p->canvas, sdl_rect(box), 8, chosen ? 2 : 1, chosen ? INDIGO : EDGE,
			  chosen ? INDIGO_PALE : FIELD);
	canvas_text_fit(p->canvas, TEXT_BODY, INK, box.x + 16, box.y + 9, box.w - 32, entry->title);
	canvas_text(p->canvas, TEXT_SMALL, FAINT, ALIGN_LEFT, box.x + 16, box.y + 34,
		    text_of(p, states[entry->state]));
}

static void draw_choice(const struct painter *p)
{
	draw_headline(p, STR_CHOOSE);
	for (size_t i = 0; i < p->screen->desktop_count; i++)
		draw_row(p, i);
	draw_cancel(p);
}

static void draw_bar(const struct painter *p, int percent)
{
	SDL_Rect bar = sdl_rect(p->layout->bar), full = bar;

	full.w = bar.w * percent / 100;
	canvas_box(p->canvas, bar, bar.h / 2, INDIGO_PALE);
	if (full.w >= bar.h)
		canvas_box(p->canvas, full, bar.h / 2, INDIGO);
}

static void draw_progress(const struct painter *p, bool connecting)
{
	const struct screen *s = p->screen;
	struct screen_rect bar = p->layout->bar;
	char right[96], stage[128];

	draw_headline(p, connecting ? STR_CONNECTING : STR_PREPARING);
	canvas_text_fit(p->canvas, TEXT_TITLE, INK, bar.x, bar.y - 76, bar.w, s->title);
	if (connecting) {
		draw_sweep(p, sdl_rect(bar));
	} else {
		texts_progress(s->language, s->stage, s->position, stage, sizeof(stage));
		texts_estimate(s->language, s->percent, s->position, s->estimate_ms, right,
			       sizeof(right));
		canvas_text(p->canvas, TEXT_SMALL, FAINT, ALIGN_LEFT, bar.x, bar.y - 26,
			    stage);
		canvas_text(p->canvas, TEXT_SMALL, FAINT, ALIGN_RIGHT, bar.x + bar.w, bar.y - 26,
			    right);
		draw_bar(p, s->percent);
	}
	draw_cancel(p);
}

static void draw_content(const struct painter *p)
{
	switch (p->screen->state) {
	case FLOW_FORM:
	case FLOW_SIGNING_IN:
		draw_form(p);
		break;
	case FLOW_CHOOSING:
		draw_choice(p);
		break;
	case FLOW_PREPARING:
		draw_progress(p, false);
		break;
	case FLOW_CONNECTING:
	case FLOW_DESKTOP:
	case FLOW_RETURNING:
	case FLOW_REOPENING:
	case FLOW_STATES:
		draw_progress(p, true);
		break;
	}
}

void screen_draw(const struct screen *screen, struct canvas *canvas, int width, int height,
		 const char *footer, int64_t now_ms, struct screen_layout *layout)
{
	struct painter p = { screen, canvas, layout, now_ms };

	screen_arrange(screen, width, height, message_height(screen, canvas, now_ms), layout);
	canvas_clear(canvas, PAPER);
	draw_card(&p);
	draw_content(&p);
	if (layout->card.y + layout->card.h + 40 < height)
		canvas_text(canvas, TEXT_SMALL, FAINT, ALIGN_CENTER, width / 2, height - 34, footer);
}

int screen_animation_ms(const struct screen *screen, int64_t now_ms)
{
	switch (screen->state) {
	case FLOW_SIGNING_IN:
	case FLOW_CONNECTING:
		return 33;
	case FLOW_FORM:
		return (int)(BLINK_MS - now_ms % BLINK_MS);
	case FLOW_CHOOSING:
	case FLOW_PREPARING:
	case FLOW_DESKTOP:
	case FLOW_RETURNING:
	case FLOW_REOPENING:
	case FLOW_STATES:
		break;
	}
	return -1;
}

SDL_Rect screen_caret_rect(const struct screen *screen, struct canvas *canvas,
			   const struct screen_layout *layout)
{
	bool in_password = screen->focus == FOCUS_PASSWORD;
	struct screen_rect box = layout->fields[in_password ? 1 : 0];
	int caret = caret_offset(canvas, in_password ? &screen->password : &screen->user, "");

	return (SDL_Rect){ box.x + FIELD_PAD + caret, box.y, 1, box.h };
}
