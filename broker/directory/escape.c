/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/directory/escape.h"

#include <errno.h>

static void put_hex_pair(struct buf *out, uint8_t byte)
{
	buf_printf(out, "\\%02x", byte);
}

void filter_escape(struct span value, struct buf *out)
{
	for (size_t i = 0; i < value.len; i++) {
		uint8_t c = value.ptr[i];

		if (c < 0x20 || c == 0x7f || c == '*' || c == '(' || c == ')' || c == '\\')
			put_hex_pair(out, c);
		else
			buf_put_u8(out, c);
	}
}

static bool dn_needs_escape(struct span value, size_t at)
{
	uint8_t c = value.ptr[at];

	if (at == 0 && (c == ' ' || c == '#'))
		return true;
	if (at == value.len - 1 && c == ' ')
		return true;
	return strchr("\"+,;<=>\\", c) != NULL;
}

void dn_escape(struct span value, struct buf *out)
{
	for (size_t i = 0; i < value.len; i++) {
		uint8_t c = value.ptr[i];

		if (c < 0x20 || c == 0x7f) {
			put_hex_pair(out, c);
			continue;
		}
		if (dn_needs_escape(value, i))
			buf_put_u8(out, '\\');
		buf_put_u8(out, c);
	}
}

static const char *find_value(struct span name, const struct template_value *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (span_equal(name, span_text(values[i].name)))
			return values[i].text;
	return NULL;
}

int template_expand(const char *pattern, const struct template_value *values, size_t count,
		    escape_fn *escape, struct buf *out, struct error *err)
{
	const char *at = pattern;

	for (;;) {
		size_t plain = strcspn(at, "{}");

		buf_put(out, at, plain);
		at += plain;
		if (*at == '\0')
			break;

		const char *end = *at == '{' ? strchr(at, '}') : NULL;
		if (!end)
			return error_set(err, EINVAL, "%s: a brace without its partner", pattern);

		struct span name = span_of(at + 1, (size_t)(end - at - 1));
		const char *value = find_value(name, values, count);
		if (!value)
			return error_set(err, EINVAL, "%s: nothing is known as {%.*s} here",
					 pattern, (int)name.len, (const char *)name.ptr);
		escape(span_text(value), out);
		at = end + 1;
	}
	return out->failed ? error_set(err, EMSGSIZE, "%s: too long when filled in", pattern) : 0;
}
