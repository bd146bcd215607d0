/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/screen.h"

#include <stdio.h>

enum {
	CARD_W = 440, PAD = 40, HEAD_H = 104, MESSAGE_PAD = 14, LABEL_H = 22, FIELD_H = 44,
	FIELD_GAP = 18, BUTTON_H = 46, HINT_H = 26, ROW_H = 60, ROW_GAP = 10, PROGRESS_H = 96,
	BAR_H = 8, CANCEL_W = 140, CANCEL_H = 40, QR_SIDE = 236, CODE_LINE_H = 26,
};

void screen_init(struct screen *screen, enum language language, const char *user)
{
	*screen = (struct screen){ .language = language };
	screen->password.masked = true;
	text_field_insert(&screen->user, user ? user : "");
	screen->focus = screen->user.len ? FOCUS_PASSWORD : FOCUS_USER;
}

void screen_wipe(struct screen *screen)
{
	text_field_wipe(&screen->user);
	text_field_wipe(&screen->password);
	text_field_wipe(&screen->code);
	text_field_wipe(&screen->fresh);
	text_field_wipe(&screen->again);
	memory_wipe(&screen->factor, sizeof(screen->factor));
	memory_wipe(screen->recovery, sizeof(screen->recovery));
}

void screen_show_form(struct screen *screen, const char *reason, bool is_error, int64_t retry_at_ms)
{
	snprintf(screen->reason, sizeof(screen->reason), "%s", reason);
	screen->reason_is_error = is_error;
	screen->retry_at_ms = retry_at_ms;
	*screen->reason_detail = '\0';
	text_field_wipe(&screen->password);
	*screen->composition = '\0';
	screen->focus = screen->user.len ? FOCUS_PASSWORD : FOCUS_USER;
}

void screen_set_desktops(struct screen *screen, const struct desktop_entry *entries, size_t count)
{
	screen->desktop_count = count < BROKER_MAX_DESKTOPS ? count : BROKER_MAX_DESKTOPS;
	memcpy(screen->desktops, entries, screen->desktop_count * sizeof(*entries));
	screen->chosen = 0;
}

int screen_fields(const struct screen *screen, const struct text_field *out[2])
{
	switch (screen->state) {
	case FLOW_FORM:
	case FLOW_SIGNING_IN:
		out[0] = &screen->user;
		out[1] = &screen->password;
		return 2;
	case FLOW_CODE:
	case FLOW_CODE_CHECKING:
		out[0] = &screen->code;
		return 1;
	case FLOW_NEW_PASSWORD:
	case FLOW_CHANGING:
		out[0] = &screen->fresh;
		out[1] = &screen->again;
		return 2;
	case FLOW_RECOVERY:
	case FLOW_CHOOSING:
	case FLOW_PREPARING:
	case FLOW_CONNECTING:
	case FLOW_DESKTOP:
	case FLOW_MENU:
	case FLOW_CONFIRM:
	case FLOW_SERVING:
	case FLOW_RETURNING:
	case FLOW_REOPENING:
	case FLOW_STATES:
		break;
	}
	return 0;
}

static bool is_form(enum flow_state state)
{
	return state == FLOW_FORM || state == FLOW_CODE || state == FLOW_NEW_PASSWORD;
}

static struct text_field *focused_field(struct screen *screen)
{
	const struct text_field *fields[2] = { NULL, NULL };
	int count = screen_fields(screen, fields);

	/* they are the screen's own, which is not const here */
	return (int)screen->focus < count ? (struct text_field *)(uintptr_t)fields[screen->focus]
					  : NULL;
}

void screen_ask(struct screen *screen, const char *reason, const char *detail)
{
	text_field_wipe(&screen->code);
	text_field_wipe(&screen->fresh);
	text_field_wipe(&screen->again);
	screen->fresh.masked = screen->again.masked = true;
	snprintf(screen->reason, sizeof(screen->reason), "%s", reason);
	snprintf(screen->reason_detail, sizeof(screen->reason_detail), "%s", detail);
	screen->reason_is_error = true;
	screen->retry_at_ms = 0;
	*screen->composition = '\0';
	screen->focus = FOCUS_USER;
}

static enum screen_action submit(struct screen *screen)
{
	const struct text_field *fields[2];
	int count = screen_fields(screen, fields);

