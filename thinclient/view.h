/* SPDX-License-Identifier: Apache-2.0 */
/* view.h - the program with a window: screens, desktop, and the way between them. */
#ifndef GENKAN_THINCLIENT_VIEW_H
#define GENKAN_THINCLIENT_VIEW_H

#include "thinclient/options.h"

/* Until the window is closed. The exit status. */
int view_run(const struct options *options);

#endif
