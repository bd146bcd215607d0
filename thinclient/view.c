/* SPDX-License-Identifier: Apache-2.0 */
/* Main thread: waits for SDL events, among them the announcements of the broker link and of the
 * session, feeds flow.c and carries its effects out. Nothing here waits for a network. */
#include "thinclient/view.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include "common/sys/clock.h"
#include "common/sys/file.h"
#include "common/sys/log.h"
#include "thinclient/backoff.h"
#include "thinclient/broker_link.h"
#include "thinclient/desktop_view.h"
#include "thinclient/end_reason.h"
#include "thinclient/screen_draw.h"

enum { NOTICE_LINK, NOTICE_SESSION, NOTICE_NEWS };

struct view {
	const struct options *options;
	SDL_Window *window;
	SDL_Renderer *renderer;
	struct canvas canvas;
	struct screen screen;
	struct screen_layout layout;
	struct broker_link *link;
	struct notice_watch *watch;
	struct toasts toasts;
	struct screen_rect toast_boxes[TOASTS_MAX];
	struct screen_rect handle;	/* w 0: not shown */
	int64_t exception_until_ms;	/* wall clock */
	char desktop_id[64];		/* of the session, or of the one that was lost */
	unsigned serial;		/* of the request whose answer counts */
	struct rdp_session *session;
	struct desktop_view desktop;
	bool shown;			/* `desktop` holds a picture, of this session or the last */
	struct backoff backoff;
	int64_t opened_at_ms, retry_at_ms;	/* 0: no wait */
	struct connect_answer answer;
	struct problem problem;
	char footer[320];
	Uint32 notice_event;
	atomic_bool session_noticed;	/* an announcement is in the queue already */
	bool running;
};

/* --- announcements from other threads -------------------------------------------------------- */

static void push_notice(struct view *view, int code)
{
	SDL_Event event = { .user = { .type = view->notice_event, .code = code } };

	SDL_PushEvent(&event);
}

static void on_link_notify(void *arg)
{
	push_notice(arg, NOTICE_LINK);
}

static void on_news_notify(void *arg)
{
	push_notice(arg, NOTICE_NEWS);
}

static void on_session_notify(void *arg)
{
	struct view *view = arg;

	if (!atomic_exchange(&view->session_noticed, true))
		push_notice(view, NOTICE_SESSION);
}

/* --- effects --------------------------------------------------------------------------------- */

static void step(struct view *view, enum flow_event event);

static void sign_in(struct view *view)
{
	OWNED(secret_wipe) struct secret password = { 0 };
	const struct text_field *field = &view->screen.password;

	if (secret_set(&password, span_of(field->text, field->len)) == 0)
		view->serial = broker_link_sign_in(view->link, view->screen.user.text, &password);
}

static void give_code(struct view *view)
{
	const struct screen *screen = &view->screen;

	view->serial = broker_link_code(view->link, screen->factor.challenge, screen->code.text);
}

static void change_password(struct view *view)
{
	OWNED(secret_wipe) struct secret old = { 0 };
	OWNED(secret_wipe) struct secret fresh = { 0 };
	const struct screen *s = &view->screen;

	if (secret_set(&old, span_of(s->password.text, s->password.len)) == 0 &&
	    secret_set(&fresh, span_of(s->fresh.text, s->fresh.len)) == 0)
		view->serial = broker_link_password(view->link, s->user.text, &old, &fresh);
}

static void ask_for_desktop(struct view *view)
{
	view->serial = broker_link_connect(view->link, view->desktop_id, view->answer.stage,
					   view->answer.position);
}

static void ask_for_service(struct view *view)
{
	enum link_kind kind = view->screen.item == ITEM_RESET ? LINK_RESET : LINK_RESTART;

	view->serial = broker_link_serve(view->link, kind, view->desktop_id);
}

