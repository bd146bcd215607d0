/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/toasts.h"

#include <stdio.h>
#include <string.h>
#include "common/base/text.h"

void toasts_remove(struct toasts *toasts, size_t index)
{
	if (index >= toasts->count)
		return;
	toasts->count--;
	memmove(&toasts->items[index], &toasts->items[index + 1],
		(toasts->count - index) * sizeof(toasts->items[0]));
}

void toasts_clear(struct toasts *toasts)
{
	toasts->count = 0;
}

void toasts_add(struct toasts *toasts, bool message, const char *text, int64_t now_ms)
{
	struct toast toast = { .message = message,
			       .until_ms = now_ms + (message ? TOAST_MESSAGE_MS : TOAST_REFUSED_MS) };
	size_t len = utf8_prefix(span_text(text), sizeof(toast.text) - 1);

	memcpy(toast.text, text, len);
	for (size_t i = 0; i < toasts->count; i++)
		if (strcmp(toasts->items[i].text, toast.text) == 0)
			toasts_remove(toasts, i--);
	if (toasts->count == TOASTS_MAX)
		toasts_remove(toasts, 0);
	toasts->items[toasts->count++] = toast;
}

int toasts_tick(struct toasts *toasts, int64_t now_ms)
{
	int64_t next_ms = -1;

	for (size_t i = 0; i < toasts->count; i++) {
		int64_t left_ms = toasts->items[i].until_ms - now_ms;

		if (left_ms <= 0)
			toasts_remove(toasts, i--);
		else if (next_ms < 0 || left_ms < next_ms)
			next_ms = left_ms;
	}
	return (int)next_ms;
}
