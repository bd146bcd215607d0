/* SPDX-License-Identifier: Apache-2.0 */
/* Threads: the session's own thread connects, waits for FreeRDP's handles and the wake event, and
 * is the only one to send. FreeRDP may paint from the thread of a dynamic channel as well; it
 * holds its update lock then, and the frame has its own. `mutex` guards what other threads see. */
#include "thinclient/rdp_session.h"

#include <errno.h>
#include <freerdp/channels/channels.h>
#include <freerdp/client.h>
#include <freerdp/client/channels.h>
#include <freerdp/client/disp.h>
#include <freerdp/codec/color.h>
#include <freerdp/gdi/gdi.h>
#include <freerdp/gdi/gfx.h>
#include <freerdp/channels/rdpgfx.h>
#include <freerdp/scancode.h>
#include <pthread.h>
#include <stdio.h>
#include <winpr/synch.h>
#include "common/sys/clock.h"
#include "common/sys/file.h"
#include "thinclient/clipboard.h"
#include "thinclient/end_reason.h"
#include "thinclient/rdp_settings.h"

/* Servers open the channel for sizes right behind the start, if they have it. */
enum { DISP_WAIT_US = 5000000 };

enum { QUEUE_MAX = 1024, MAX_HANDLES = 64, MAX_RECTS = 64 };

struct input {
	enum { INPUT_KEY, INPUT_UNICODE, INPUT_MOUSE, INPUT_MOUSE_X, INPUT_SYNC, INPUT_SIZE,
	       INPUT_CLIPBOARD } kind;
	uint32_t code;		/* scancode, UTF-16 unit, toggles */
	uint16_t flags;
	bool down, repeat;
	int x, y;
};

struct rdp_session {
	pthread_t thread;
	rdpContext *context;
	HANDLE wake;
	struct frame *frame;
	rdp_notify_fn *notify;
	void *arg;
	char pin[65];
	char config_dir[64];
	bool pin_refused;		/* session thread */
	struct clipboard *clipboard;
	DispClientContext *disp;	/* under the mutex: the channel comes and goes */

	pthread_mutex_t mutex;
	struct rdp_status status;
	struct pointer_shape pointer;
	bool stopping;
	struct input queue[QUEUE_MAX];
	size_t queued;
};

struct session_context {
	rdpClientContext client;	/* first: FreeRDP's */
	struct rdp_session *session;
};

static struct rdp_session *session_of(rdpContext *context)
{
	return ((struct session_context *)(void *)context)->session;
}

/* --- pointer --------------------------------------------------------------------------------- */

struct pointer_image {
	rdpPointer pointer;	/* first: FreeRDP's */
	uint8_t *bgra;
};

void pointer_shape_done(struct pointer_shape *shape)
{
	free(shape->bgra);
	*shape = (struct pointer_shape){ 0 };
}

static uint8_t *copy_pixels(const uint8_t *bgra, int width, int height)
{
	size_t size = (size_t)width * (size_t)height * 4;
	uint8_t *copy = xcalloc(size, 1);

	memcpy(copy, bgra, size);
	return copy;
}

static void set_pointer(rdpContext *context, struct pointer_shape shape)
{
	struct rdp_session *session = session_of(context);

	pthread_mutex_lock(&session->mutex);
	pointer_shape_done(&session->pointer);
	session->pointer = shape;
	session->status.pointer_serial++;
	pthread_mutex_unlock(&session->mutex);
	session->notify(session->arg);
}

static BOOL on_pointer_new(rdpContext *context, rdpPointer *pointer)
{
	struct pointer_image *image = (struct pointer_image *)(void *)pointer;

	if (pointer->width == 0 || pointer->height == 0 || pointer->width > 384 ||
	    pointer->height > 384)
		return FALSE;
	image->bgra = xcalloc((size_t)pointer->width * pointer->height, 4);
	return freerdp_image_copy_from_pointer_data(
		image->bgra, PIXEL_FORMAT_BGRA32, 0, 0, 0, pointer->width, pointer->height,
		pointer->xorMaskData, pointer->lengthXorMask, pointer->andMaskData,
		pointer->lengthAndMask, pointer->xorBpp, &context->gdi->palette);
}