static void open_session(struct view *view)
{
	struct rdp_session_config config = {
		.ticket = &view->answer.ticket,
		.sound = view->options->sound ? SOUND_SYSTEM : SOUND_NONE,
		.keyboard_layout = view->options->keyboard_layout_id,
		.notify = on_session_notify,
		.arg = view,
	};
	struct error err = { 0 };

	SDL_GetRendererOutputSize(view->renderer, &config.width, &config.height);
	int rc = rdp_session_start(&config, &view->session, &err);

	connect_answer_wipe(&view->answer);
	if (rc) {
		log_error("session_failed", kv_error(&err));
		problem_set(&view->problem, "internal", err.text);
		step(view, FLOW_EV_SESSION_ENDED);
		return;
	}
	if (view->shown)
		desktop_view_attach(&view->desktop, view->session);
	else
		desktop_view_init(&view->desktop, view->renderer, view->session);
	view->shown = true;
	view->opened_at_ms = 0;
}

static void close_session(struct view *view)
{
	if (!view->session)
		return;
	desktop_view_detach(&view->desktop);
	rdp_session_free(view->session);
	view->session = NULL;
}

/* The picture of a lost session is kept only on the way to the next. */
static void drop_picture(struct view *view)
{
	if (view->shown)
		desktop_view_done(&view->desktop);
	view->shown = false;
}

static void wait_a_while(struct view *view)
{
	int64_t now_ms = clock_monotonic_ms();
	int64_t lasted_ms = view->opened_at_ms ? now_ms - view->opened_at_ms : 0;
	int64_t delay_ms = backoff_next(&view->backoff, lasted_ms);

	view->opened_at_ms = 0;
	view->retry_at_ms = now_ms + delay_ms;
	*view->screen.stage = '\0';
	view->answer.stage[0] = '\0';
	log_info("reconnecting", kv_str("code", view->problem.code), kv_int("delay_ms", delay_ms));
}

static void show_reason(struct view *view)
{
	const struct problem *p = &view->problem;
	int64_t retry_at_ms =
		p->retry_after_ms > 0 ? clock_monotonic_ms() + p->retry_after_ms : 0;

	log_info("back_to_sign_in", kv_str("code", p->code), kv_str("detail", p->detail));
	screen_show_form(&view->screen, p->code, !end_reason_is_normal(p->code), retry_at_ms);
}

static void carry_out(struct view *view, unsigned effects)
{
	if (effects & FLOW_DO_CLOSE)
		close_session(view);
	if (effects & FLOW_DO_SIGN_OUT)
		view->serial = broker_link_sign_out(view->link);
	if (effects & FLOW_DO_CLEAR_REASON)
		*view->screen.reason = '\0';
	if (effects & FLOW_DO_SIGN_IN)
		sign_in(view);
	if (effects & FLOW_DO_GIVE_CODE)
		give_code(view);
	if (effects & FLOW_DO_CHANGE_PASSWORD)
		change_password(view);
	if (effects & FLOW_DO_DROP)
		drop_picture(view);
	if (effects & FLOW_DO_SERVE)
		ask_for_service(view);
	if (effects & FLOW_DO_CONNECT)
		ask_for_desktop(view);
	if (effects & FLOW_DO_OPEN)
		open_session(view);
	if (effects & FLOW_DO_WAIT)
		wait_a_while(view);
	if (effects & FLOW_DO_SHOW_REASON)
		show_reason(view);
}

static void show_title(struct view *view)
{
	char title[384];

	screen_window_title(&view->screen, title, sizeof(title));
	SDL_SetWindowTitle(view->window, title);
}

/* What the forms behind the password held. */
static void forget_secrets(struct screen *screen)
{
	text_field_wipe(&screen->code);
	text_field_wipe(&screen->fresh);
	text_field_wipe(&screen->again);
	memory_wipe(&screen->factor, sizeof(screen->factor));
}

