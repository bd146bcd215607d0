/* SPDX-License-Identifier: Apache-2.0 */
/* viewport.h - where the desktop lies in the window, and back. Pure. */
#ifndef GENKAN_THINCLIENT_VIEWPORT_H
#define GENKAN_THINCLIENT_VIEWPORT_H

#include "thinclient/frame.h"

/* Unscaled when it has the window's size; else as large as fits, centred, in proportion. */
struct frame_rect viewport_fit(int desktop_w, int desktop_h, int window_w, int window_h);
/* A window position as a position on the desktop, kept inside it. */
void viewport_to_desktop(struct frame_rect fit, int desktop_w, int desktop_h, int window_x,
			 int window_y, int *x, int *y);

#endif
