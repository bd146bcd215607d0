/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* vsnprintf that tells how much is really there; never more than size - 1. */
static size_t format_into(char *out, size_t size, const char *fmt, va_list args)
	__attribute__((format(printf, 3, 0)));

static size_t format_into(char *out, size_t size, const char *fmt, va_list args)
{
	int wanted = vsnprintf(out, size, fmt, args);

	if (wanted < 0) {
		out[0] = '\0';
		return 0;
	}
	return (size_t)wanted < size ? (size_t)wanted : size - 1;
}

int error_set(struct error *err, int code, const char *fmt, ...)
{
	if (err) {
		va_list args;

		va_start(args, fmt);
		format_into(err->text, sizeof(err->text), fmt, args);
		va_end(args);
		err->code = code;
	}
	return -code;
}

int error_errno(struct error *err, const char *fmt, ...)
{
	int code = errno ? errno : EIO;

	if (err) {
		va_list args;
		size_t len;

		va_start(args, fmt);
		len = format_into(err->text, sizeof(err->text), fmt, args);
		va_end(args);
		snprintf(err->text + len, sizeof(err->text) - len, ": %s", strerror(code));
		err->code = code;
	}
	return -code;
}

int error_prefix(struct error *err, const char *fmt, ...)
{
	if (!err)
		return -EINVAL;

	char old[sizeof(err->text)];
	va_list args;
	size_t len;

	memcpy(old, err->text, sizeof(old));
	va_start(args, fmt);
	len = format_into(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	snprintf(err->text + len, sizeof(err->text) - len, ": %s", old);
	return -err->code;
}