static void enter_state(struct view *view, enum flow_state before)
{
	enum flow_state now = view->screen.state;

	if (now == before)
		return;
	if (now == FLOW_FORM) {
		toasts_clear(&view->toasts);
		view->exception_until_ms = 0;
		drop_picture(view);
		view->retry_at_ms = 0;
		view->backoff = (struct backoff){ 0 };
	}
	if (now == FLOW_FORM && !*view->screen.reason)
		screen_show_form(&view->screen, "", false, 0);
	if (now != FLOW_FORM && now != FLOW_SIGNING_IN && now != FLOW_NEW_PASSWORD &&
	    now != FLOW_CHANGING)	/* the old one is needed for the new */
		text_field_wipe(&view->screen.password);
	if (before == FLOW_RECOVERY)
		memory_wipe(view->screen.recovery, sizeof(view->screen.recovery));
	if (now == FLOW_FORM)
		forget_secrets(&view->screen);
	view->handle.w = 0;
	if (view->session)
		desktop_view_pause(&view->desktop, now == FLOW_MENU || now == FLOW_CONFIRM ||
							   now == FLOW_SERVING);
	if (now == FLOW_DESKTOP)
		view->screen.why_return = RETURN_LOST;
	if (now == FLOW_DESKTOP)
		SDL_StopTextInput();
	else
		SDL_StartTextInput();
}

static void step(struct view *view, enum flow_event event)
{
	enum flow_state before = view->screen.state;
	unsigned effects;

	if (flow_step(&view->screen.state, event, &effects)) {
		log_warn("flow_illegal", kv_str("state", flow_state_name(before)),
			 kv_str("event", flow_event_name(event)));
		return;
	}
	carry_out(view, effects);
	enter_state(view, before);
	show_title(view);
}

/* --- answers of the broker ------------------------------------------------------------------- */

static void fail(struct view *view, const char *code)
{
	problem_set(&view->problem, code, "");
	step(view, FLOW_EV_FAILED);
}

static void take_connect(struct view *view, const struct connect_answer *answer)
{
	struct screen *screen = &view->screen;

	view->answer = *answer;
	snprintf(view->desktop_id, sizeof(view->desktop_id), "%s", answer->desktop_id);
	if (answer->ready) {
		screen->may_restart = answer->may_restart;
		screen->may_reset = answer->may_reset;
		view->exception_until_ms = answer->exception_until_ms;
	}
	if (answer->ready && *answer->notice)
		toasts_add(&view->toasts, true, texts_reason(screen->language, answer->notice),
			   clock_monotonic_ms());
	snprintf(screen->title, sizeof(screen->title), "%s", answer->title);
	snprintf(screen->stage, sizeof(screen->stage), "%s", answer->stage);
	screen->percent = answer->percent;
	screen->position = answer->position;
	screen->estimate_ms = answer->estimate_ms;
	step(view, answer->ready ? FLOW_EV_TICKET : FLOW_EV_WAIT);
}

static void choose(struct view *view, size_t i)
{
	struct screen *screen = &view->screen;
	const struct desktop_entry *entry = &screen->desktops[i];

	connect_answer_wipe(&view->answer);
	snprintf(view->desktop_id, sizeof(view->desktop_id), "%s", entry->id);
	snprintf(screen->title, sizeof(screen->title), "%s", entry->title);
	snprintf(screen->stage, sizeof(screen->stage), "queued");
	screen->percent = 0;
	screen->position = 0;
	screen->estimate_ms = -1;
	step(view, FLOW_EV_CHOSEN);
}

static void choose_pool(struct view *view, const char *pool)
{
	for (size_t i = 0; i < view->screen.desktop_count; i++)
		if (strcmp(view->screen.desktops[i].pool, pool) == 0) {
			choose(view, i);
			return;
		}
	fail(view, "not_entitled");
}

/* Codes to be kept come first; a ticket would be too old behind them, so it is not used. */
static bool shows_recovery(struct view *view, const struct sign_in_answer *answer)
{
	struct screen *screen = &view->screen;

	if (answer->recovery_count == 0)
		return false;
	memcpy(screen->recovery, answer->recovery, sizeof(screen->recovery));
	screen->recovery_count = answer->recovery_count;
	step(view, FLOW_EV_CODES_SHOWN);
	return true;
}

static void take_desktops(struct view *view)
{
	if (view->options->pool)
		choose_pool(view, view->options->pool);
	else if (view->screen.desktop_count == 0)
		fail(view, "not_entitled");
	else if (view->screen.desktop_count == 1)
		choose(view, 0);
	else
		step(view, FLOW_EV_CHOICE_NEEDED);
}

