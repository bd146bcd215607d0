/* SPDX-License-Identifier: Apache-2.0 */
#include "thinclient/text_field.h"

#include <string.h>
#include "common/base/secret.h"
#include "common/base/text.h"

static bool continues(char c)
{
	return ((unsigned char)c & 0xC0) == 0x80;
}

static size_t character_len(const char *text)
{
	size_t len = 1;

	while (continues(text[len]))
		len++;
	return len;
}

static size_t previous(const struct text_field *field)
{
	size_t at = field->caret;

	while (at > 0 && continues(field->text[--at]))
		;
	return at;
}

static bool is_control(const char *c)
{
	return (unsigned char)*c < 0x20 || *c == 0x7F;
}

static void insert_character(struct text_field *field, const char *c, size_t len)
{
	if (field->len + len > TEXT_FIELD_MAX)
		return;
	memmove(field->text + field->caret + len, field->text + field->caret,
		field->len - field->caret + 1);
	memcpy(field->text + field->caret, c, len);
	field->len += len;
	field->caret += len;
}

void text_field_insert(struct text_field *field, const char *text)
{
	if (!utf8_valid(span_text(text)))
		return;
	for (size_t len; *text; text += len) {
		len = character_len(text);
		if (!is_control(text))
			insert_character(field, text, len);
	}
}

static void remove_range(struct text_field *field, size_t from, size_t to)
{
	memmove(field->text + from, field->text + to, field->len - to + 1);
	memory_wipe(field->text + field->len - (to - from) + 1, to - from);
	field->len -= to - from;
	field->caret = from;
}

void text_field_backspace(struct text_field *field)
{
	remove_range(field, previous(field), field->caret);
}

void text_field_delete(struct text_field *field)
{
	if (field->caret < field->len)
		remove_range(field, field->caret,
			     field->caret + character_len(field->text + field->caret));
}

void text_field_left(struct text_field *field)
{
	field->caret = previous(field);
}

void text_field_right(struct text_field *field)
{
	if (field->caret < field->len)
		field->caret += character_len(field->text + field->caret);
}

void text_field_home(struct text_field *field)
{
	field->caret = 0;
}

void text_field_end(struct text_field *field)
{
	field->caret = field->len;
}

void text_field_wipe(struct text_field *field)
{
	memory_wipe(field->text, sizeof(field->text));
	field->len = field->caret = 0;
}

void text_field_shown(const struct text_field *field, size_t end, char out[TEXT_FIELD_SHOWN_MAX])
{
	size_t len = 0;

	if (!field->masked) {
		memcpy(out, field->text, end);
		out[end] = '\0';
		return;
	}
	for (size_t i = 0; i < end; i++) {
		if (continues(field->text[i]))
			continue;
		memcpy(out + len, "●", 3);
		len += 3;
	}
	out[len] = '\0';
}