static void on_pointer_free(rdpContext *context, rdpPointer *pointer)
{
	struct pointer_image *image = (struct pointer_image *)(void *)pointer;

	free(STEAL(image->bgra));
}

static BOOL on_pointer_set(rdpContext *context, rdpPointer *pointer)
{
	struct pointer_image *image = (struct pointer_image *)(void *)pointer;
	int width = (int)pointer->width, height = (int)pointer->height;

	if (!image->bgra)
		return FALSE;
	set_pointer(context, (struct pointer_shape){ POINTER_IMAGE, width, height,
						     (int)pointer->xPos, (int)pointer->yPos,
						     copy_pixels(image->bgra, width, height) });
	return TRUE;
}

static BOOL on_pointer_hide(rdpContext *context)
{
	set_pointer(context, (struct pointer_shape){ .kind = POINTER_HIDDEN });
	return TRUE;
}

static BOOL on_pointer_default(rdpContext *context)
{
	set_pointer(context, (struct pointer_shape){ .kind = POINTER_DEFAULT });
	return TRUE;
}

static const rdpPointer pointer_class = {
	.size = sizeof(struct pointer_image),
	.New = on_pointer_new,
	.Free = on_pointer_free,
	.Set = on_pointer_set,
	.SetNull = on_pointer_hide,
	.SetDefault = on_pointer_default,
};

/* --- picture --------------------------------------------------------------------------------- */

static BOOL on_begin_paint(rdpContext *context)
{
	HGDI_WND window = context->gdi->primary->hdc->hwnd;

	window->invalid->null = TRUE;
	window->ninvalid = 0;
	return TRUE;
}

static size_t invalid_rects(const GDI_WND *window, struct frame_rect out[MAX_RECTS])
{
	const GDI_RGN *all = window->invalid;

	if (window->ninvalid < 1 || all->null)
		return 0;
	if (window->ninvalid > MAX_RECTS) {
		out[0] = (struct frame_rect){ all->x, all->y, all->w, all->h };
		return 1;
	}
	for (INT32 i = 0; i < window->ninvalid; i++) {
		const GDI_RGN *r = &window->cinvalid[i];

		out[i] = (struct frame_rect){ r->x, r->y, r->w, r->h };
	}
	return (size_t)window->ninvalid;
}

static BOOL on_end_paint(rdpContext *context)
{
	struct rdp_session *session = session_of(context);
	const rdpGdi *gdi = context->gdi;
	struct frame_rect rects[MAX_RECTS];
	size_t count = invalid_rects(gdi->primary->hdc->hwnd, rects);

	if (count == 0)
		return TRUE;
	frame_paint(session->frame, gdi->primary_buffer, gdi->stride, rects, count,
		    clock_monotonic_us());
	session->notify(session->arg);
	return TRUE;
}

static BOOL on_desktop_resize(rdpContext *context)
{
	struct rdp_session *session = session_of(context);
	uint32_t width = freerdp_settings_get_uint32(context->settings, FreeRDP_DesktopWidth);
	uint32_t height = freerdp_settings_get_uint32(context->settings, FreeRDP_DesktopHeight);

	if (width > FRAME_MAX_SIDE || height > FRAME_MAX_SIDE ||
	    !gdi_resize(context->gdi, width, height))
		return FALSE;
	if (frame_resize(session->frame, (int)width, (int)height))
		return FALSE;
	session->notify(session->arg);
	return TRUE;
}

/* --- channels -------------------------------------------------------------------------------- */

static void on_channel_connected(void *context, const ChannelConnectedEventArgs *e)
{
	struct rdp_session *session = session_of(context);

	if (strcmp(e->name, DISP_DVC_CHANNEL_NAME) == 0) {
		pthread_mutex_lock(&session->mutex);
		session->disp = e->pInterface;
		pthread_mutex_unlock(&session->mutex);
	} else if (strcmp(e->name, CLIPRDR_SVC_CHANNEL_NAME) == 0) {
		clipboard_attach(session->clipboard, e->pInterface);
	} else if (strcmp(e->name, RDPGFX_DVC_CHANNEL_NAME) == 0) {
		gdi_graphics_pipeline_init(((rdpContext *)context)->gdi, e->pInterface);
	}
}