static void take_sign_in(struct view *view, const struct sign_in_answer *answer)
{
	screen_set_desktops(&view->screen, answer->desktops, answer->desktop_count);
	if (shows_recovery(view, answer))
		return;
	if (!view->options->pool && answer->has_connect)
		take_connect(view, &answer->connect);
	else
		take_desktops(view);
}

/* The directory has the new one: sign in with it. */
static void take_new_password(struct view *view)
{
	struct screen *screen = &view->screen;

	text_field_wipe(&screen->password);
	text_field_insert(&screen->password, screen->fresh.text);
	forget_secrets(screen);
	step(view, FLOW_EV_PASSWORD_CHANGED);
}

static bool is_code(const struct view *view, const char *code)
{
	return strcmp(view->problem.code, code) == 0;
}

/* A sign-in that can go on with something more, or a form that can be tried again. */
static bool goes_on(struct view *view, const struct link_result *result)
{
	struct screen *screen = &view->screen;
	enum flow_state state = screen->state;

	if (state == FLOW_SIGNING_IN && (is_code(view, "second_factor_required") ||
					 is_code(view, "second_factor_enrolment"))) {
		screen->factor = result->factor;
		screen_ask(screen, "", "");
		step(view, FLOW_EV_CODE_NEEDED);
	} else if (state == FLOW_SIGNING_IN && is_code(view, "password_expired")) {
		screen_ask(screen, "", "");
		step(view, FLOW_EV_PASSWORD_NEEDED);
	} else if ((state == FLOW_CODE_CHECKING && (is_code(view, "second_factor_wrong") ||
						    is_code(view, "second_factor_used"))) ||
		   (state == FLOW_CHANGING && is_code(view, "password_rejected"))) {
		screen_ask(screen, view->problem.code,
			   state == FLOW_CHANGING ? view->problem.detail : "");
		step(view, FLOW_EV_AGAIN);
	} else {
		return false;
	}
	return true;
}
/* Back in the menu, which says why; without a session there is nothing to go back to. */
static void service_failed(struct view *view)
{
	log_info("service_refused", kv_str("code", view->problem.code));
	snprintf(view->screen.reason, sizeof(view->screen.reason), "%s", view->problem.code);
	view->screen.reason_is_error = true;
	step(view, FLOW_EV_FAILED);
	if (!view->session)
		step(view, FLOW_EV_LOST);
}

static void take_service(struct view *view, bool reset)
{
	log_info("desktop_served", kv_str("deed", reset ? "reset" : "restart"));
	*view->screen.stage = '\0';
	memset(&view->answer, 0, sizeof(view->answer));
	view->screen.position = 0;
	view->screen.percent = 0;
	view->screen.why_return = RETURN_RESTARTED;
	if (reset)
		view->screen.why_return = RETURN_LOST;
	step(view, reset ? FLOW_EV_EXCHANGED : FLOW_EV_RESTARTED);
}

static void on_news(struct view *view)
{
	struct notice notice;

	while (notice_watch_take(view->watch, &notice)) {
		const char *known = texts_refused(view->screen.language, notice.what);

		log_info("notice", kv_str("kind", notice.kind), kv_str("what", notice.what));
		toasts_add(&view->toasts, strcmp(notice.kind, "message") == 0,
			   known ? known : notice.text, clock_monotonic_ms());
	}
}

static void on_link(struct view *view)
{
	OWNED(link_result_wipe) struct link_result result = { 0 };

	if (!broker_link_take(view->link, &result) || result.serial != view->serial)
		return;
	if (result.failed) {
		view->problem = result.problem;
		if (view->screen.state == FLOW_SERVING) {
			service_failed(view);
			return;
		}
		if (goes_on(view, &result))
			return;
		step(view, view->screen.state == FLOW_RETURNING &&
					   backoff_is_worth_it(result.problem.code)
				   ? FLOW_EV_LOST
				   : FLOW_EV_FAILED);
		return;
	}
	switch (result.kind) {
	case LINK_SIGN_IN:
	case LINK_CODE:
		take_sign_in(view, &result.sign_in);
		break;
	case LINK_PASSWORD:
		take_new_password(view);
		break;
	case LINK_CONNECT:
		take_connect(view, &result.connect);
		break;
	case LINK_RESTART:
	case LINK_RESET:
		take_service(view, result.kind == LINK_RESET);
		break;
	case LINK_SIGN_OUT:
		break;
	}
}

