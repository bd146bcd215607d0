/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/desktop_view.h"

#include <freerdp/input.h>
#include "thinclient/keymap.h"
#include "thinclient/viewport.h"

/* A session that must be opened anew for its size waits longer for the window to rest. */
enum { RESIZE_REST_MS = 250, REOPEN_REST_MS = 1000, WHEEL_STEP = 120 };

void desktop_view_init(struct desktop_view *view, SDL_Renderer *renderer,
		       struct rdp_session *session)
{
	*view = (struct desktop_view){ .renderer = renderer };
	desktop_view_attach(view, session);
}

void desktop_view_detach(struct desktop_view *view)
{
	view->session = NULL;
	view->paused = false;
	view->stale = true;
	view->resize_at_ms = 0;
	view->reopen = false;
	memset(view->down, 0, sizeof(view->down));
}

void desktop_view_attach(struct desktop_view *view, struct rdp_session *session)
{
	view->session = session;
	view->pointer_serial = 0;
	SDL_GetRendererOutputSize(view->renderer, &view->asked_width, &view->asked_height);
}

void desktop_view_done(struct desktop_view *view)
{
	if (view->texture)
		SDL_DestroyTexture(view->texture);
	SDL_SetCursor(SDL_GetDefaultCursor());
	SDL_ShowCursor(SDL_ENABLE);
	if (view->cursor)
		SDL_FreeCursor(view->cursor);
	free(view->desktop_text);
	*view = (struct desktop_view){ 0 };
}

/* --- picture --------------------------------------------------------------------------------- */

static bool fit_texture(struct desktop_view *view, const struct frame_state *state)
{
	if (view->texture && !view->stale && view->resizes == state->resizes)
		return true;
	if (view->texture)
		SDL_DestroyTexture(view->texture);
	view->texture = SDL_CreateTexture(view->renderer, SDL_PIXELFORMAT_XRGB8888,
					  SDL_TEXTUREACCESS_STREAMING, state->width, state->height);
	view->width = state->width;
	view->height = state->height;
	view->resizes = state->resizes;
	if (view->texture)
		SDL_SetTextureScaleMode(view->texture, SDL_ScaleModeLinear);
	return false;
}

static void upload(struct desktop_view *view)
{
	struct frame *frame = rdp_session_frame(view->session);
	struct frame_rect dirty[FRAME_MAX_DIRTY];
	struct frame_state state;
	size_t stride, count;
	const uint8_t *pixels = frame_lock(frame, &state, &stride);

	if (pixels && (!view->stale || state.paints > 0 || !view->texture)) {
		bool fitted = fit_texture(view, &state);

		view->stale = false;
		count = frame_take_dirty(frame, dirty);
		if (!fitted) {	/* a new texture holds nothing yet */
			dirty[0] = (struct frame_rect){ 0, 0, state.width, state.height };
			count = 1;
		}
		for (size_t i = 0; view->texture && i < count; i++) {
			SDL_Rect r = { dirty[i].x, dirty[i].y, dirty[i].w, dirty[i].h };

			SDL_UpdateTexture(view->texture, &r,
					  pixels + (size_t)r.y * stride + (size_t)r.x * 4,
					  (int)stride);
		}
	}
	frame_unlock(frame);
}

static void show_pointer(struct desktop_view *view, struct pointer_shape *shape)
{
	SDL_Cursor *cursor = NULL;
	SDL_Surface *surface = NULL;

	if (shape->kind == POINTER_IMAGE)
		surface = SDL_CreateRGBSurfaceWithFormatFrom(shape->bgra, shape->width,
							     shape->height, 32, shape->width * 4,
							     SDL_PIXELFORMAT_BGRA32);
	if (surface)
		cursor = SDL_CreateColorCursor(surface, shape->hot_x, shape->hot_y);
	SDL_FreeSurface(surface);
	SDL_SetCursor(cursor ? cursor : SDL_GetDefaultCursor());
	SDL_ShowCursor(shape->kind == POINTER_HIDDEN ? SDL_DISABLE : SDL_ENABLE);
	if (view->cursor)
		SDL_FreeCursor(view->cursor);
	view->cursor = cursor;
}

static void update_pointer(struct desktop_view *view)
{
	struct rdp_status status;
	struct pointer_shape shape;

	rdp_session_status(view->session, &status);
	if (status.pointer_serial == view->pointer_serial)
		return;
	view->pointer_serial = status.pointer_serial;
	rdp_session_pointer(view->session, &shape);
	show_pointer(view, &shape);
	pointer_shape_done(&shape);
}

