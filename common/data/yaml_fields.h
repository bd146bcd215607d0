/* SPDX-License-Identifier: Apache-2.0 */
/* yaml_fields.h - a YAML document into a struct, driven by a table, every problem with its place.
 *
 *	static const struct yamlf_field fields[] = {
 *		{ "name", YAMLF_TEXT, offsetof(struct c, name), .size = 33, .required = true },
 *		{ "size", YAMLF_MAP, .fields = size_fields },
 *		{ 0 },
 *	};
 *
 * The language is kept small: one document of mappings, lists of texts and scalars; no anchors,
 * aliases or tags, at most 64 KiB, 2,000 nodes and eight levels. A key that is not in the table, a
 * key given twice, a value of the wrong kind and a missing required key are problems; all of them
 * are reported at once, one line "NAME:LINE:COLUMN: text\n" each. */
#ifndef GENKAN_DATA_YAML_FIELDS_H
#define GENKAN_DATA_YAML_FIELDS_H

#include "common/base/buf.h"
#include "common/base/error.h"

enum yamlf_type {
	YAMLF_END,
	YAMLF_TEXT,	/* char[size] */
	YAMLF_INT,	/* int64_t from min to max, plain digits */
	YAMLF_BYTES,	/* int64_t: 512 MiB, 2 GiB; the unit is part of the value */
	YAMLF_WORD,	/* through `parse` */
	YAMLF_TEXTS,	/* char[max][size], their number in the size_t at count_offset */
	YAMLF_MAP,	/* mapping with `fields`, offsets from the same struct */
};

struct yamlf_field {
	const char *key;
	enum yamlf_type type;
	size_t offset;
	bool required;
	size_t size;
	int64_t min, max;
	size_t count_offset;
	const struct yamlf_field *fields;	/* ended by YAMLF_END */
	/* Returns a negative errno with the reason in err. */
	int (*parse)(const struct yamlf_field *field, const char *text, void *slot,
		     struct error *err);
	/* The other way: the word of a value, for YAMLF_WORD. */
	void (*format)(const struct yamlf_field *field, const void *slot, struct buf *out);
	const char *words;	/* all it may be, "allow|deny"; or */
	const char *pattern;	/* a regular expression of what it may be, as JSON schemas have them */
	const char *help;	/* one line; the man page has the long form */
};

struct yamlf_doc;

/* -EINVAL with the problem appended. `name` is what messages call the file. */
int yamlf_parse(const char *name, struct span text, struct yamlf_doc **out,
		struct buf *problems) MUST_CHECK;
void yamlf_free(struct yamlf_doc *doc);
DEFINE_OWNED(yamlf_free, struct yamlf_doc);

/* Fills the struct that `out` points to; members without a key keep their value. -EINVAL when
 * anything was wrong; `out` is then half filled. */
int yamlf_fill(struct yamlf_doc *doc, const struct yamlf_field *fields, void *out,
	       struct buf *problems) MUST_CHECK;

/* Adds a problem of one's own at the place of a dotted key ("desktop.memory"), or of the nearest
 * mapping around it that exists. */
void yamlf_problem(struct yamlf_doc *doc, const char *key, const char *text, struct buf *problems);

/* "2 GiB", "1024MiB"; -EINVAL with the reason. */
int yamlf_parse_bytes(const char *text, int64_t *out, struct error *err) MUST_CHECK;

#endif
