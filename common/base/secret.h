/* SPDX-License-Identifier: Apache-2.0 */
/* secret.h - bytes that are wiped when they go and cannot be printed by accident. */
#ifndef GENKAN_BASE_SECRET_H
#define GENKAN_BASE_SECRET_H

#include "common/base/span.h"
#include "common/base/cleanup.h"

#define SECRET_MAX 1024

struct secret {
	size_t len;
	uint8_t bytes[SECRET_MAX + 1];	/* always followed by a NUL */
};

/* -EMSGSIZE when longer than SECRET_MAX; `out` is then empty. */
int secret_set(struct secret *out, struct span bytes) MUST_CHECK;
void secret_wipe(struct secret *s);
DEFINE_OWNED_VALUE(secret_wipe, struct secret);

/* Zeroes memory in a way the compiler keeps. */
void memory_wipe(void *ptr, size_t len);

static inline struct span secret_span(const struct secret *s)
{
	return (struct span){ s->bytes, s->len };
}

#endif
