/* SPDX-License-Identifier: Apache-2.0 */
#include "common/data/yaml_fields.h"

#include <errno.h>
#include <string.h>
#include <yaml.h>
#include "common/base/text.h"

#define MAX_BYTES (64 * 1024)
#define MAX_EVENTS 4000
#define MAX_DEPTH 8

struct yamlf_doc {
	char *name;
	yaml_document_t document;
};

/* ----------------------------------------------------------------------------------- problems */

static void PRINTF_LIKE(4, 5) problem(const char *name, yaml_mark_t at, struct buf *problems,
				      const char *fmt, ...)
{
	char line[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	buf_printf(problems, "%s:%zu:%zu: %s\n", name, at.line + 1, at.column + 1, line);
}

static int parser_problem(const char *name, const yaml_parser_t *parser, struct buf *problems)
{
	yaml_mark_t at = parser->problem_mark;

	/* Errors of the reader have an offset only. */
	problem(name, at, problems, "%s", parser->problem ? parser->problem : "not readable as YAML");
	return -EINVAL;
}

/* ------------------------------------------------------------------------------------ bounds */

static const char *refused_feature(const yaml_event_t *e)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (e->type == YAML_ALIAS_EVENT)
		return "aliases (*name) are not accepted";
	if (e->type == YAML_SCALAR_EVENT) {
		anchor = e->data.scalar.anchor;
		tag = e->data.scalar.tag;
	} else if (e->type == YAML_SEQUENCE_START_EVENT) {
		anchor = e->data.sequence_start.anchor;
		tag = e->data.sequence_start.tag;
	} else if (e->type == YAML_MAPPING_START_EVENT) {
		anchor = e->data.mapping_start.anchor;
		tag = e->data.mapping_start.tag;
	}
	return anchor ? "anchors (&name) are not accepted" : tag ? "tags (!name) are not accepted" : NULL;
}

struct bounds {
	int depth, events, documents;
};

static const char *out_of_bounds(struct bounds *b, const yaml_event_t *e)
{
	bool opens = e->type == YAML_MAPPING_START_EVENT || e->type == YAML_SEQUENCE_START_EVENT;
	bool closes = e->type == YAML_MAPPING_END_EVENT || e->type == YAML_SEQUENCE_END_EVENT;

	b->depth += opens - closes;
	b->documents += e->type == YAML_DOCUMENT_START_EVENT;
	if (++b->events > MAX_EVENTS)
		return "the file has too many values";
	if (b->depth > MAX_DEPTH)
		return "nested too deeply";
	if (b->documents > 1)
		return "a second document (---) is not accepted";
	return refused_feature(e);
}

