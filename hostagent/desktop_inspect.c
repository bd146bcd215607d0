/* SPDX-License-Identifier: Apache-2.0 */
/* What a desktop sees of its client's devices: asked of its guest when the broker wants to know, and
 * handed on. The guest is believed no further than that it may say so. */
#include <errno.h>
#include "hostagent/desktop_parts.h"

#define LISTS_MAX 16
#define LIST_MAX 8
#define TEXT_MAX 64

static void told(struct desktop *desktop, json_t *inspection)
{
	json_decref(desktop->inspection);
	desktop->inspection = inspection;
	desktop->host->changed(desktop->host->arg);
}

void desktop_inspect_failed(struct desktop *desktop, const char *why)
{
	if (desktop->inspect_number && !desktop->inspection)
		told(desktop, json_pack("{s:I, s:b, s:s}", "number",
					(json_int_t)desktop->inspect_number, "ok", 0, "error", why));
}

void desktop_inspect(struct desktop *desktop, int64_t number)
{
	if (number <= desktop->inspect_number)
		return;
	desktop->inspect_number = number;
	json_decref(desktop->inspection);
	desktop->inspection = NULL;
	if (!desktop->guest || guest_link_inspect(desktop->guest) < 0)
		desktop_inspect_failed(desktop, "the guest's daemon does not listen");
}

static json_t *bounded_list(const json_t *from)
{
	json_t *list = json_array();
	const json_t *text;
	size_t i;

	json_array_foreach(from, i, text) {
		if (i < LIST_MAX && json_is_string(text) && json_string_length(text) < TEXT_MAX)
			json_array_append_new(list, json_string(json_string_value(text)));
	}
	return list;
}

/* Lists of short texts, short texts and flags; nothing else of what a guest may say. */
static json_t *bounded(const json_t *from)
{
	json_t *out = json_object(), *value;
	const char *key;

	json_object_foreach((json_t *)from, key, value) {
		if (json_object_size(out) == LISTS_MAX)
			break;
		if (json_is_array(value))
			json_object_set_new(out, key, bounded_list(value));
		else if (json_is_boolean(value) ||
			 (json_is_string(value) && json_string_length(value) < TEXT_MAX))
			json_object_set(out, key, value);
	}
	return out;
}

void desktop_inspected(struct desktop *desktop, struct span line)
{
	OWNED(json_decref) json_t *answer = NULL;
	const json_t *found = NULL;
	struct error err = { .text = "" };

	if (json_object_parse(line, &answer, &err) < 0 ||
	    json_get_object(answer, "inspection", &found, &err) < 0) {
		desktop_inspect_failed(desktop, "the guest does not know how to look at its devices");
		return;
	}
	told(desktop, json_pack("{s:I, s:b, s:o}", "number", (json_int_t)desktop->inspect_number, "ok",
				1, "found", bounded(found)));
}

void desktop_inspect_report(const struct desktop *desktop, json_t *report)
{
	if (desktop->inspection)
		json_object_set(report, "inspection", desktop->inspection);
}
