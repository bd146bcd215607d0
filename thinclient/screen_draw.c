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
	snprintf(out, size, "%s%s%s%s", sentence, wait, *screen->reason_detail ? " " : "",
		 screen->reason_detail);
}

static enum string_id warning_of(const struct screen *screen)
{
	return screen->item == ITEM_RESET ? STR_RESET_WARNING : STR_RESTART_WARNING;
}

static int message_height(const struct screen *screen, struct canvas *canvas, int64_t now_ms)
{
	char text[512];

	if (screen->state == FLOW_CONFIRM)
		return canvas_paragraph(canvas, TEXT_BODY, INK, 0, 0, 360 - 2 * MESSAGE_PAD,
					texts_get(screen->language, warning_of(screen)), false);
	if (screen->state == FLOW_RECOVERY)
		return canvas_paragraph(canvas, TEXT_BODY, INK, 0, 0, 360 - 2 * MESSAGE_PAD,
					texts_get(screen->language, STR_RECOVERY_NOTE), false);
	if (!*screen->reason || (screen->state != FLOW_FORM && screen->state != FLOW_MENU &&
				 screen->state != FLOW_CODE && screen->state != FLOW_NEW_PASSWORD))
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
	bool busy = s->state == FLOW_SIGNING_IN || s->state == FLOW_CODE_CHECKING ||
		    s->state == FLOW_CHANGING;
	bool focused = !busy && (int)s->focus == index;
	const struct text_field *fields[2];

	screen_fields(s, fields);

	canvas_text(p->canvas, TEXT_SMALL, FAINT, ALIGN_LEFT, box.x, box.y - 20, text_of(p, label));
	canvas_framed_box(p->canvas, sdl_rect(box), 8, focused ? 2 : 1, focused ? INDIGO : EDGE,
			  FIELD);
	draw_field_text(p, fields[index], box, focused);
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

static void draw_main_button(const struct painter *p, enum string_id label, bool busy)
{
	const struct screen *s = p->screen;
	struct screen_rect box = p->layout->button;
	bool focused = !busy && s->focus == FOCUS_BUTTON;

	if (focused)
		canvas_box(p->canvas, (SDL_Rect){ box.x - 3, box.y - 3, box.w + 6, box.h + 6 }, 11,
			   INDIGO_REST);
	canvas_box(p->canvas, sdl_rect(box), 8, busy ? INDIGO_REST : INDIGO);
	canvas_text(p->canvas, TEXT_BODY, WHITE, ALIGN_CENTER, box.x + box.w / 2,
		    middle_y(p, box, TEXT_BODY), text_of(p, label));
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
	bool busy = p->screen->state == FLOW_SIGNING_IN;

	draw_main_button(p, busy ? STR_SIGNING_IN : STR_SIGN_IN, busy);
}

/* --- the other screens ----------------------------------------------------------------------- */

static void draw_button(const struct painter *p, struct screen_rect box, enum string_id label,
			bool focused)
{
	canvas_framed_box(p->canvas, sdl_rect(box), 8, focused ? 2 : 1, focused ? INDIGO : EDGE,
			  focused ? INDIGO_PALE : CARD);
	canvas_text(p->canvas, TEXT_BODY, INK, ALIGN_CENTER, box.x + box.w / 2,
		    middle_y(p, box, TEXT_BODY), text_of(p, label));
}

static void draw_cancel(const struct painter *p)
{
	draw_button(p, p->layout->cancel, STR_CANCEL, false);
}

/* --- behind the password ---------------------------------------------------------------------- */

static const SDL_Color BLACK = { 0, 0, 0, 0xFF };

/* Whole pixels per module, with the quiet zone of four that readers need. */
static void draw_qr(const struct painter *p)
{
	const char *rows = p->screen->factor.qr_rows;
	struct screen_rect box = p->layout->sheet;
	int side = (int)strcspn(rows, "\n");

	canvas_box(p->canvas, sdl_rect(box), 0, WHITE);
	if (side < 21 || strlen(rows) != (size_t)side * ((size_t)side + 1))
		return;
	int module = box.w / (side + 8) > 0 ? box.w / (side + 8) : 1;
	int left = box.x + (box.w - module * side) / 2, top = box.y + (box.h - module * side) / 2;

	for (int y = 0; y < side; y++)
		for (int x = 0; x < side; x++)
			if (rows[y * (side + 1) + x] == '1')
				canvas_box(p->canvas, (SDL_Rect){ left + x * module, top + y * module,
								  module, module }, 0, BLACK);
}

static void draw_code(const struct painter *p)
{
	const struct screen *s = p->screen;
	struct screen_rect sheet = p->layout->sheet, card = p->layout->card;
	bool busy = s->state == FLOW_CODE_CHECKING;

	draw_headline(p, s->factor.enrolling ? STR_CODE_ENROL : STR_CODE_ASKED);
	draw_message(p);
	if (s->factor.enrolling) {
		draw_qr(p);
		canvas_text(p->canvas, TEXT_SMALL, FAINT, ALIGN_CENTER, card.x + card.w / 2,
			    sheet.y + sheet.h + 6, s->factor.key);
	}
	draw_field(p, 0, STR_CODE);
	draw_main_button(p, busy ? STR_ONE_MOMENT : STR_CODE_GIVE, busy);
	draw_cancel(p);
}

static void draw_new_password(const struct painter *p)
{
	bool busy = p->screen->state == FLOW_CHANGING;

	draw_headline(p, STR_NEW_PASSWORD_ASKED);
	draw_message(p);
	draw_field(p, 0, STR_NEW_PASSWORD);
	draw_field(p, 1, STR_NEW_PASSWORD_AGAIN);
	draw_main_button(p, busy ? STR_ONE_MOMENT : STR_CHANGE, busy);
	draw_cancel(p);
}

static void draw_recovery(const struct painter *p)
{
	const struct screen *s = p->screen;
	struct screen_rect note = p->layout->message, sheet = p->layout->sheet;

	draw_headline(p, STR_RECOVERY);
	canvas_paragraph(p->canvas, TEXT_BODY, INDIGO_DEEP, note.x, note.y + MESSAGE_PAD, note.w,
			 text_of(p, STR_RECOVERY_NOTE), true);
	for (size_t i = 0; i < s->recovery_count; i++)
		canvas_text(p->canvas, TEXT_BODY, INK, ALIGN_LEFT,
			    sheet.x + (i % 2 ? sheet.w / 2 + 6 : 0), sheet.y + (int)(i / 2) * 26,
			    s->recovery[i]);
	draw_main_button(p, STR_CONTINUE, false);
}

static void draw_line(const struct painter *p, struct screen_rect box, bool chosen,
		      const char *title, const char *note)
{
	canvas_framed_box(p->canvas, sdl_rect(box), 8, chosen ? 2 : 1, chosen ? INDIGO : EDGE,
			  chosen ? INDIGO_PALE : FIELD);
	canvas_text_fit(p->canvas, TEXT_BODY, INK, box.x + 16, box.y + 9, box.w - 32, title);
	canvas_text_fit(p->canvas, TEXT_SMALL, FAINT, box.x + 16, box.y + 34, box.w - 32, note);
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

	draw_line(p, p->layout->rows[i], i == p->screen->chosen, entry->title,
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

static void draw_menu(const struct painter *p)
{
	static const enum string_id titles[ITEMS] = { STR_MENU_BACK, STR_MENU_LEAVE,
						      STR_MENU_RESTART, STR_MENU_RESET };
	static const enum string_id notes[ITEMS] = { STR_MENU_BACK_NOTE, STR_MENU_LEAVE_NOTE,
						     STR_MENU_RESTART_NOTE, STR_MENU_RESET_NOTE };
	enum screen_item items[ITEMS];
	size_t count = screen_menu(p->screen, items);

	canvas_text_fit(p->canvas, TEXT_BODY, INK, p->layout->card.x + PAD,
			p->layout->card.y + PAD + 60, 360, p->screen->title);
	draw_message(p);
	for (size_t i = 0; i < count; i++)
		draw_line(p, p->layout->rows[i], items[i] == p->screen->item,
			  text_of(p, titles[items[i]]), text_of(p, notes[items[i]]));
}

static void draw_question(const struct painter *p)
{
	bool reset = p->screen->item == ITEM_RESET, yes = p->screen->confirm_yes;
	struct screen_rect box = p->layout->message, button = p->layout->yes;

	draw_headline(p, reset ? STR_RESET_QUESTION : STR_RESTART_QUESTION);
	canvas_framed_box(p->canvas, sdl_rect(box), 8, 1, RED_EDGE, RED_PALE);
	canvas_paragraph(p->canvas, TEXT_BODY, RED, box.x + MESSAGE_PAD, box.y + MESSAGE_PAD,
			 box.w - 2 * MESSAGE_PAD, text_of(p, warning_of(p->screen)), true);
	draw_button(p, p->layout->cancel, STR_CANCEL, !yes);
	if (yes)
		canvas_box(p->canvas, (SDL_Rect){ button.x - 3, button.y - 3, button.w + 6,
						  button.h + 6 }, 11, RED_EDGE);
	canvas_box(p->canvas, sdl_rect(button), 8, RED);
	canvas_text(p->canvas, TEXT_BODY, WHITE, ALIGN_CENTER, button.x + button.w / 2,
		    middle_y(p, button, TEXT_BODY),
		    text_of(p, reset ? STR_RESET_DO : STR_RESTART_DO));
}

/* On the way to another session. */
static void draw_return(const struct painter *p)
{
	static const enum string_id whys[] = { [RETURN_LOST] = STR_LOST,
					       [RETURN_RESTARTED] = STR_RESTARTING,
					       [RETURN_RESIZED] = STR_OTHER_SIZE };
	const struct screen *s = p->screen;
	struct screen_rect bar = p->layout->bar;
	bool serving = s->state == FLOW_SERVING;

	draw_headline(p, !serving		  ? whys[s->why_return]
			 : s->item == ITEM_RESET ? STR_RESETTING
						 : STR_RESTARTING);
	canvas_text_fit(p->canvas, TEXT_TITLE, INK, bar.x, bar.y - 76, bar.w, s->title);
	if (!serving)
		canvas_text(p->canvas, TEXT_SMALL, FAINT, ALIGN_LEFT, bar.x, bar.y - 26,
			    *s->stage ? texts_stage(s->language, s->stage)
				      : text_of(p, STR_CONNECTING_AGAIN));
	draw_sweep(p, sdl_rect(bar));
	draw_cancel(p);
}

/* The place counts, and how long it may take; a bar would pretend to know more. */
static void draw_line_of_people(const struct painter *p)
{
	const struct screen *s = p->screen;
	struct screen_rect bar = p->layout->bar;
	char place[128], rest[96];

	draw_headline(p, STR_IN_LINE);
	canvas_text_fit(p->canvas, TEXT_TITLE, INK, bar.x, bar.y - 76, bar.w, s->title);
	texts_progress(s->language, s->stage, s->position, place, sizeof(place));
	texts_estimate(s->language, s->percent, s->position, s->estimate_ms, rest, sizeof(rest));
	canvas_text(p->canvas, TEXT_BODY, INDIGO_DEEP, ALIGN_LEFT, bar.x, bar.y - 34, place);
	canvas_text(p->canvas, TEXT_SMALL, FAINT, ALIGN_RIGHT, bar.x + bar.w, bar.y - 30, rest);
	draw_sweep(p, sdl_rect(bar));
	canvas_text(p->canvas, TEXT_SMALL, FAINT, ALIGN_LEFT, bar.x, bar.y + 14,
		    text_of(p, STR_IN_LINE_NOTE));
	draw_cancel(p);
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
	case FLOW_CODE:
	case FLOW_CODE_CHECKING:
		draw_code(p);
		break;
	case FLOW_RECOVERY:
		draw_recovery(p);
		break;
	case FLOW_NEW_PASSWORD:
	case FLOW_CHANGING:
		draw_new_password(p);
		break;
	case FLOW_CHOOSING:
		draw_choice(p);
		break;
	case FLOW_PREPARING:
		if (p->screen->position > 0)
			draw_line_of_people(p);
		else
			draw_progress(p, false);
		break;
	case FLOW_MENU:
		draw_menu(p);
		break;
	case FLOW_CONFIRM:
		draw_question(p);
		break;
	case FLOW_SERVING:
	case FLOW_RETURNING:
	case FLOW_REOPENING:
		draw_return(p);
		break;
	case FLOW_CONNECTING:
	case FLOW_DESKTOP:
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
	bool over = screen_is_over_desktop(screen->state);

	if (!over)
		canvas_clear(canvas, PAPER);
	draw_card(&p);
	draw_content(&p);
	if (!over && layout->card.y + layout->card.h + 40 < height)
		canvas_text(canvas, TEXT_SMALL, FAINT, ALIGN_CENTER, width / 2, height - 34, footer);
}

int screen_animation_ms(const struct screen *screen, int64_t now_ms)
{
	switch (screen->state) {
	case FLOW_SIGNING_IN:
	case FLOW_CODE_CHECKING:
	case FLOW_CHANGING:
	case FLOW_CONNECTING:
		return 33;
	case FLOW_SERVING:	/* all of the desktop is drawn again below these */
	case FLOW_RETURNING:
	case FLOW_REOPENING:
		return 120;
	case FLOW_FORM:
	case FLOW_CODE:
	case FLOW_NEW_PASSWORD:
		return (int)(BLINK_MS - now_ms % BLINK_MS);
	case FLOW_PREPARING:
		return screen->position > 0 ? 33 : -1;
	case FLOW_RECOVERY:
	case FLOW_CHOOSING:
	case FLOW_DESKTOP:
	case FLOW_MENU:
	case FLOW_CONFIRM:
	case FLOW_STATES:
		break;
	}
	return -1;
}

SDL_Rect screen_caret_rect(const struct screen *screen, struct canvas *canvas,
			   const struct screen_layout *layout)
{
	const struct text_field *fields[2];
	int count = screen_fields(screen, fields);
	int at = (int)screen->focus < count ? (int)screen->focus : 0;
	struct screen_rect box = layout->fields[at];
	int caret = count ? caret_offset(canvas, fields[at], "") : 0;

	return (SDL_Rect){ box.x + FIELD_PAD + caret, box.y, 1, box.h };
}

/* --- above the desktop ----------------------------------------------------------------------- */

enum { TOAST_W = 380, TOAST_PAD = 14, TOAST_GAP = 10, TOAST_TOP = 16 };

static int toast_draw(const struct toast *toast, struct canvas *canvas, enum language language,
		      SDL_Rect box)
{
	SDL_Color ink = toast->message ? INDIGO_DEEP : AMBER;
	int left = box.x + TOAST_PAD + 8, width = box.w - 2 * TOAST_PAD - 8;
	int head = toast->message ? canvas_line_height(canvas, TEXT_SMALL) + 4 : 0;
	int text_h = canvas_paragraph(canvas, TEXT_BODY, INK, 0, 0, width, toast->text, false);

	box.h = head + text_h + 2 * TOAST_PAD;
	canvas_box(canvas, (SDL_Rect){ box.x - 3, box.y, box.w + 6, box.h + 4 }, 12, SHADOW);
	canvas_framed_box(canvas, box, 10, 1, CARD_EDGE, CARD);
	canvas_box(canvas, (SDL_Rect){ box.x + 8, box.y + 10, 4, box.h - 20 }, 2, ink);
	if (head)
		canvas_text(canvas, TEXT_SMALL, FAINT, ALIGN_LEFT, left, box.y + TOAST_PAD - 2,
			    texts_get(language, STR_FROM_ADMIN));
	canvas_paragraph(canvas, TEXT_BODY, INK, left, box.y + TOAST_PAD + head, width, toast->text,
			 true);
	return box.h;
}

void toasts_draw(const struct toasts *toasts, struct canvas *canvas, enum language language,
		 int width, struct screen_rect boxes[TOASTS_MAX])
{
	int w = width - 32 < TOAST_W ? width - 32 : TOAST_W, y = TOAST_TOP;

	for (size_t i = 0; i < toasts->count; i++) {
		SDL_Rect box = { width - w - 16, y, w, 0 };	/* beside the card of a screen */

		box.h = toast_draw(&toasts->items[i], canvas, language, box);
		boxes[i] = (struct screen_rect){ box.x, box.y, box.w, box.h };
		y += box.h + TOAST_GAP;
	}
}

void badge_draw(struct canvas *canvas, const char *text, int width, int height)
{
	int w = canvas_text_width(canvas, TEXT_SMALL, text) + 28;
	SDL_Rect box = { (width - w) / 2, height - 34, w, 26 };

	canvas_box(canvas, box, 13, AMBER);
	canvas_text(canvas, TEXT_SMALL, WHITE, ALIGN_CENTER, width / 2,
		    box.y + (box.h - canvas_line_height(canvas, TEXT_SMALL)) / 2, text);
}

struct screen_rect handle_draw(struct canvas *canvas, enum language language, int width)
{
	char text[96];

	snprintf(text, sizeof(text), "%s  (Ctrl+Alt+Home)", texts_get(language, STR_MENU));
	int w = canvas_text_width(canvas, TEXT_SMALL, text) + 40;
	SDL_Rect box = { (width - w) / 2, -8, w, 38 };

	canvas_box(canvas, box, 10, INDIGO);
	canvas_text(canvas, TEXT_SMALL, WHITE, ALIGN_CENTER, width / 2, 6, text);
	return (struct screen_rect){ box.x, 0, box.w, box.y + box.h };
}