/* Reads all events once before anything is built from them. */
static int check_events(const char *name, struct span text, struct buf *problems)
{
	yaml_parser_t parser;
	struct bounds bounds = { 0 };
	bool finished = false;
	int rc = 0;

	if (!yaml_parser_initialize(&parser))
		abort();
	yaml_parser_set_input_string(&parser, text.ptr, text.len);
	while (!finished && rc == 0) {
		yaml_event_t event;

		if (!yaml_parser_parse(&parser, &event)) {
			rc = parser_problem(name, &parser, problems);
			break;
		}
		const char *wrong = out_of_bounds(&bounds, &event);
		if (wrong) {
			problem(name, event.start_mark, problems, "%s", wrong);
			rc = -EINVAL;
		}
		finished = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return rc;
}

static int load(struct yamlf_doc *doc, struct span text, struct buf *problems)
{
	yaml_parser_t parser;
	int rc = 0;

	if (!yaml_parser_initialize(&parser))
		abort();
	yaml_parser_set_input_string(&parser, text.ptr, text.len);
	if (!yaml_parser_load(&parser, &doc->document)) {
		rc = parser_problem(doc->name, &parser, problems);
		memset(&doc->document, 0, sizeof(doc->document));
	}
	yaml_parser_delete(&parser);
	return rc;
}

int yamlf_parse(const char *name, struct span text, struct yamlf_doc **out, struct buf *problems)
{
	OWNED(yamlf_free) struct yamlf_doc *doc = xnew(struct yamlf_doc);
	yaml_mark_t start = { 0 };

	doc->name = xstrdup(name);
	if (text.len > MAX_BYTES) {
		problem(name, start, problems, "larger than %d KiB", MAX_BYTES / 1024);
		return -EINVAL;
	}
	if (check_events(name, text, problems) < 0 || load(doc, text, problems) < 0)
		return -EINVAL;

	const yaml_node_t *root = yaml_document_get_root_node(&doc->document);
	if (!root || root->type != YAML_MAPPING_NODE) {
		problem(name, root ? root->start_mark : start, problems,
			"must be a mapping of keys to values");
		return -EINVAL;
	}
	*out = STEAL(doc);
	return 0;
}

void yamlf_free(struct yamlf_doc *doc)
{
	if (!doc)
		return;
	yaml_document_delete(&doc->document);
	free(doc->name);
	free(doc);
}

/* ------------------------------------------------------------------------------------ filling */

struct fill {
	struct yamlf_doc *doc;
	char *out;
	struct buf *problems;
	int count;
};

static void PRINTF_LIKE(3, 4) wrong(struct fill *f, const yaml_node_t *node, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	f->count++;
	problem(f->doc->name, node->start_mark, f->problems, "%s", text);
}

/* The text of a scalar, or NULL with the problem noted. */
static const char *scalar(struct fill *f, const char *key, const yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;

	if (node->type != YAML_SCALAR_NODE)
		wrong(f, node, "%s: must be a single value", key);
	else if (strlen(text) != node->data.scalar.length)
		wrong(f, node, "%s: contains a NUL character", key);
	else if (text[0] == '\0')
		wrong(f, node, "%s: is empty", key);
	else
		return text;
	return NULL;
}

int yamlf_parse_bytes(const char *text, int64_t *out, struct error *err)
{
	static const struct {
		const char *unit;
		int shift;
	} units[] = { { "KiB", 10 }, { "MiB", 20 }, { "GiB", 30 }, { "TiB", 40 } };
	size_t digits = strspn(text, "0123456789");
	const char *unit = text + digits + strspn(text + digits, " ");

	if (digits == 0 || digits > 12)
		return error_set(err, EINVAL, "must be a size such as 2 GiB");

	int64_t number = strtoll(text, NULL, 10);
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (strcmp(unit, units[i].unit) != 0)
			continue;
		if (number > INT64_MAX >> units[i].shift)
			return error_set(err, EINVAL, "is too large");
		*out = number << units[i].shift;
		return 0;
	}
	return error_set(err, EINVAL, "needs a unit: KiB, MiB, GiB or TiB, as in 2 GiB");
}

static int parse_int(const struct yamlf_field *field, const char *text, int64_t *out,
		     struct error *err)
{
	size_t sign = text[0] == '-';
	size_t digits = strspn(text + sign, "0123456789");
	int64_t number;

	if (digits == 0 || digits > 18 || text[sign + digits])
		return error_set(err, EINVAL, "must be a whole number");
	number = strtoll(text, NULL, 10);
	if (number < field->min || number > field->max)
		return error_set(err, EINVAL, "must be %lld to %lld", (long long)field->min,
				 (long long)field->max);
	*out = number;
	return 0;
}

static int parse_text(size_t size, const char *text, char *out, struct error *err)
{
	if (str_copy(out, size, text) < 0)
		return error_set(err, EINVAL, "is longer than %zu bytes", size - 1);
	return 0;
}

static void fill_scalar(struct fill *f, const struct yamlf_field *field, const yaml_node_t *node)
{
	void *slot = f->out + field->offset;
	const char *text = scalar(f, field->key, node);
	bool plain = text && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct error err = { 0 };
	int rc = 0;

	if (!text)
		return;
	if (field->type == YAMLF_INT)
		rc = plain ? parse_int(field, text, slot, &err) :
			     error_set(&err, EINVAL, "must be a number, not a text in quotes");
	else if (field->type == YAMLF_BYTES)
		rc = yamlf_parse_bytes(text, slot, &err);
	else if (field->type == YAMLF_WORD)
		rc = field->parse(field, text, slot, &err);
	else
		rc = parse_text(field->size, text, slot, &err);
	if (rc < 0)
		wrong(f, node, "%s: %s", field->key, err.text);
}

static void fill_texts(struct fill *f, const struct yamlf_field *field, const yaml_node_t *node)
{
	size_t *count = (size_t *)(void *)(f->out + field->count_offset);

	if (node->type != YAML_SEQUENCE_NODE) {
		wrong(f, node, "%s: must be a list", field->key);
		return;
	}
	for (const yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top; item++) {
		const yaml_node_t *entry = yaml_document_get_node(&f->doc->document, *item);
		const char *text = scalar(f, field->key, entry);
		struct error err = { 0 };

		if (!text)
			continue;
		if (*count == (size_t)field->max) {
			wrong(f, entry, "%s: more than %lld entries", field->key,
			      (long long)field->max);
			return;
		}
		if (parse_text(field->size, text, f->out + field->offset + *count * field->size,
			       &err) < 0)
			wrong(f, entry, "%s: %s", field->key, err.text);
		else
			++*count;
	}
}

