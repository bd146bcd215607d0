/* SPDX-License-Identifier: Apache-2.0 */
/* toasts.h - lines that are shown above everything else for a while. Pure. */
#ifndef GENKAN_THINCLIENT_TOASTS_H
#define GENKAN_THINCLIENT_TOASTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TOASTS_MAX = 3, TOAST_REFUSED_MS = 12000, TOAST_MESSAGE_MS = 60000 };

struct toast {
	bool message;		/* of an administrator; else something was refused */
	int64_t until_ms;
	char text[1001];
};
struct toasts {
	struct toast items[TOASTS_MAX];	/* newest last */
	size_t count;
};

/* The oldest goes when there are too many; a text that is shown already stays for longer. */
void toasts_add(struct toasts *toasts, bool message, const char *text, int64_t now_ms);
void toasts_remove(struct toasts *toasts, size_t index);
void toasts_clear(struct toasts *toasts);
/* Takes away what has been there for long enough. Milliseconds until the next, or -1. */
int toasts_tick(struct toasts *toasts, int64_t now_ms);

#endif
