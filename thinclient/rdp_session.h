/* SPDX-License-Identifier: Apache-2.0 */
/* rdp_session.h - one RDP connection, from a ticket to the reason of its end.
 *
 * Owns a thread that does everything with FreeRDP, and knows nothing of windows: the picture is
 * in a frame, input arrives through a queue, changes are announced by `notify`. A session is used
 * once: a new connection needs a new ticket and a new object. */
#ifndef GENKAN_THINCLIENT_RDP_SESSION_H
#define GENKAN_THINCLIENT_RDP_SESSION_H

#include "common/base/error.h"
#include "thinclient/broker_api.h"
#include "thinclient/device_policy.h"
#include "thinclient/frame.h"

struct rdp_session;

/* Called on threads of the session; must not call back into it. */
typedef void rdp_notify_fn(void *arg);

struct rdp_session_config {
	const struct ticket *ticket;	/* borrowed for the call, copied, wiped after use */
	int width, height;
	enum sound_output sound;
	uint32_t keyboard_layout;	/* Windows layout id; 0 = by locale */
	rdp_notify_fn *notify;
	void *arg;
};

enum rdp_phase { RDP_CONNECTING, RDP_ACTIVE, RDP_ENDED };

struct rdp_status {
	enum rdp_phase phase;
	int64_t active_us;		/* clock when the desktop was reached, 0 before */
	const char *reason;		/* RDP_ENDED: see end_reason.h */
	char detail[128];		/* RDP_ENDED: FreeRDP's words, for the log */
	unsigned pointer_serial;	/* changes with the pointer's shape */
};

struct pointer_shape {
	enum { POINTER_DEFAULT, POINTER_HIDDEN, POINTER_IMAGE } kind;
	int width, height, hot_x, hot_y;
	uint8_t *bgra;			/* POINTER_IMAGE; malloc'ed */
};
void pointer_shape_done(struct pointer_shape *shape);

int rdp_session_start(const struct rdp_session_config *config, struct rdp_session **out,
		      struct error *err) MUST_CHECK;
/* Asks for the end and returns at once; the end is announced. */
void rdp_session_stop(struct rdp_session *session);
/* Stops and waits for the thread. */
void rdp_session_free(struct rdp_session *session);
DEFINE_OWNED(rdp_session_free, struct rdp_session);

void rdp_session_status(struct rdp_session *session, struct rdp_status *out);
struct frame *rdp_session_frame(struct rdp_session *session);
/* A copy of the present shape. */
void rdp_session_pointer(struct rdp_session *session, struct pointer_shape *out);

/* Input. Dropped before RDP_ACTIVE, after the end, and when the queue is full. */
void rdp_session_key(struct rdp_session *session, uint32_t rdp_scancode, bool down, bool repeat);
void rdp_session_unicode(struct rdp_session *session, uint16_t utf16_unit);
/* Flags of MS-RDPBCGR 2.2.8.1.1.3.1.1.3 (PTR_*) and ...1.1.4 (PTR_XFLAGS_*). */
void rdp_session_mouse(struct rdp_session *session, uint16_t flags, int x, int y);
void rdp_session_mouse_extended(struct rdp_session *session, uint16_t flags, int x, int y);
/* Lock keys (KBD_SYNC_*); also tells the desktop that no other key is down. */
void rdp_session_sync_locks(struct rdp_session *session, uint16_t toggles);
/* Wishes for another desktop size; the frame's size tells when it was granted. */
void rdp_session_resize(struct rdp_session *session, int width, int height);

/* Whether the desktop can take another size while it is shown: true also as long as that is not
 * known yet. */
bool rdp_session_can_resize(struct rdp_session *session);

/* Clipboard, as far as the ticket allows; see clipboard.h. */
void rdp_session_offer_text(struct rdp_session *session, const char *utf8);
char *rdp_session_take_text(struct rdp_session *session);

#endif