static void on_channel_disconnected(void *context, const ChannelDisconnectedEventArgs *e)
{
	struct rdp_session *session = session_of(context);

	if (strcmp(e->name, DISP_DVC_CHANNEL_NAME) == 0) {
		pthread_mutex_lock(&session->mutex);
		session->disp = NULL;
		pthread_mutex_unlock(&session->mutex);
	} else if (strcmp(e->name, CLIPRDR_SVC_CHANNEL_NAME) == 0) {
		clipboard_attach(session->clipboard, NULL);
	} else if (strcmp(e->name, RDPGFX_DVC_CHANNEL_NAME) == 0) {
		gdi_graphics_pipeline_uninit(((rdpContext *)context)->gdi, e->pInterface);
	}
}

/* --- connection ------------------------------------------------------------------------------ */

static int on_verify_certificate(freerdp *instance, const BYTE *data, size_t length,
				 const char *hostname, UINT16 port, DWORD flags)
{
	struct rdp_session *session = session_of(instance->context);
	int accepted = rdp_certificate_matches(data, length, session->pin);

	session->pin_refused = !accepted;
	return accepted;	/* 1: this connection only, by our pin; 0: no */
}

static BOOL on_pre_connect(freerdp *instance)
{
	struct rdp_session *session = session_of(instance->context);

	pthread_mutex_lock(&session->mutex);
	bool stopping = session->stopping;
	pthread_mutex_unlock(&session->mutex);
	return !stopping;
}

static BOOL on_post_connect(freerdp *instance)
{
	rdpContext *context = instance->context;
	struct rdp_session *session = session_of(context);

	rdp_settings_wipe_ticket(context->settings);
	if (!gdi_init(instance, PIXEL_FORMAT_BGRX32))
		return FALSE;
	if (frame_resize(session->frame, context->gdi->width, context->gdi->height))
		return FALSE;
	graphics_register_pointer(context->graphics, &pointer_class);
	context->update->BeginPaint = on_begin_paint;
	context->update->EndPaint = on_end_paint;
	context->update->DesktopResize = on_desktop_resize;

	pthread_mutex_lock(&session->mutex);
	session->status.phase = RDP_ACTIVE;
	session->status.active_us = clock_monotonic_us();
	pthread_mutex_unlock(&session->mutex);
	session->notify(session->arg);
	return TRUE;
}

static void on_post_disconnect(freerdp *instance)
{
	gdi_free(instance);
}

static int on_logon_error(freerdp *instance, UINT32 data, UINT32 type)
{
	return 1;
}

/* A relay that sends us elsewhere is not one of ours. */
static BOOL on_redirect(freerdp *instance)
{
	return FALSE;
}

static SSIZE_T on_retry(freerdp *instance, const char *what, size_t current, void *arg)
{
	return -1;
}

static BOOL on_authenticate(freerdp *instance, char **username, char **password, char **domain,
			    rdp_auth_reason reason)
{
	return FALSE;
}

static BOOL client_new(freerdp *instance, rdpContext *context)
{
	instance->LoadChannels = device_policy_load_channels;
	instance->PreConnect = on_pre_connect;
	instance->PostConnect = on_post_connect;
	instance->PostDisconnect = on_post_disconnect;
	instance->VerifyX509Certificate = on_verify_certificate;
	instance->VerifyCertificateEx = NULL;
	instance->VerifyChangedCertificateEx = NULL;
	instance->AuthenticateEx = on_authenticate;
	instance->ChooseSmartcard = NULL;
	instance->PresentGatewayMessage = NULL;
	instance->LogonErrorInfo = on_logon_error;
	instance->GetAccessToken = NULL;
	instance->Redirect = on_redirect;
	instance->RetryDialog = on_retry;
	return TRUE;
}

