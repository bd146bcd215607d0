/* SPDX-License-Identifier: Apache-2.0 */
/* clipboard.h - text between this machine's clipboard and the desktop's, each way only when the
 * ticket allows it. Nothing but text is ever offered, asked for or answered.
 *
 * The channel calls in on FreeRDP's threads; the window's thread offers and takes. A lock of its
 * own guards what they share, and is never held while FreeRDP is called. */
#ifndef GENKAN_THINCLIENT_CLIPBOARD_H
#define GENKAN_THINCLIENT_CLIPBOARD_H

#include <freerdp/client/cliprdr.h>
#include <stdbool.h>

#define CLIPBOARD_TEXT_MAX 65536	/* bytes of UTF-16 with its NUL, as the relay has it */

struct clipboard;

/* Called when text of the desktop has arrived, on FreeRDP's thread. */
typedef void clipboard_notify_fn(void *arg);

struct clipboard *clipboard_new(bool to_desktop, bool from_desktop, clipboard_notify_fn *notify,
				void *arg);
/* Wipes the texts. Accepts NULL. */
void clipboard_free(struct clipboard *clipboard);

/* The channel comes and goes; NULL for gone. */
void clipboard_attach(struct clipboard *clipboard, CliprdrClientContext *channel);

/* Window: this machine's clipboard has changed. "" or what is too long counts as nothing. The
 * desktop is told by clipboard_announce(), and gets the text when it asks. */
void clipboard_offer(struct clipboard *clipboard, const char *utf8);
/* Session thread: tells the desktop what clipboard_offer() left. */
void clipboard_announce(struct clipboard *clipboard);

/* Window: text of the desktop that was not taken yet; malloc'ed, or NULL. */
char *clipboard_take(struct clipboard *clipboard);

#endif