static bool awaits_session(enum flow_state state)
{
	return state == FLOW_CONNECTING || state == FLOW_REOPENING;
}

static void on_session(struct view *view)
{
	struct rdp_status status;

	atomic_store(&view->session_noticed, false);
	if (!view->session)
		return;
	rdp_session_status(view->session, &status);
	if (status.phase == RDP_ENDED) {
		problem_set(&view->problem, status.reason, status.detail);
		step(view, view->screen.state != FLOW_CONNECTING &&
					   backoff_is_worth_it(status.reason)
				   ? FLOW_EV_LOST
				   : FLOW_EV_SESSION_ENDED);
		return;
	}
	if (status.phase == RDP_ACTIVE && awaits_session(view->screen.state)) {
		view->opened_at_ms = clock_monotonic_ms();
		step(view, FLOW_EV_SESSION_ACTIVE);
		desktop_view_offer_text(&view->desktop);
	}
	desktop_view_take_text(&view->desktop);
}

/* --- input ----------------------------------------------------------------------------------- */

static void toggle_fullscreen(struct view *view)
{
	bool now = SDL_GetWindowFlags(view->window) & SDL_WINDOW_FULLSCREEN_DESKTOP;

	SDL_SetWindowFullscreen(view->window, now ? 0 : SDL_WINDOW_FULLSCREEN_DESKTOP);
	SDL_SetWindowKeyboardGrab(view->window, now ? SDL_FALSE : SDL_TRUE);
}

static bool shows_desktop(const struct view *view)
{
	enum flow_state state = view->screen.state;

	return state == FLOW_DESKTOP || screen_is_over_desktop(state);
}

static void open_menu(struct view *view)
{
	screen_open_menu(&view->screen);
	step(view, FLOW_EV_MENU);
}

/* Ctrl+Alt+Enter: full screen. Ctrl+Alt+End: leave the desktop as it is. Ctrl+Alt+Home: menu. */
static bool on_hot_key(struct view *view, const SDL_KeyboardEvent *key)
{
	bool chord = (key->keysym.mod & KMOD_CTRL) && (key->keysym.mod & KMOD_ALT);
	SDL_Scancode code = key->keysym.scancode;
	bool leave = code == SDL_SCANCODE_END && shows_desktop(view);

	bool menu = code == SDL_SCANCODE_HOME && view->screen.state == FLOW_DESKTOP;

	if (!chord || (code != SDL_SCANCODE_RETURN && !leave && !menu))
		return false;
	if (view->screen.state == FLOW_DESKTOP)
		desktop_view_release_keys(&view->desktop);
	if (leave)
		step(view, FLOW_EV_CANCEL);
	else if (menu)
		open_menu(view);
	else if (!key->repeat)
		toggle_fullscreen(view);
	return true;
}

static void act(struct view *view, enum screen_action action)
{
	switch (action) {
	case SCREEN_NOTHING:
		if (view->screen.state == FLOW_NEW_PASSWORD)
			show_title(view);	/* the two may differ */
		break;
	case SCREEN_SUBMIT:
		step(view, FLOW_EV_SUBMIT);
		break;
	case SCREEN_CHOOSE:
		choose(view, view->screen.chosen);
		break;
	case SCREEN_CANCEL:
		step(view, FLOW_EV_CANCEL);
		break;
	case SCREEN_BACK:
		step(view, FLOW_EV_BACK);
		break;
	case SCREEN_WISH:
		step(view, FLOW_EV_WISH);
		break;
	case SCREEN_CONFIRM:
		if (view->screen.state == FLOW_RECOVERY)
			take_desktops(view);
		else
			step(view, FLOW_EV_CONFIRM);
		break;
	}
}