static rdpContext *new_context(void)
{
	RDP_CLIENT_ENTRY_POINTS entry = {
		.Size = sizeof(RDP_CLIENT_ENTRY_POINTS_V1),
		.Version = RDP_CLIENT_INTERFACE_VERSION,
		.ContextSize = sizeof(struct session_context),
		.ClientNew = client_new,
	};

	return freerdp_client_context_new(&entry);
}

/* --- sending --------------------------------------------------------------------------------- */

static void send_size(struct rdp_session *session, int width, int height)
{
	DISPLAY_CONTROL_MONITOR_LAYOUT layout = {
		.Flags = DISPLAY_CONTROL_MONITOR_PRIMARY,
		.Width = (UINT32)width & ~1U,	/* MS-RDPEDISP 2.2.2.2.1: even, 200 to 8192 */
		.Height = (UINT32)height,
		.Orientation = ORIENTATION_LANDSCAPE,
		.DesktopScaleFactor = 100,
		.DeviceScaleFactor = 100,
	};

	pthread_mutex_lock(&session->mutex);
	if (session->disp && width >= 200 && height >= 200 && width <= FRAME_MAX_SIDE &&
	    height <= FRAME_MAX_SIDE)
		session->disp->SendMonitorLayout(session->disp, 1, &layout);
	pthread_mutex_unlock(&session->mutex);
}

static void send_unicode(rdpInput *input, uint16_t unit)
{
	freerdp_input_send_unicode_keyboard_event(input, 0, unit);
	freerdp_input_send_unicode_keyboard_event(input, KBD_FLAGS_RELEASE, unit);
}

static void send_key(rdpInput *input, const struct input *in)
{
	if (in->code != RDP_SCANCODE_PAUSE)
		freerdp_input_send_keyboard_event_ex(input, in->down, in->repeat, in->code);
	else if (in->down)	/* one fixed sequence, MS-RDPBCGR 2.2.8.1.1.3.1.1.1 */
		freerdp_input_send_keyboard_pause_event(input);
}

static void send_input(struct rdp_session *session, const struct input *in)
{
	rdpInput *input = session->context->input;

	switch (in->kind) {
	case INPUT_KEY:
		send_key(input, in);
		break;
	case INPUT_UNICODE:
		send_unicode(input, (uint16_t)in->code);
		break;
	case INPUT_MOUSE:
		freerdp_input_send_mouse_event(input, in->flags, (UINT16)in->x, (UINT16)in->y);
		break;
	case INPUT_MOUSE_X:
		freerdp_input_send_extended_mouse_event(input, in->flags, (UINT16)in->x,
							(UINT16)in->y);
		break;
	case INPUT_SYNC:
		freerdp_input_send_focus_in_event(input, (UINT16)in->code);
		break;
	case INPUT_SIZE:
		send_size(session, in->x, in->y);
		break;
	case INPUT_CLIPBOARD:
		clipboard_announce(session->clipboard);
		break;
	}
}

static bool take_input(struct rdp_session *session, struct input *out, size_t *count)
{
	pthread_mutex_lock(&session->mutex);
	bool go_on = !session->stopping;

	*count = session->queued;
	memcpy(out, session->queue, session->queued * sizeof(*out));
	session->queued = 0;
	pthread_mutex_unlock(&session->mutex);
	return go_on;
}

static bool send_queued(struct rdp_session *session)
{
	struct input inputs[QUEUE_MAX];
	size_t count;
	bool go_on = take_input(session, inputs, &count);

	for (size_t i = 0; i < count; i++)
		send_input(session, &inputs[i]);
	return go_on;
}

/* --- thread ---------------------------------------------------------------------------------- */

static void run_connected(struct rdp_session *session)
{
	HANDLE handles[MAX_HANDLES];

	while (!freerdp_shall_disconnect_context(session->context)) {
		handles[0] = session->wake;
		DWORD count = freerdp_get_event_handles(session->context, handles + 1,
							MAX_HANDLES - 1);

		if (count == 0 ||
		    WaitForMultipleObjects(count + 1, handles, FALSE, INFINITE) == WAIT_FAILED)
			return;
		if (WaitForSingleObject(session->wake, 0) == WAIT_OBJECT_0) {
			ResetEvent(session->wake);
			if (!send_queued(session))
				return;
		}
		if (!freerdp_check_event_handles(session->context))
			return;
	}
}

