/* SPDX-License-Identifier: Apache-2.0 */
/* session_io.h - the user's session from outside: a window with a text in it, and its end. */
#ifndef GENKAN_GUEST_SESSION_IO_H
#define GENKAN_GUEST_SESSION_IO_H

#include <stdint.h>
#include "common/base/error.h"

/* Starts the image's window program in the user's session. -ESRCH: there is no session to show it
 * in yet. Returns at once; the window stays until the user closes it. */
int session_show(const char *user, const char *text, struct error *err) MUST_CHECK;

/* Starts another process of this program that ends the session with session_end(). Returns at
 * once. `stay` is what the daemon knows the session by. */
int session_end_start(const char *user, int64_t stay, struct error *err) MUST_CHECK;

/* Programs are told to end, then the session itself; what is still there after a while is killed.
 * The session manager tells the logoff then; if it does not, the daemon is told from here. */
int session_end(const char *user, const char *stay, struct error *err) MUST_CHECK;

#endif
