/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/pool_diff.h"

#include <string.h>

static void put_value(const json_t *value, struct buf *out)
{
	OWNED(free) char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	buf_put_text(out, text ? text : "(none)");
}

/* The state of a pool, not part of its definition. */
static bool is_state(const char *key)
{
	return strcmp(key, "counts") == 0 || strcmp(key, "troubles") == 0 ||
	       strcmp(key, "push") == 0;
}

/* Keys that go away. */
static void removed(const char *path, const json_t *before, const json_t *after, struct buf *out)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)before, key, value) {
		if (json_object_get(after, key) || is_state(key))
			continue;
		buf_printf(out, "  %s%s%s: ", path, *path ? "." : "", key);
		put_value(value, out);
		buf_put_text(out, " -> (none)\n");
	}
}

static void compare(const char *path, const json_t *before, const json_t *after, struct buf *out)
{
	const char *key;
	json_t *value;

	removed(path, before, after, out);
	json_object_foreach((json_t *)after, key, value) {
		OWNED(buf_done) struct buf name = BUF_LIMIT(256);
		const json_t *old = json_object_get(before, key);

		buf_printf(&name, "%s%s%s", path, *path ? "." : "", key);
		if (json_is_object(value)) {
			compare(buf_text(&name), old, value, out);
			continue;
		}
		if (json_equal(old, value))
			continue;
		buf_printf(out, "  %s: ", buf_text(&name));
		put_value(old, out);
		buf_put_text(out, " -> ");
		put_value(value, out);
		buf_put_u8(out, '\n');
	}
}

void pool_diff_lines(const json_t *before, const json_t *after, struct buf *out)
{
	compare("", before, after, out);
}
