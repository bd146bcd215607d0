/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/settings.h"

#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include "common/base/cleanup.h"

struct wanted {
	const char *section, *key;
	char *found;
};

static int on_entry(void *arg, const char *section, const char *key, const char *value)
{
	struct wanted *wanted = arg;

	if (strcmp(section, wanted->section) == 0 && strcmp(key, wanted->key) == 0) {
		free(wanted->found);
		wanted->found = xstrdup(value);
	}
	return 1;
}

char *ini_value(const char *path, const char *section, const char *key, const char *fallback)
{
	struct wanted wanted = { section, key, NULL };

	ini_parse(path, on_entry, &wanted);
	if (!wanted.found && fallback)
		wanted.found = xstrdup(fallback);
	return wanted.found;
}
