/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/pool_diff.h"

#include <string.h>
#include "common/data/yaml_write.h"
#include "ctl/pool_file.h"

/* A key that is not in the file, because its value stands for nothing. */
static bool is_nothing(const struct yamlf_field *field, const struct pool *pool)
{
	const void *slot = (const char *)pool + field->offset;

	if (field->type == YAMLF_TEXT)
		return *(const char *)slot == '\0';
	if (field->type == YAMLF_BYTES || (field->type == YAMLF_INT && field->min > 0))
		return *(const int64_t *)slot == 0;
	return false;
}

static void put_value(const struct yamlf_field *field, const struct pool *pool, struct buf *out)
{
	if (is_nothing(field, pool))
		buf_put_text(out, "nothing");
	else
		yamlf_value_text(field, pool, out);
}

static void compare(const char *path, const struct yamlf_field *fields, const struct pool *before,
		    const struct pool *after, struct buf *out)
{
	for (const struct yamlf_field *f = fields; f->type != YAMLF_END; f++) {
		OWNED(buf_done) struct buf name = BUF_LIMIT(256);
		OWNED(buf_done) struct buf old = { 0 };
		OWNED(buf_done) struct buf new = { 0 };

		buf_printf(&name, "%s%s%s", path, *path ? "." : "", f->key);
		if (f->type == YAMLF_MAP) {
			compare(buf_text(&name), f->fields, before, after, out);
			continue;
		}
		put_value(f, before, &old);
		put_value(f, after, &new);
		if (strcmp(buf_text(&old), buf_text(&new)) == 0)
			continue;
		buf_printf(out, "  %s: %s becomes %s", buf_text(&name), buf_text(&old),
			   buf_text(&new));
		if (f->help)
			buf_printf(out, " (%s)", f->help);
		buf_put_u8(out, '\n');
	}
}

void pool_diff_lines(const struct pool *before, const struct pool *after, struct buf *out)
{
	compare("", pool_fields, before, after, out);
}