static struct frame_rect fit(const struct desktop_view *view)
{
	int w = 1, h = 1;

	SDL_GetRendererOutputSize(view->renderer, &w, &h);
	return viewport_fit(view->width, view->height, w, h);
}

static void dim(struct desktop_view *view)
{
	SDL_BlendMode before = SDL_BLENDMODE_NONE;

	SDL_GetRenderDrawBlendMode(view->renderer, &before);
	SDL_SetRenderDrawBlendMode(view->renderer, SDL_BLENDMODE_BLEND);
	SDL_SetRenderDrawColor(view->renderer, 0, 0, 0, 150);
	SDL_RenderFillRect(view->renderer, NULL);
	SDL_SetRenderDrawBlendMode(view->renderer, before);	/* canvas.c relies on its own */
}

void desktop_view_draw(struct desktop_view *view)
{
	if (view->session) {
		upload(view);
		if (!view->paused)
			update_pointer(view);
	}
	SDL_SetRenderDrawColor(view->renderer, 0, 0, 0, 0xFF);
	SDL_RenderClear(view->renderer);
	if (view->texture) {
		struct frame_rect r = fit(view);

		SDL_RenderCopy(view->renderer, view->texture, NULL,
			       &(SDL_Rect){ r.x, r.y, r.w, r.h });
	}
	if (view->stale || view->paused)
		dim(view);
}

static void sync_locks(struct desktop_view *view);

void desktop_view_pause(struct desktop_view *view, bool paused)
{
	if (view->paused == paused || !view->session)
		return;
	view->paused = paused;
	if (paused) {
		desktop_view_release_keys(view);
		SDL_SetCursor(SDL_GetDefaultCursor());
		SDL_ShowCursor(SDL_ENABLE);
	} else {
		view->pointer_serial = 0;	/* its shape again */
		sync_locks(view);
	}
}

/* --- input ----------------------------------------------------------------------------------- */

static void send_key(struct desktop_view *view, SDL_Scancode key, bool down, bool repeat)
{
	uint32_t code = keymap_rdp_scancode(key);

	if (!code || (!down && !view->down[key]))
		return;
	view->down[key] = down;
	rdp_session_key(view->session, code, down, repeat);
}

void desktop_view_release_keys(struct desktop_view *view)
{
	for (int key = 0; key < SDL_NUM_SCANCODES; key++)
		if (view->down[key])
			send_key(view, (SDL_Scancode)key, false, false);
}

static void sync_locks(struct desktop_view *view)
{
	SDL_Keymod mod = SDL_GetModState();
	uint16_t toggles = 0;

	toggles |= (mod & KMOD_NUM) ? KBD_SYNC_NUM_LOCK : 0;
	toggles |= (mod & KMOD_CAPS) ? KBD_SYNC_CAPS_LOCK : 0;
	toggles |= (mod & KMOD_SCROLL) ? KBD_SYNC_SCROLL_LOCK : 0;
	rdp_session_sync_locks(view->session, toggles);
}

static void desktop_position(const struct desktop_view *view, int window_x, int window_y, int *x,
			     int *y)
{
	int output_w = 1, output_h = 1, window_w = 1, window_h = 1;
	SDL_Window *window = SDL_RenderGetWindow(view->renderer);

	SDL_GetRendererOutputSize(view->renderer, &output_w, &output_h);
	SDL_GetWindowSize(window, &window_w, &window_h);
	viewport_to_desktop(fit(view), view->width, view->height,
			    (int)((int64_t)window_x * output_w / window_w),
			    (int)((int64_t)window_y * output_h / window_h), x, y);
}

static void on_button(struct desktop_view *view, const SDL_MouseButtonEvent *button)
{
	static const struct {
		bool extended;
		uint16_t flag;
	} buttons[] = {
		[SDL_BUTTON_LEFT] = { false, PTR_FLAGS_BUTTON1 },
		[SDL_BUTTON_MIDDLE] = { false, PTR_FLAGS_BUTTON3 },
		[SDL_BUTTON_RIGHT] = { false, PTR_FLAGS_BUTTON2 },
		[SDL_BUTTON_X1] = { true, PTR_XFLAGS_BUTTON1 },
		[SDL_BUTTON_X2] = { true, PTR_XFLAGS_BUTTON2 },
	};
	bool down = button->state == SDL_PRESSED;
	int x, y;

	if (button->button >= ARRAY_LEN(buttons) || !buttons[button->button].flag)
		return;
	desktop_position(view, button->x, button->y, &x, &y);
	uint16_t flags = buttons[button->button].flag;

	if (buttons[button->button].extended)
		rdp_session_mouse_extended(view->session, flags | (down ? PTR_XFLAGS_DOWN : 0), x,
					   y);
	else
		rdp_session_mouse(view->session, flags | (down ? PTR_FLAGS_DOWN : 0), x, y);
	SDL_CaptureMouse(down);
}