static void on_screen_key(struct view *view, const SDL_Keysym *key)
{
	static const struct {
		SDL_Keycode code;
		enum screen_key key;
	} keys[] = {
		{ SDLK_RETURN, SCREEN_KEY_ENTER },	 { SDLK_KP_ENTER, SCREEN_KEY_ENTER },
		{ SDLK_ESCAPE, SCREEN_KEY_ESCAPE },	 { SDLK_UP, SCREEN_KEY_UP },
		{ SDLK_DOWN, SCREEN_KEY_DOWN },		 { SDLK_LEFT, SCREEN_KEY_LEFT },
		{ SDLK_RIGHT, SCREEN_KEY_RIGHT },	 { SDLK_HOME, SCREEN_KEY_HOME },
		{ SDLK_END, SCREEN_KEY_END },		 { SDLK_BACKSPACE, SCREEN_KEY_BACKSPACE },
		{ SDLK_DELETE, SCREEN_KEY_DELETE },
	};

	/* what is being composed belongs to the input method */
	if (*view->screen.composition)
		return;
	if (key->sym == SDLK_TAB)
		act(view, screen_press(&view->screen, key->mod & KMOD_SHIFT ? SCREEN_KEY_BACKTAB
									    : SCREEN_KEY_TAB));
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (key->sym == keys[i].code) {
			act(view, screen_press(&view->screen, keys[i].key));
			return;
		}
}

static void on_screen_event(struct view *view, const SDL_Event *event)
{
	struct screen *screen = &view->screen;

	switch (event->type) {
	case SDL_KEYDOWN:
		on_screen_key(view, &event->key.keysym);
		break;
	case SDL_TEXTINPUT:
		screen_type(screen, event->text.text);
		break;
	case SDL_TEXTEDITING:
		snprintf(screen->composition, sizeof(screen->composition), "%s",
			 screen->focus == FOCUS_PASSWORD || screen->state == FLOW_NEW_PASSWORD ?
				 "" :
				 event->edit.text);
		break;
	case SDL_MOUSEBUTTONDOWN:
		if (event->button.button == SDL_BUTTON_LEFT)
			act(view, screen_click(screen, &view->layout, event->button.x,
					       event->button.y));
		break;
	default:	/* SDL has more events than we have uses */
		break;
	}
}

static bool lies_in(struct screen_rect r, int x, int y)
{
	return r.w > 0 && x >= r.x && y >= r.y && x < r.x + r.w && y < r.y + r.h;
}

/* At the middle of the upper edge it comes, and goes as soon as the pointer leaves it. */
static void show_handle(struct view *view, int x, int y)
{
	int w, h;

	SDL_GetWindowSize(view->window, &w, &h);
	if (y <= 1 && x > w / 3 && x < w - w / 3 && !view->handle.w)
		view->handle = (struct screen_rect){ w / 3, 0, w / 3, 30 };
	else if (!lies_in(view->handle, x, y))
		view->handle.w = 0;
}

/* What lies above the desktop gets the mouse first. */
static bool on_overlay(struct view *view, const SDL_Event *event)
{
	if (event->type == SDL_MOUSEMOTION && view->screen.state == FLOW_DESKTOP)
		show_handle(view, event->motion.x, event->motion.y);
	if (event->type != SDL_MOUSEBUTTONDOWN)
		return false;
	for (size_t i = 0; i < view->toasts.count; i++) {
		if (!lies_in(view->toast_boxes[i], event->button.x, event->button.y))
			continue;
		toasts_remove(&view->toasts, i);
		return true;
	}
	if (view->screen.state != FLOW_DESKTOP ||
	    !lies_in(view->handle, event->button.x, event->button.y))
		return false;
	open_menu(view);
	return true;
}

