/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/cleanup.h"

#include <string.h>

void *xcalloc(size_t count, size_t size)
{
	void *memory = calloc(count ? count : 1, size ? size : 1);

	if (!memory)
		abort();
	return memory;
}

void *xrealloc(void *old, size_t size)
{
	void *memory = realloc(old, size ? size : 1);

	if (!memory)
		abort();
	return memory;
}

char *xstrdup(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		abort();
	return copy;
}

void *try_alloc(size_t size, size_t limit)
{
	return size > limit ? NULL : calloc(1, size ? size : 1);
}