/* Nine bits, two's complement: MS-RDPBCGR 2.2.8.1.1.3.1.1.3. */
static void send_wheel(struct desktop_view *view, uint16_t axis, int steps)
{
	int units = steps * WHEEL_STEP;

	units = units > 255 ? 255 : units < -255 ? -255 : units;
	uint16_t flags = (uint16_t)(axis | (units & 0xFF) |
				    (units < 0 ? PTR_FLAGS_WHEEL_NEGATIVE : 0));

	if (units)
		rdp_session_mouse(view->session, flags, 0, 0);
}

static void on_wheel(struct desktop_view *view, const SDL_MouseWheelEvent *wheel)
{
	int sign = wheel->direction == SDL_MOUSEWHEEL_FLIPPED ? -1 : 1;

	send_wheel(view, PTR_FLAGS_WHEEL, sign * wheel->y);
	send_wheel(view, PTR_FLAGS_HWHEEL, sign * wheel->x);
}

/* --- clipboard ------------------------------------------------------------------------------- */

void desktop_view_offer_text(struct desktop_view *view)
{
	char *text = SDL_GetClipboardText();

	/* what the desktop put there itself is not offered back to it */
	if (text && (!view->desktop_text || strcmp(text, view->desktop_text) != 0))
		rdp_session_offer_text(view->session, text);
	SDL_free(text);
}

void desktop_view_take_text(struct desktop_view *view)
{
	char *text = rdp_session_take_text(view->session);

	if (!text)
		return;
	free(view->desktop_text);
	view->desktop_text = text;
	SDL_SetClipboardText(text);
}

static void on_window(struct desktop_view *view, const SDL_WindowEvent *window, int64_t now_ms)
{
	if (!view->session)
		return;
	if (window->event == SDL_WINDOWEVENT_FOCUS_LOST)
		desktop_view_release_keys(view);
	if (window->event == SDL_WINDOWEVENT_FOCUS_GAINED)
		sync_locks(view);
	if (window->event == SDL_WINDOWEVENT_SIZE_CHANGED)
		view->resize_at_ms = now_ms + RESIZE_REST_MS;
}

void desktop_view_event(struct desktop_view *view, const SDL_Event *event, int64_t now_ms)
{
	int x, y;

	if (event->type == SDL_WINDOWEVENT)
		on_window(view, &event->window, now_ms);
	if (!view->texture || !view->session)
		return;
	switch (event->type) {
	case SDL_CLIPBOARDUPDATE:
		desktop_view_offer_text(view);
		break;
	case SDL_KEYDOWN:
	case SDL_KEYUP:
		send_key(view, event->key.keysym.scancode, event->type == SDL_KEYDOWN,
			 event->key.repeat != 0);
		break;
	case SDL_MOUSEMOTION:
		desktop_position(view, event->motion.x, event->motion.y, &x, &y);
		rdp_session_mouse(view->session, PTR_FLAGS_MOVE, x, y);
		break;
	case SDL_MOUSEBUTTONDOWN:
	case SDL_MOUSEBUTTONUP:
		on_button(view, &event->button);
		break;
	case SDL_MOUSEWHEEL:
		on_wheel(view, &event->wheel);
		break;
	default:	/* SDL has more events than we have uses */
		break;
	}
}

/* The wish goes to the session, or the session has to go. */
static void settle(struct desktop_view *view)
{
	int w, h;

	view->resize_at_ms = 0;
	if (SDL_GetRendererOutputSize(view->renderer, &w, &h) ||
	    (w == view->asked_width && h == view->asked_height))
		return;
	if (rdp_session_can_resize(view->session)) {
		view->asked_width = w;
		view->asked_height = h;
		rdp_session_resize(view->session, w, h);
	} else {
		view->reopen = true;
	}
}

int desktop_view_tick(struct desktop_view *view, int64_t now_ms)
{
	int64_t at_ms = view->resize_at_ms;

	if (!at_ms || !view->session)
		return -1;
	if (!rdp_session_can_resize(view->session))
		at_ms += REOPEN_REST_MS - RESIZE_REST_MS;
	if (now_ms < at_ms)
		return (int)(at_ms - now_ms);
	settle(view);
	return -1;
}

bool desktop_view_wants_reopen(struct desktop_view *view)
{
	bool wants = view->reopen;

	view->reopen = false;
	return wants;
}
