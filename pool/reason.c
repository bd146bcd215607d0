/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/reason.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include "common/base/cleanup.h"

static const struct {
	const char *word;
	int http_status;
	const char *text;
} reasons[] = {
#define X(name, word, status, text) [name] = { word, status, text },
	REASONS(X)
#undef X
};

const char *reason_word(enum reason reason)
{
	assert((unsigned)reason < REASON_COUNT);
	return reasons[reason].word;
}

const char *reason_text(enum reason reason)
{
	assert((unsigned)reason < REASON_COUNT);
	return reasons[reason].text;
}

int reason_http_status(enum reason reason)
{
	assert((unsigned)reason < REASON_COUNT);
	return reasons[reason].http_status;
}

int reason_parse(const char *word, enum reason *out)
{
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
		if (strcmp(reasons[i].word, word) != 0)
			continue;
		*out = (enum reason)i;
		return 0;
	}
	return -ENOENT;
}
