/* SPDX-License-Identifier: Apache-2.0 */
/* text_field.h - one line of UTF-8 text being edited. Pure. */
#ifndef GENKAN_THINCLIENT_TEXT_FIELD_H
#define GENKAN_THINCLIENT_TEXT_FIELD_H

#include <stdbool.h>
#include <stddef.h>

#define TEXT_FIELD_MAX 255

struct text_field {
	char text[TEXT_FIELD_MAX + 1];
	size_t len;
	size_t caret;	/* byte offset, always at a character */
	bool masked;	/* a password */
};

/* Inserts at the caret what fits; control characters and broken UTF-8 are left out. */
void text_field_insert(struct text_field *field, const char *text);
void text_field_backspace(struct text_field *field);
void text_field_delete(struct text_field *field);
void text_field_left(struct text_field *field);
void text_field_right(struct text_field *field);
void text_field_home(struct text_field *field);
void text_field_end(struct text_field *field);
/* Empties it and overwrites the memory. */
void text_field_wipe(struct text_field *field);

/* What is to be drawn up to byte `end`: the text, or a dot for each character. */
#define TEXT_FIELD_SHOWN_MAX (TEXT_FIELD_MAX * 3 + 1)
void text_field_shown(const struct text_field *field, size_t end,
		      char out[TEXT_FIELD_SHOWN_MAX]);

#endif
