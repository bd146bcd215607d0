/* SPDX-License-Identifier: Apache-2.0 */
/* screen.h - what the screens before and after the desktop hold, and what keys and clicks do to
 * them. Pure: screen_draw.c shows it, view.c feeds it. */
#ifndef GENKAN_THINCLIENT_SCREEN_H
#define GENKAN_THINCLIENT_SCREEN_H

#include "thinclient/broker_api.h"
#include "thinclient/flow.h"
#include "thinclient/texts.h"
#include "thinclient/text_field.h"

struct screen_rect {
	int x, y, w, h;
};

enum screen_focus { FOCUS_USER, FOCUS_PASSWORD, FOCUS_BUTTON, FOCUS_COUNT };

enum screen_key {
	SCREEN_KEY_TAB, SCREEN_KEY_BACKTAB, SCREEN_KEY_ENTER, SCREEN_KEY_ESCAPE, SCREEN_KEY_UP,
	SCREEN_KEY_DOWN, SCREEN_KEY_LEFT, SCREEN_KEY_RIGHT, SCREEN_KEY_HOME, SCREEN_KEY_END,
	SCREEN_KEY_BACKSPACE, SCREEN_KEY_DELETE,
};

enum screen_action { SCREEN_NOTHING, SCREEN_SUBMIT, SCREEN_CHOOSE, SCREEN_CANCEL, SCREEN_BACK,
		     SCREEN_WISH, SCREEN_CONFIRM };

/* Why another session has to be opened. */
enum screen_return { RETURN_LOST, RETURN_RESTARTED, RETURN_RESIZED };
enum screen_item { ITEM_BACK, ITEM_LEAVE, ITEM_RESTART, ITEM_RESET, ITEMS };

struct screen {
	enum language language;
	enum flow_state state;
	/* form */
	struct text_field user, password;
	struct text_field code, fresh, again;	/* of the forms behind it */
	struct factor_ask factor;
	char recovery[RECOVERY_CODES_MAX][32];
	size_t recovery_count;
	enum screen_focus focus;
	char composition[128];		/* of an input method, not yet part of the field */
	bool caps_lock;
	char reason[48];		/* "" = none */
	bool reason_is_error;
	char reason_detail[256];	/* the directory's words */
	int64_t retry_at_ms;		/* clock; 0 = at any time */
	/* choice */
	struct desktop_entry desktops[BROKER_MAX_DESKTOPS];
	size_t desktop_count, chosen;
	/* menu over the desktop */
	bool may_restart, may_reset;
	enum screen_item item;		/* chosen; ITEM_RESTART or ITEM_RESET once it is a wish */
	bool confirm_yes;		/* which of the two buttons has the focus */
	enum screen_return why_return;
	/* progress */
	char title[320];		/* of the desktop, and what its user has to know of it */
	char stage[32];
	int percent;
	int64_t position;		/* in line; 0: not there */
	int64_t estimate_ms;		/* -1: nobody knows */
};

/* Rectangles in logical pixels; those that the state does not have are empty. */
struct screen_layout {
	struct screen_rect card, message, fields[2], button, cancel, bar, yes;
	struct screen_rect sheet;	/* a QR code, recovery codes */
	struct screen_rect rows[BROKER_MAX_DESKTOPS];
};

void screen_init(struct screen *screen, enum language language, const char *user);
void screen_wipe(struct screen *screen);
/* Back to the form, with the reason for it; the name stays, the password goes. */
void screen_show_form(struct screen *screen, const char *reason, bool is_error,
		      int64_t retry_at_ms);
/* Another form behind the password, empty; with the reason why it comes again, or "". */
void screen_ask(struct screen *screen, const char *reason, const char *detail);
/* The fields of the form that the state shows; returns how many. */
int screen_fields(const struct screen *screen, const struct text_field *out[2]);
void screen_set_desktops(struct screen *screen, const struct desktop_entry *entries, size_t count);

/* Opens the menu at its first line. */
void screen_open_menu(struct screen *screen);
/* The lines of the menu, as far as the pool allows them. */
size_t screen_menu(const struct screen *screen, enum screen_item out[ITEMS]);
/* Whether the desktop shows behind this screen. */
bool screen_is_over_desktop(enum flow_state state);

enum screen_action screen_press(struct screen *screen, enum screen_key key);
void screen_type(struct screen *screen, const char *text);
enum screen_action screen_click(struct screen *screen, const struct screen_layout *layout, int x,
				int y);
/* `message_h` is the height of the reason's text, 0 without one. */
void screen_arrange(const struct screen *screen, int width, int height, int message_h,
		    struct screen_layout *out);
/* What the window's title says: for the window list, screen readers and tests. */
void screen_window_title(const struct screen *screen, char *out, size_t size);

#endif
