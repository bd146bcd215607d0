/* SPDX-License-Identifier: Apache-2.0 */
/* headless.h - the whole way from the login to the picture without a window: for tests, for
 * measurements and for "does it work from here?". */
#ifndef GENKAN_THINCLIENT_HEADLESS_H
#define GENKAN_THINCLIENT_HEADLESS_H

#include "thinclient/options.h"

/* The exit status. */
int headless_run(const struct options *options);

#endif