static void on_event(struct view *view, const SDL_Event *event)
{
	if (event->type == SDL_QUIT)
		view->running = false;
	else if (event->type == view->notice_event && event->user.code == NOTICE_LINK)
		on_link(view);
	else if (event->type == view->notice_event && event->user.code == NOTICE_NEWS)
		on_news(view);
	else if (event->type == view->notice_event)
		on_session(view);
	else if (event->type == SDL_KEYDOWN && on_hot_key(view, &event->key))
		return;
	else if (on_overlay(view, event))
		return;
	else if (view->screen.state == FLOW_DESKTOP)
		desktop_view_event(&view->desktop, event, clock_monotonic_ms());
	else
		on_screen_event(view, event);
}

/* --- loop ------------------------------------------------------------------------------------ */

static void draw_desktop(struct view *view)
{
	enum language language = view->screen.language;
	int w, h;

	SDL_GetWindowSize(view->window, &w, &h);
	desktop_view_draw(&view->desktop);
	if (view->screen.state != FLOW_DESKTOP)
		screen_draw(&view->screen, &view->canvas, w, h, "", clock_monotonic_ms(),
			    &view->layout);
	else if (view->handle.w)
		view->handle = handle_draw(&view->canvas, language, w);
	if (view->exception_until_ms > clock_wall_ms()) {
		char text[128];

		texts_exception(language, view->exception_until_ms, text, sizeof(text));
		badge_draw(&view->canvas, text, w, h);
	}
	toasts_draw(&view->toasts, &view->canvas, language, w, view->toast_boxes);
	SDL_RenderPresent(view->renderer);
}

static void draw(struct view *view)
{
	int w, h;

	if (view->shown && shows_desktop(view)) {
		draw_desktop(view);
		return;
	}
	SDL_GetWindowSize(view->window, &w, &h);
	view->screen.caps_lock = (SDL_GetModState() & KMOD_CAPS) != 0;
	screen_draw(&view->screen, &view->canvas, w, h, view->footer, clock_monotonic_ms(),
		    &view->layout);
	SDL_RenderPresent(view->renderer);
	if (view->screen.state == FLOW_FORM || view->screen.state == FLOW_CODE) {
		SDL_Rect caret =
			screen_caret_rect(&view->screen, &view->canvas, &view->layout);

		SDL_SetTextInputRect(&caret);
	}
}

static int desktop_timeout_ms(struct view *view, int64_t now_ms)
{
	int timeout_ms = desktop_view_tick(&view->desktop, now_ms);

	if (desktop_view_wants_reopen(&view->desktop)) {
		problem_set(&view->problem, "resized", "");
		view->screen.why_return = RETURN_RESIZED;
		*view->screen.stage = '\0';
		step(view, FLOW_EV_RESIZED);
	}
	return timeout_ms;
}

static void retry_when_due(struct view *view)
{
	if (!view->retry_at_ms || clock_monotonic_ms() < view->retry_at_ms)
		return;
	view->retry_at_ms = 0;
	step(view, FLOW_EV_RETRY);
}

static int sooner(int a_ms, int b_ms)
{
	return a_ms < 0 ? b_ms : b_ms < 0 || a_ms < b_ms ? a_ms : b_ms;
}

static int next_timeout_ms(struct view *view)
{
	int64_t now_ms = clock_monotonic_ms();
	int toasts_ms = toasts_tick(&view->toasts, now_ms);

	if (view->screen.state == FLOW_DESKTOP)
		return sooner(toasts_ms, desktop_timeout_ms(view, now_ms));
	if (view->retry_at_ms)
		toasts_ms = sooner(toasts_ms, (int)(view->retry_at_ms > now_ms ?
							    view->retry_at_ms - now_ms : 0));
	return sooner(toasts_ms, screen_animation_ms(&view->screen, now_ms));
}

static void run_loop(struct view *view)
{
	SDL_Event event;

	while (view->running) {
		draw(view);
		int timeout_ms = next_timeout_ms(view);
		int got = timeout_ms < 0 ? SDL_WaitEvent(&event)
					 : SDL_WaitEventTimeout(&event, timeout_ms);

		for (; got; got = SDL_PollEvent(&event))
			on_event(view, &event);
		retry_when_due(view);
	}
}

/* --- start and end --------------------------------------------------------------------------- */