static void note_end(struct rdp_session *session)
{
	freerdp *instance = session->context->instance;
	struct end_facts facts = {
		.pin_refused = session->pin_refused,
		.last_error = freerdp_get_last_error(session->context),
		.error_info = freerdp_error_info(instance),
	};

	pthread_mutex_lock(&session->mutex);
	facts.asked = session->stopping;
	facts.was_active = session->status.active_us != 0;
	session->status.phase = RDP_ENDED;
	session->status.reason = end_reason(&facts);
	snprintf(session->status.detail, sizeof(session->status.detail), "%s (0x%x, 0x%x)",
		 freerdp_get_last_error_name(facts.last_error), facts.last_error, facts.error_info);
	pthread_mutex_unlock(&session->mutex);
	session->notify(session->arg);
}

static void *session_thread(void *arg)
{
	struct rdp_session *session = arg;
	freerdp *instance = session->context->instance;

	if (freerdp_connect(instance)) {
		run_connected(session);
		/* freerdp_disconnect() would replace the reason */
		note_end(session);
		freerdp_disconnect(instance);
	} else {
		note_end(session);
	}
	rdp_settings_wipe_ticket(session->context->settings);
	return NULL;
}

static int make_config_dir(struct rdp_session *session, struct error *err)
{
	snprintf(session->config_dir, sizeof(session->config_dir), "/tmp/genkan-client-XXXXXX");
	if (mkdtemp(session->config_dir))
		return 0;
	int rc = error_errno(err, "make a folder %s", session->config_dir);

	session->config_dir[0] = '\0';
	return rc;
}

static int apply_settings(struct rdp_session *session, const struct rdp_session_config *config,
			  struct error *err)
{
	rdpSettings *settings = session->context->settings;
	const struct ticket *ticket = config->ticket;
	const struct device_policy policy = { ticket->sound ? config->sound : SOUND_NONE,
					      ticket->text_to_desktop, ticket->text_from_desktop };
	int rc = rdp_settings_apply_ticket(settings, config->ticket, session->config_dir, err);

	if (!rc)
		rc = rdp_settings_apply_display(settings, config->width, config->height,
						config->keyboard_layout, err);
	if (!rc)
		rc = device_policy_apply(settings, &policy, err);
	return rc;
}

static void session_destroy(struct rdp_session *session)
{
	struct error ignored;

	if (session->context)
		freerdp_client_context_free(session->context);
	if (session->wake)
		CloseHandle(session->wake);
	if (session->config_dir[0])
		file_remove_tree(session->config_dir, &ignored);
	clipboard_free(session->clipboard);
	pointer_shape_done(&session->pointer);
	frame_free(session->frame);
	pthread_mutex_destroy(&session->mutex);
	free(session);
}

static int session_prepare(struct rdp_session *session, const struct rdp_session_config *config,
			   struct error *err)
{
	session->wake = CreateEvent(NULL, TRUE, FALSE, NULL);
	session->context = new_context();
	if (!session->wake || !session->context)
		return error_set(err, ENOMEM, "FreeRDP did not start");
	((struct session_context *)(void *)session->context)->session = session;
	PubSub_SubscribeChannelConnected(session->context->pubSub, on_channel_connected);
	PubSub_SubscribeChannelDisconnected(session->context->pubSub, on_channel_disconnected);

	int rc = make_config_dir(session, err);

	return rc ? rc : apply_settings(session, config, err);
}

int rdp_session_start(const struct rdp_session_config *config, struct rdp_session **out,
		      struct error *err)
{
	struct rdp_session *session = xnew(struct rdp_session);

	pthread_mutex_init(&session->mutex, NULL);
	session->frame = frame_new();
	session->notify = config->notify;
	session->arg = config->arg;
	session->clipboard = clipboard_new(config->ticket->text_to_desktop,
					   config->ticket->text_from_desktop, config->notify,
					   config->arg);
	memcpy(session->pin, config->ticket->certificate_sha256, sizeof(session->pin));
	int rc = session_prepare(session, config, err);