static void fill_map(struct fill *f, const struct yamlf_field *fields, const yaml_node_t *map);

static void fill_value(struct fill *f, const struct yamlf_field *field, const yaml_node_t *node)
{
	switch (field->type) {
	case YAMLF_MAP:
		if (node->type == YAML_MAPPING_NODE)
			fill_map(f, field->fields, node);
		else
			wrong(f, node, "%s: must be a mapping", field->key);
		break;
	case YAMLF_TEXTS:
		fill_texts(f, field, node);
		break;
	case YAMLF_TEXT:
	case YAMLF_INT:
	case YAMLF_BYTES:
	case YAMLF_WORD:
		fill_scalar(f, field, node);
		break;
	case YAMLF_END:
		break;
	}
}

static const char *key_text(const yaml_node_t *key)
{
	if (key->type != YAML_SCALAR_NODE ||
	    strlen((const char *)key->data.scalar.value) != key->data.scalar.length)
		return NULL;
	return (const char *)key->data.scalar.value;
}

static const yaml_node_t *key_of(struct fill *f, const yaml_node_pair_t *pair)
{
	return yaml_document_get_node(&f->doc->document, pair->key);
}

/* Which field a key names; NULL with the known keys in the message. */
static const struct yamlf_field *field_of(struct fill *f, const struct yamlf_field *fields,
					  const yaml_node_t *key)
{
	OWNED(buf_done) struct buf known = BUF_LIMIT(300);
	const char *text = key_text(key);

	for (const struct yamlf_field *field = fields; field->type != YAMLF_END; field++) {
		if (text && strcmp(field->key, text) == 0)
			return field;
		buf_printf(&known, "%s%s", field == fields ? "" : ", ", field->key);
	}
	wrong(f, key, "%.60s: unknown key (known: %s)", text ? text : "(not a text)",
	      buf_text(&known));
	return NULL;
}

static bool given_before(struct fill *f, const yaml_node_t *map, const yaml_node_pair_t *pair)
{
	const char *text = key_text(key_of(f, pair));

	for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < pair; p++) {
		const char *other = key_text(key_of(f, p));

		if (text && other && strcmp(text, other) == 0)
			return true;
	}
	return false;
}

static bool has_key(struct fill *f, const yaml_node_t *map, const char *key)
{
	for (const yaml_node_pair_t *p = map->data.mapping.pairs.start;
	     p < map->data.mapping.pairs.top; p++) {
		const char *text = key_text(key_of(f, p));

		if (text && strcmp(text, key) == 0)
			return true;
	}
	return false;
}

static void fill_map(struct fill *f, const struct yamlf_field *fields, const yaml_node_t *map)
{
	for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
	     pair < map->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = key_of(f, pair);
		const struct yamlf_field *field = field_of(f, fields, key);

		if (field && given_before(f, map, pair))
			wrong(f, key, "%s: is given twice", field->key);
		else if (field)
			fill_value(f, field, yaml_document_get_node(&f->doc->document, pair->value));
	}
	for (const struct yamlf_field *field = fields; field->type != YAMLF_END; field++)
		if (field->required && !has_key(f, map, field->key))
			wrong(f, map, "%s: is missing", field->key);
}

int yamlf_fill(struct yamlf_doc *doc, const struct yamlf_field *fields, void *out,
	       struct buf *problems)
{
	struct fill f = { .doc = doc, .out = out, .problems = problems };

	fill_map(&f, fields, yaml_document_get_root_node(&doc->document));
	return f.count ? -EINVAL : 0;
}

/* ------------------------------------------------------------------------------------ places */

static const yaml_node_t *child(struct fill *f, const yaml_node_t *map, const char *key, size_t len)
{
	if (map->type != YAML_MAPPING_NODE)
		return NULL;
	for (const yaml_node_pair_t *p = map->data.mapping.pairs.start;
	     p < map->data.mapping.pairs.top; p++) {
		const char *text = key_text(key_of(f, p));

		if (text && strlen(text) == len && memcmp(text, key, len) == 0)
			return yaml_document_get_node(&f->doc->document, p->value);
	}
	return NULL;
}

void yamlf_problem(struct yamlf_doc *doc, const char *key, const char *text, struct buf *problems)
{
	struct fill f = { .doc = doc, .problems = problems };
	const yaml_node_t *node = yaml_document_get_root_node(&doc->document);

	for (const char *part = key; *part;) {
		size_t len = strcspn(part, ".");
		const yaml_node_t *next = child(&f, node, part, len);

		if (!next)
			break;
		node = next;
		part += len + (part[len] == '.');
	}
	wrong(&f, node, "%s: %s", key, text);
}
