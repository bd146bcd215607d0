/* SPDX-License-Identifier: Apache-2.0 */
/* error.h - the reason of a failure, for a person: a code and a fixed text, nothing to free.
 * Every function that takes `struct error *err` accepts NULL there. */
#ifndef GENKAN_BASE_ERROR_H
#define GENKAN_BASE_ERROR_H

#include "common/base/cleanup.h"

struct error {
	int code;	/* positive errno */
	char text[320];	/* UTF-8, always terminated, one line */
};

/* Each returns the negative errno, so that `return error_set(err, EINVAL, ...)` reads well. */
int error_set(struct error *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The message followed by ": " and strerror(errno); the code is errno. */
int error_errno(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Puts "text: " before what is there. */
int error_prefix(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