	if (!rc && pthread_create(&session->thread, NULL, session_thread, session))
		rc = error_set(err, EAGAIN, "no thread for the session");
	if (rc) {
		session_destroy(session);
		return rc;
	}
	*out = session;
	return 0;
}

void rdp_session_stop(struct rdp_session *session)
{
	pthread_mutex_lock(&session->mutex);
	session->stopping = true;
	bool active = session->status.phase == RDP_ACTIVE;
	pthread_mutex_unlock(&session->mutex);
	SetEvent(session->wake);
	if (!active)
		freerdp_abort_connect_context(session->context);
}

void rdp_session_free(struct rdp_session *session)
{
	if (!session)
		return;
	rdp_session_stop(session);
	pthread_join(session->thread, NULL);
	session_destroy(session);
}

/* --- what other threads see ------------------------------------------------------------------ */

void rdp_session_status(struct rdp_session *session, struct rdp_status *out)
{
	pthread_mutex_lock(&session->mutex);
	*out = session->status;
	pthread_mutex_unlock(&session->mutex);
}

struct frame *rdp_session_frame(struct rdp_session *session)
{
	return session->frame;
}

void rdp_session_pointer(struct rdp_session *session, struct pointer_shape *out)
{
	pthread_mutex_lock(&session->mutex);
	*out = session->pointer;
	if (out->bgra)
		out->bgra = copy_pixels(out->bgra, out->width, out->height);
	pthread_mutex_unlock(&session->mutex);
}

static bool is_motion(const struct input *in)
{
	return in->kind == INPUT_MOUSE && in->flags == PTR_FLAGS_MOVE;
}

static void enqueue(struct rdp_session *session, struct input in)
{
	pthread_mutex_lock(&session->mutex);
	struct input *last = session->queued ? &session->queue[session->queued - 1] : NULL;

	if (session->status.phase != RDP_ACTIVE)
		;	/* nobody listens */
	else if (last && is_motion(last) && is_motion(&in))
		*last = in;
	else if (session->queued < QUEUE_MAX)
		session->queue[session->queued++] = in;
	pthread_mutex_unlock(&session->mutex);
	SetEvent(session->wake);
}

void rdp_session_key(struct rdp_session *session, uint32_t rdp_scancode, bool down, bool repeat)
{
	enqueue(session, (struct input){ .kind = INPUT_KEY, .code = rdp_scancode, .down = down,
					 .repeat = repeat });
}

void rdp_session_unicode(struct rdp_session *session, uint16_t utf16_unit)
{
	enqueue(session, (struct input){ .kind = INPUT_UNICODE, .code = utf16_unit });
}

void rdp_session_mouse(struct rdp_session *session, uint16_t flags, int x, int y)
{
	enqueue(session, (struct input){ .kind = INPUT_MOUSE, .flags = flags, .x = x, .y = y });
}

void rdp_session_mouse_extended(struct rdp_session *session, uint16_t flags, int x, int y)
{
	enqueue(session, (struct input){ .kind = INPUT_MOUSE_X, .flags = flags, .x = x, .y = y });
}

void rdp_session_sync_locks(struct rdp_session *session, uint16_t toggles)
{
	enqueue(session, (struct input){ .kind = INPUT_SYNC, .code = toggles });
}

void rdp_session_resize(struct rdp_session *session, int width, int height)
{
	enqueue(session, (struct input){ .kind = INPUT_SIZE, .x = width, .y = height });
}

void rdp_session_offer_text(struct rdp_session *session, const char *utf8)
{
	clipboard_offer(session->clipboard, utf8);
	enqueue(session, (struct input){ .kind = INPUT_CLIPBOARD });
}

char *rdp_session_take_text(struct rdp_session *session)
{
	return clipboard_take(session->clipboard);
}

bool rdp_session_can_resize(struct rdp_session *session)
{
	pthread_mutex_lock(&session->mutex);
	bool can = session->disp || !session->status.active_us ||
		   clock_monotonic_us() < session->status.active_us + DISP_WAIT_US;
	pthread_mutex_unlock(&session->mutex);
	return can;
}