	for (int i = 0; i < count; i++)
		if (fields[i]->len == 0) {	/* taken to what is missing */
			screen->focus = (enum screen_focus)i;
			return SCREEN_NOTHING;
		}
	if (screen->state == FLOW_NEW_PASSWORD &&
	    strcmp(screen->fresh.text, screen->again.text) != 0) {
		screen_ask(screen, "passwords_differ", "");
		return SCREEN_NOTHING;
	}
	return SCREEN_SUBMIT;
}

static void edit(struct text_field *field, enum screen_key key)
{
	switch (key) {
	case SCREEN_KEY_LEFT: text_field_left(field); break;
	case SCREEN_KEY_RIGHT: text_field_right(field); break;
	case SCREEN_KEY_HOME: text_field_home(field); break;
	case SCREEN_KEY_END: text_field_end(field); break;
	case SCREEN_KEY_BACKSPACE: text_field_backspace(field); break;
	case SCREEN_KEY_DELETE: text_field_delete(field); break;
	case SCREEN_KEY_TAB:
	case SCREEN_KEY_BACKTAB:
	case SCREEN_KEY_ENTER:
	case SCREEN_KEY_ESCAPE:
	case SCREEN_KEY_UP:
	case SCREEN_KEY_DOWN: break;
	}
}

static void move_focus(struct screen *screen, int by)
{
	const struct text_field *fields[2];
	int count = screen_fields(screen, fields);

	do
		screen->focus = ((int)screen->focus + by) % FOCUS_COUNT;
	while (screen->focus == FOCUS_PASSWORD && count < 2);
}

static enum screen_action press_in_form(struct screen *screen, enum screen_key key)
{
	struct text_field *field = focused_field(screen);

	if (key == SCREEN_KEY_ESCAPE && screen->state != FLOW_FORM)
		return SCREEN_CANCEL;
	if (key == SCREEN_KEY_ENTER)
		return submit(screen);
	if (key == SCREEN_KEY_TAB || key == SCREEN_KEY_DOWN)
		move_focus(screen, 1);
	else if (key == SCREEN_KEY_BACKTAB || key == SCREEN_KEY_UP)
		move_focus(screen, FOCUS_COUNT - 1);
	else if (field)
		edit(field, key);
	return SCREEN_NOTHING;
}

static enum screen_action press_in_choice(struct screen *screen, enum screen_key key)
{
	size_t count = screen->desktop_count;

	if (key == SCREEN_KEY_ESCAPE)
		return SCREEN_CANCEL;
	if (count == 0)
		return SCREEN_NOTHING;
	if (key == SCREEN_KEY_ENTER)
		return SCREEN_CHOOSE;
	if (key == SCREEN_KEY_DOWN || key == SCREEN_KEY_TAB)
		screen->chosen = (screen->chosen + 1) % count;
	if (key == SCREEN_KEY_UP || key == SCREEN_KEY_BACKTAB)
		screen->chosen = (screen->chosen + count - 1) % count;
	return SCREEN_NOTHING;
}

/* ---- the menu over the desktop ---- */

size_t screen_menu(const struct screen *screen, enum screen_item out[ITEMS])
{
	size_t count = 0;

	out[count++] = ITEM_BACK;
	out[count++] = ITEM_LEAVE;
	if (screen->may_restart)
		out[count++] = ITEM_RESTART;
	if (screen->may_reset)
		out[count++] = ITEM_RESET;
	return count;
}

void screen_open_menu(struct screen *screen)
{
	screen->item = ITEM_BACK;
	screen->confirm_yes = false;
}

bool screen_is_over_desktop(enum flow_state state)
{
	return state == FLOW_MENU || state == FLOW_CONFIRM || state == FLOW_SERVING ||
	       state == FLOW_RETURNING || state == FLOW_REOPENING;
}

static enum screen_action take_item(struct screen *screen)
{
	switch (screen->item) {
	case ITEM_LEAVE:
		return SCREEN_CANCEL;
	case ITEM_RESTART:
	case ITEM_RESET:
		screen->confirm_yes = false;
		return SCREEN_WISH;
	case ITEM_BACK:
	case ITEMS:
		break;
	}
	return SCREEN_BACK;
}

static enum screen_action press_in_menu(struct screen *screen, enum screen_key key)
{
	enum screen_item items[ITEMS];
	size_t count = screen_menu(screen, items), at = 0;

	if (key == SCREEN_KEY_ESCAPE)
		return SCREEN_BACK;
	if (key == SCREEN_KEY_ENTER)
		return take_item(screen);
	for (size_t i = 0; i < count; i++)
		if (items[i] == screen->item)
			at = i;
	if (key == SCREEN_KEY_DOWN || key == SCREEN_KEY_TAB)
		screen->item = items[(at + 1) % count];
	if (key == SCREEN_KEY_UP || key == SCREEN_KEY_BACKTAB)
		screen->item = items[(at + count - 1) % count];
	return SCREEN_NOTHING;
}

