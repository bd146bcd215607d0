/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/pool_schema.h"

#include <string.h>
#include "ctl/pool_file.h"

static json_t *words_json(const char *words)
{
	json_t *list = json_array();

	for (const char *p = words; *p;) {
		size_t len = strcspn(p, "|");

		json_array_append_new(list, json_stringn(p, len));
		p += len + (p[len] == '|');
	}
	return list;
}

static json_t *text_json(const struct yamlf_field *field)
{
	json_t *text = json_pack("{s:s}", "type", "string");

	if (field->type == YAMLF_TEXT || field->type == YAMLF_TEXTS) {
		json_object_set_new(text, "minLength", json_integer(1));
		json_object_set_new(text, "maxLength", json_integer((json_int_t)field->size - 1));
	}
	if (field->pattern)
		json_object_set_new(text, "pattern", json_string(field->pattern));
	if (field->words)
		json_object_set_new(text, "enum", words_json(field->words));
	return text;
}

static json_t *map_json(const struct yamlf_field *fields);

static json_t *value_json(const struct yamlf_field *field)
{
	switch (field->type) {
	case YAMLF_MAP:
		return map_json(field->fields);
	case YAMLF_INT:
		return json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum",
				 (json_int_t)field->min, "maximum", (json_int_t)field->max);
	case YAMLF_BYTES:
		return json_pack("{s:s, s:s}", "type", "string", "pattern",
				 "^[0-9]{1,12} *(KiB|MiB|GiB|TiB)$");
	case YAMLF_TEXTS:
		return json_pack("{s:s, s:I, s:o}", "type", "array", "maxItems",
				 (json_int_t)field->max, "items", text_json(field));
	case YAMLF_TEXT:
	case YAMLF_WORD:
	case YAMLF_END:
		break;
	}
	/* "0" is a number to readers of YAML, and a time to ours */
	if (field->pattern && strncmp(field->pattern, "^(0|", 4) == 0)
		return json_pack("{s:[{s:i}, o]}", "anyOf", "const", 0, text_json(field));
	return text_json(field);
}

static json_t *map_json(const struct yamlf_field *fields)
{
	json_t *properties = json_object();
	json_t *required = json_array();

	for (const struct yamlf_field *f = fields; f->type != YAMLF_END; f++) {
		json_t *value = value_json(f);

		if (f->help)
			json_object_set_new(value, "description", json_string(f->help));
		json_object_set_new(properties, f->key, value);
		if (f->required)
			json_array_append_new(required, json_string(f->key));
	}
	return json_pack("{s:s, s:b, s:o, s:o}", "type", "object", "additionalProperties", 0,
			 "properties", properties, "required", required);
}

json_t *pool_schema(void)
{
	json_t *schema = map_json(pool_fields);

	json_object_set_new(schema, "$schema",
			    json_string("http://json-schema.org/draft-07/schema#"));
	json_object_set_new(schema, "title", json_string("A pool of Genkan: genkan-pool(5)"));
	return schema;
}