static float display_scale(SDL_Window *window, SDL_Renderer *renderer)
{
	int window_w = 1, output_w = 1, h;

	SDL_GetWindowSize(window, &window_w, &h);
	SDL_GetRendererOutputSize(renderer, &output_w, &h);
	return (float)output_w / (float)window_w;
}

/* Without a display server SDL takes a driver that draws into memory: a login nobody can see. */
static bool draws_for_nobody(void)
{
	const char *driver = SDL_GetCurrentVideoDriver();

	return !getenv("SDL_VIDEODRIVER") && driver &&
	       (strcmp(driver, "offscreen") == 0 || strcmp(driver, "dummy") == 0 ||
		strcmp(driver, "evdev") == 0);
}

static int open_window(struct view *view, struct error *err)
{
	const struct options *o = view->options;
	Uint32 flags = SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI |
		       (o->fullscreen ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0);

	SDL_SetHint(SDL_HINT_IME_SHOW_UI, "1");
	SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
	if (SDL_Init(SDL_INIT_VIDEO) || TTF_Init())
		return error_set(err, EIO, "no screen: %s", SDL_GetError());
	if (draws_for_nobody())
		return error_set(err, EIO, "no screen: neither DISPLAY nor WAYLAND_DISPLAY names a "
					   "display server that answers; --headless needs none");
	view->notice_event = SDL_RegisterEvents(1);
	view->window = SDL_CreateWindow("Genkan", SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED,
					o->width, o->height, flags);
	if (!view->window)
		return error_set(err, EIO, "no window: %s", SDL_GetError());
	view->renderer = SDL_CreateRenderer(view->window, -1, 0);
	if (!view->renderer)
		view->renderer = SDL_CreateRenderer(view->window, -1, SDL_RENDERER_SOFTWARE);
	if (!view->renderer)
		return error_set(err, EIO, "nothing to draw with: %s", SDL_GetError());
	if (o->fullscreen)
		SDL_SetWindowKeyboardGrab(view->window, SDL_TRUE);
	return canvas_init(&view->canvas, view->renderer, o->font_file,
			   display_scale(view->window, view->renderer), err);
}

/* --password-file signs in at once. */
static int begin(struct view *view, struct error *err)
{
	OWNED(secret_wipe) struct secret password = { 0 };

	snprintf(view->footer, sizeof(view->footer), "%s    %s    %s", view->options->broker,
		 GENKAN_VERSION, texts_get(view->screen.language, STR_HINT_FULLSCREEN));
	show_title(view);
	SDL_StartTextInput();
	if (!view->options->password_file)
		return 0;
	int rc = file_read_secret(view->options->password_file, &password, err);

	if (rc)
		return rc;
	text_field_insert(&view->screen.password, (const char *)password.bytes);
	act(view, screen_press(&view->screen, SCREEN_KEY_ENTER));
	return 0;
}

static void view_done(struct view *view)
{
	close_session(view);
	drop_picture(view);
	if (view->link)
		broker_link_sign_out(view->link);
	broker_link_free(view->link);
	notice_watch_free(view->watch);
	connect_answer_wipe(&view->answer);
	screen_wipe(&view->screen);
	canvas_done(&view->canvas);
	if (view->renderer)
		SDL_DestroyRenderer(view->renderer);
	if (view->window)
		SDL_DestroyWindow(view->window);
	if (TTF_WasInit())
		TTF_Quit();
	SDL_Quit();
}

int view_run(const struct options *options)
{
	struct view *view = xnew(struct view);
	struct error err = { 0 };

	view->options = options;
	view->running = true;
	screen_init(&view->screen, texts_language(options->language), options->user);
	int rc = open_window(view, &err);

	if (!rc)
		rc = notice_watch_new(options->broker, options->ca_file, on_news_notify, view,
				      &view->watch, &err);
	if (!rc)
		rc = broker_link_new(options->broker, options->ca_file, view->watch, on_link_notify,
				     view,
				     &view->link, &err);
	if (!rc)
		rc = begin(view, &err);
	if (!rc)
		run_loop(view);
	else
		fprintf(stderr, "genkan-client: %s\n", err.text);
	view_done(view);
	free(view);
	return rc ? 1 : 0;
}