static enum screen_action press_in_question(struct screen *screen, enum screen_key key)
{
	if (key == SCREEN_KEY_ESCAPE)
		return SCREEN_BACK;
	if (key == SCREEN_KEY_ENTER)
		return screen->confirm_yes ? SCREEN_CONFIRM : SCREEN_BACK;
	if (key == SCREEN_KEY_TAB || key == SCREEN_KEY_BACKTAB || key == SCREEN_KEY_LEFT ||
	    key == SCREEN_KEY_RIGHT)
		screen->confirm_yes = !screen->confirm_yes;
	return SCREEN_NOTHING;
}

enum screen_action screen_press(struct screen *screen, enum screen_key key)
{
	switch (screen->state) {
	case FLOW_FORM:
	case FLOW_CODE:
	case FLOW_NEW_PASSWORD:
		return press_in_form(screen, key);
	case FLOW_RECOVERY:
		return key == SCREEN_KEY_ENTER ? SCREEN_CONFIRM : SCREEN_NOTHING;
	case FLOW_CHOOSING:
		return press_in_choice(screen, key);
	case FLOW_MENU:
		return press_in_menu(screen, key);
	case FLOW_CONFIRM:
		return press_in_question(screen, key);
	case FLOW_SIGNING_IN:
	case FLOW_CODE_CHECKING:
	case FLOW_CHANGING:
	case FLOW_PREPARING:
	case FLOW_CONNECTING:
	case FLOW_SERVING:
	case FLOW_RETURNING:
	case FLOW_REOPENING:
		return key == SCREEN_KEY_ESCAPE ? SCREEN_CANCEL : SCREEN_NOTHING;
	case FLOW_DESKTOP:
	case FLOW_STATES:
		break;
	}
	return SCREEN_NOTHING;
}

void screen_type(struct screen *screen, const char *text)
{
	struct text_field *field = is_form(screen->state) ? focused_field(screen) : NULL;

	*screen->composition = '\0';
	if (field)
		text_field_insert(field, text);
}

static bool hit(struct screen_rect r, int x, int y)
{
	return x >= r.x && y >= r.y && x < r.x + r.w && y < r.y + r.h;
}

static enum screen_action click_in_form(struct screen *screen, const struct screen_layout *layout,
					int x, int y)
{
	if (hit(layout->fields[0], x, y))
		screen->focus = FOCUS_USER;
	if (hit(layout->fields[1], x, y))
		screen->focus = FOCUS_PASSWORD;
	if (screen->state != FLOW_FORM && hit(layout->cancel, x, y))
		return SCREEN_CANCEL;
	return hit(layout->button, x, y) ? submit(screen) : SCREEN_NOTHING;
}

static enum screen_action click_in_menu(struct screen *screen, const struct screen_layout *layout,
					int x, int y)
{
	enum screen_item items[ITEMS];
	size_t count = screen_menu(screen, items);

	for (size_t i = 0; i < count; i++) {
		if (!hit(layout->rows[i], x, y))
			continue;
		screen->item = items[i];
		return take_item(screen);
	}
	return hit(layout->card, x, y) ? SCREEN_NOTHING : SCREEN_BACK;
}

enum screen_action screen_click(struct screen *screen, const struct screen_layout *layout, int x,
				int y)
{
	if (is_form(screen->state))
		return click_in_form(screen, layout, x, y);
	if (screen->state == FLOW_RECOVERY)
		return hit(layout->button, x, y) ? SCREEN_CONFIRM : SCREEN_NOTHING;
	if (screen->state == FLOW_MENU)
		return click_in_menu(screen, layout, x, y);
	if (screen->state == FLOW_CONFIRM)
		return hit(layout->yes, x, y)	  ? SCREEN_CONFIRM
		       : hit(layout->cancel, x, y) ? SCREEN_BACK
						   : SCREEN_NOTHING;
	for (size_t i = 0; screen->state == FLOW_CHOOSING && i < screen->desktop_count; i++) {
		if (!hit(layout->rows[i], x, y))
			continue;
		screen->chosen = i;
		return SCREEN_CHOOSE;
	}
	return hit(layout->cancel, x, y) ? SCREEN_CANCEL : SCREEN_NOTHING;
}

