/* SPDX-License-Identifier: Apache-2.0 */
#include "common/data/yaml_write.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Words that other readers of YAML take for something else than a text. */
static bool means_something(const char *text)
{
	static const char *const words[] = { "true", "false", "yes", "no", "on",
					     "off",  "null",  "y",   "n" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcasecmp(text, words[i]) == 0)
			return true;
	return strspn(text, "0123456789.eE_-+xob") == strlen(text);
}

static bool needs_no_quotes(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || text[len - 1] == ' ' || (!isalnum((unsigned char)text[0]) && text[0] > 0))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && text[i] > 0 && !strchr(" _./()-", text[i]))
			return false;
	return !means_something(text);
}

static void put_text(const char *text, struct buf *out)
{
	if (needs_no_quotes(text)) {
		buf_put_text(out, text);
		return;
	}
	buf_put_u8(out, '"');
	for (const char *p = text; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_printf(out, "\\%c", *p);
		else if (*p > 0 && (*p < 0x20 || *p == 0x7f))
			buf_printf(out, "\\x%02x", *p);
		else
			buf_put_u8(out, (uint8_t)*p);
	}
	buf_put_u8(out, '"');
}

/* The largest unit that leaves no rest. */
static void put_bytes(int64_t bytes, struct buf *out)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	int64_t number = bytes >> 10;
	size_t unit = 0;

	while (number && number % 1024 == 0 && unit + 1 < ARRAY_LEN(units)) {
		number >>= 10;
		unit++;
	}
	buf_printf(out, "%lld %s", (long long)number, units[unit]);
}

static size_t text_count(const struct yamlf_field *field, const void *base)
{
	return *(const size_t *)(const void *)((const char *)base + field->count_offset);
}

static const char *text_at(const struct yamlf_field *field, const void *base, size_t i)
{
	return (const char *)base + field->offset + i * field->size;
}

void yamlf_value_text(const struct yamlf_field *field, const void *base, struct buf *out)
{
	const void *slot = (const char *)base + field->offset;

	switch (field->type) {
	case YAMLF_TEXT:
		put_text(slot, out);
		break;
	case YAMLF_INT:
		buf_printf(out, "%lld", (long long)*(const int64_t *)slot);
		break;
	case YAMLF_BYTES:
		put_bytes(*(const int64_t *)slot, out);
		break;
	case YAMLF_WORD:
		field->format(field, slot, out);
		break;
	case YAMLF_TEXTS:
		buf_put_u8(out, '[');
		for (size_t i = 0; i < text_count(field, base); i++) {
			buf_put_text(out, i ? ", " : "");
			put_text(text_at(field, base, i), out);
		}
		buf_put_u8(out, ']');
		break;
	case YAMLF_MAP:
	case YAMLF_END:
		break;
	}
}

static bool is_usual(const struct yamlf_field *field, const void *value, const void *usual)
{
	OWNED(buf_done) struct buf a = { 0 };
	OWNED(buf_done) struct buf b = { 0 };

	if (field->type == YAMLF_TEXTS)
		return text_count(field, value) == 0;
	if (field->required)
		return false;
	yamlf_value_text(field, value, &a);
	yamlf_value_text(field, usual, &b);
	return strcmp(buf_text(&a), buf_text(&b)) == 0;
}

static void put_list(const struct yamlf_field *field, const void *value, int depth, struct buf *out)
{
	buf_put_u8(out, '\n');
	for (size_t i = 0; i < text_count(field, value); i++) {
		buf_printf(out, "%*s- ", depth * 2 + 2, "");
		put_text(text_at(field, value, i), out);
		buf_put_u8(out, '\n');
	}
}

static void put_map(const struct yamlf_field *fields, const void *value, const void *usual,
		    int depth, struct buf *out);

static void put_field(const struct yamlf_field *field, const void *value, const void *usual,
		      int depth, struct buf *out)
{
	if (field->type == YAMLF_MAP) {
		OWNED(buf_done) struct buf inside = { 0 };

		put_map(field->fields, value, usual, depth + 1, &inside);
		if (inside.len)
			buf_printf(out, "%*s%s:\n%s", depth * 2, "", field->key, buf_text(&inside));
		else if (field->required)
			buf_printf(out, "%*s%s: {}\n", depth * 2, "", field->key);
		return;
	}
	if (is_usual(field, value, usual))
		return;
	buf_printf(out, "%*s%s:", depth * 2, "", field->key);
	if (field->type == YAMLF_TEXTS) {
		put_list(field, value, depth, out);
		return;
	}
	buf_put_u8(out, ' ');
	yamlf_value_text(field, value, out);
	buf_put_u8(out, '\n');
}

/* A mapping of which nothing is said is left out whole, also when one of its keys is required:
 * those have values that cannot be the usual ones once it is there. */
static bool is_there(const struct yamlf_field *fields, const void *value, const void *usual)
{
	for (const struct yamlf_field *f = fields; f->type != YAMLF_END; f++) {
		struct yamlf_field optional = *f;

		optional.required = false;
		if (f->type == YAMLF_MAP ? is_there(f->fields, value, usual)
					 : !is_usual(&optional, value, usual))
			return true;
	}
	return false;
}

static void put_map(const struct yamlf_field *fields, const void *value, const void *usual,
		    int depth, struct buf *out)
{
	for (const struct yamlf_field *f = fields; f->type != YAMLF_END; f++)
		if (f->type != YAMLF_MAP || f->required || is_there(f->fields, value, usual))
			put_field(f, value, usual, depth, out);
}

void yamlf_write(const struct yamlf_field *fields, const void *value, const void *usual,
		 struct buf *out)
{
	put_map(fields, value, usual, 0, out);
}