static bool has_qr(const struct screen *screen)
{
	return (screen->state == FLOW_CODE || screen->state == FLOW_CODE_CHECKING) &&
	       screen->factor.enrolling;
}

/* Lays things out downwards in the card; answers the lower end. */
static int arrange_form(const struct screen *screen, int left, int top, int message_h,
			struct screen_layout *out)
{
	const struct text_field *fields[2];
	int width = CARD_W - 2 * PAD, y = top, count = screen_fields(screen, fields);

	if (message_h > 0) {
		out->message = (struct screen_rect){ left, y, width, message_h + 2 * MESSAGE_PAD };
		y += out->message.h + FIELD_GAP;
	}
	if (has_qr(screen)) {
		out->sheet = (struct screen_rect){ left + (width - QR_SIDE) / 2, y, QR_SIDE, QR_SIDE };
		y += QR_SIDE + LABEL_H + FIELD_GAP;	/* its key stands below it */
	}
	for (int i = 0; i < count; i++) {
		out->fields[i] = (struct screen_rect){ left, y + LABEL_H, width, FIELD_H };
		y += LABEL_H + FIELD_H + FIELD_GAP;
	}
	y += HINT_H - FIELD_GAP;	/* the hint stands between the fields and the button */
	out->button = (struct screen_rect){ left, y, width, BUTTON_H };
	y += BUTTON_H;
	if (screen->state == FLOW_FORM || screen->state == FLOW_SIGNING_IN)
		return y;
	out->cancel = (struct screen_rect){ left + (width - CANCEL_W) / 2, y + ROW_GAP, CANCEL_W,
					    CANCEL_H };
	return y + ROW_GAP + CANCEL_H;
}

/* Two columns of codes. `message_h` is the height of the note above. */
static int arrange_recovery(const struct screen *screen, int left, int top, int message_h,
			    struct screen_layout *out)
{
	int width = CARD_W - 2 * PAD, y = top, lines = ((int)screen->recovery_count + 1) / 2;

	out->message = (struct screen_rect){ left, y, width, message_h + 2 * MESSAGE_PAD };
	y += out->message.h + FIELD_GAP;
	out->sheet = (struct screen_rect){ left, y, width, lines * CODE_LINE_H };
	y += out->sheet.h + FIELD_GAP;
	out->button = (struct screen_rect){ left, y, width, BUTTON_H };
	return y + BUTTON_H;
}

static int arrange_choice(const struct screen *screen, int left, int top,
			  struct screen_layout *out)
{
	int width = CARD_W - 2 * PAD, y = top;

	for (size_t i = 0; i < screen->desktop_count; i++) {
		out->rows[i] = (struct screen_rect){ left, y, width, ROW_H };
		y += ROW_H + ROW_GAP;
	}
	y += FIELD_GAP - ROW_GAP;
	out->cancel = (struct screen_rect){ left + (width - CANCEL_W) / 2, y, CANCEL_W, CANCEL_H };
	return y + CANCEL_H;
}

static int arrange_menu(const struct screen *screen, int left, int top, int message_h,
			struct screen_layout *out)
{
	enum screen_item items[ITEMS];
	size_t count = screen_menu(screen, items);
	int width = CARD_W - 2 * PAD, y = top;

	if (message_h > 0) {
		out->message = (struct screen_rect){ left, y, width, message_h + 2 * MESSAGE_PAD };
		y += out->message.h + FIELD_GAP;
	}
	for (size_t i = 0; i < count; i++) {
		out->rows[i] = (struct screen_rect){ left, y, width, ROW_H };
		y += ROW_H + ROW_GAP;
	}
	return y - ROW_GAP;
}

/* `message_h` is the height of the warning. */
static int arrange_question(int left, int top, int message_h, struct screen_layout *out)
{
	int width = CARD_W - 2 * PAD, y = top, half = (width - ROW_GAP) / 2;

	out->message = (struct screen_rect){ left, y, width, message_h + 2 * MESSAGE_PAD };
	y += out->message.h + FIELD_GAP + 6;
	out->cancel = (struct screen_rect){ left, y, half, BUTTON_H };
	out->yes = (struct screen_rect){ left + width - half, y, half, BUTTON_H };
	return y + BUTTON_H;
}

static int arrange_progress(const struct screen *screen, int left, int top,
			    struct screen_layout *out)
{
	int width = CARD_W - 2 * PAD, y = top + PROGRESS_H;

	out->bar = (struct screen_rect){ left, y, width, BAR_H };
	y += BAR_H + (screen->position > 0 ? 58 : 36);	/* a note stands below the bar */
	out->cancel = (struct screen_rect){ left + (width - CANCEL_W) / 2, y, CANCEL_W, CANCEL_H };
	return y + CANCEL_H;
}

static int arrange_content(const struct screen *screen, int left, int top, int message_h,
			   struct screen_layout *out)
{
	switch (screen->state) {
	case FLOW_FORM:
	case FLOW_SIGNING_IN:
	case FLOW_CODE:
	case FLOW_CODE_CHECKING:
	case FLOW_NEW_PASSWORD:
	case FLOW_CHANGING:
		return arrange_form(screen, left, top, message_h, out);
	case FLOW_RECOVERY:
		return arrange_recovery(screen, left, top, message_h, out);
	case FLOW_CHOOSING:
		return arrange_choice(screen, left, top, out);
	case FLOW_MENU:
		return arrange_menu(screen, left, top, message_h, out);
	case FLOW_CONFIRM:
		return arrange_question(left, top, message_h, out);
	case FLOW_PREPARING:
	case FLOW_CONNECTING:
	case FLOW_DESKTOP:
	case FLOW_SERVING:
	case FLOW_RETURNING:
	case FLOW_REOPENING:
	case FLOW_STATES:
		break;
	}
	return arrange_progress(screen, left, top, out);
}

void screen_arrange(const struct screen *screen, int width, int height, int message_h,
		    struct screen_layout *out)
{
	struct screen_layout measured = { 0 };
	int card_h = arrange_content(screen, 0, PAD + HEAD_H, message_h, &measured) + PAD;
	int x = (width - CARD_W) / 2, y = (height - card_h) / 2;

	y = y > 8 ? y : 8;
	*out = (struct screen_layout){ .card = { x, y, CARD_W, card_h } };
	arrange_content(screen, x + PAD, y + PAD + HEAD_H, message_h, out);
}

void screen_window_title(const struct screen *screen, char *out, size_t size)
{
	switch (screen->state) {
	case FLOW_FORM:
		snprintf(out, size, *screen->reason ? "Genkan: sign in (%s)" : "Genkan: sign in%s",
			 screen->reason);
		break;
	case FLOW_SIGNING_IN:
		snprintf(out, size, "Genkan: signing in");
		break;
	case FLOW_CODE:
		snprintf(out, size, *screen->reason ? "Genkan: code%s (%s)" : "Genkan: code%s%s",
			 screen->factor.enrolling ? ", first time" : "", screen->reason);
		break;
	case FLOW_NEW_PASSWORD:
		snprintf(out, size, *screen->reason ? "Genkan: new password (%s)"
						    : "Genkan: new password%s",
			 screen->reason);
		break;
	case FLOW_CODE_CHECKING:
	case FLOW_CHANGING:
		snprintf(out, size, "Genkan: one moment");
		break;
	case FLOW_RECOVERY:
		snprintf(out, size, "Genkan: recovery codes");
		break;
	case FLOW_CHOOSING:
		snprintf(out, size, "Genkan: choose a desktop");
		break;
	case FLOW_PREPARING:
		if (screen->position > 0)
			snprintf(out, size, "Genkan: waiting (number %lld)",
				 (long long)screen->position);
		else
			snprintf(out, size, "Genkan: preparing (%s, %d%%)", screen->stage,
				 screen->percent);
		break;
	case FLOW_CONNECTING:
		snprintf(out, size, "Genkan: connecting");
		break;
	case FLOW_MENU:
		snprintf(out, size, *screen->reason ? "Genkan: %s (menu, %s)" : "Genkan: %s (menu%s)",
			 screen->title, screen->reason);
		break;
	case FLOW_CONFIRM:
		snprintf(out, size, "Genkan: %s (%s?)", screen->title,
			 screen->item == ITEM_RESET ? "reset" : "restart");
		break;
	case FLOW_SERVING:
		snprintf(out, size, "Genkan: %s (%s)", screen->title,
			 screen->item == ITEM_RESET ? "resetting" : "restarting");
		break;
	case FLOW_RETURNING:
	case FLOW_REOPENING:
		snprintf(out, size, "Genkan: %s (%s)", screen->title,
			 screen->why_return == RETURN_RESTARTED ? "restarting" : "reconnecting");
		break;
	case FLOW_DESKTOP:
	case FLOW_STATES:
		snprintf(out, size, "Genkan: %s", screen->title);
		break;
	}
}
