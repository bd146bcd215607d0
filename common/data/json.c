/* SPDX-License-Identifier: Apache-2.0 */
#include "common/data/json.h"

#include <errno.h>
#include <inttypes.h>

int json_object_parse(struct span text, json_t **out, struct error *err)
{
	json_error_t where;
	json_t *value;

	if (text.len == 0)
		return error_set(err, EINVAL, "JSON: nothing there");
	value = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &where);
	if (!value)
		return error_set(err, EINVAL, "JSON line %d column %d: %s", where.line,
				 where.column, where.text);
	if (!json_is_object(value)) {
		json_decref(value);
		return error_set(err, EINVAL, "JSON: an object is expected at the top");
	}
	*out = value;
	return 0;
}

static int put_chunk(const char *bytes, size_t len, void *arg)
{
	struct buf *out = arg;

	buf_put(out, bytes, len);
	return out->failed ? -1 : 0;
}

void json_write(const json_t *value, struct buf *out)
{
	if (json_dump_callback(value, put_chunk, out, JSON_COMPACT) < 0)
		out->failed = true;
}

static int get_member(const json_t *object, const char *key, json_t **out, struct error *err)
{
	*out = json_object_get(object, key);
	return *out && !json_is_null(*out) ? 0 : error_set(err, EINVAL, "%s: missing", key);
}

static bool is_absent(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return !value || json_is_null(value);
}

int json_get_text(const json_t *object, const char *key, char *out, size_t size, struct error *err)
{
	json_t *value;
	size_t len;

	if (get_member(object, key, &value, err) < 0)
		return -EINVAL;
	if (!json_is_string(value))
		return error_set(err, EINVAL, "%s: a string is expected", key);
	len = json_string_length(value);
	if (len >= size)
		return error_set(err, EINVAL, "%s: longer than %zu bytes", key, size - 1);
	if (memchr(json_string_value(value), 0, len))
		return error_set(err, EINVAL, "%s: holds a NUL", key);
	memcpy(out, json_string_value(value), len + 1);
	return 0;
}

int json_get_text_or(const json_t *object, const char *key, const char *fallback, char *out,
		     size_t size, struct error *err)
{
	if (!is_absent(object, key))
		return json_get_text(object, key, out, size, err);
	if (strlen(fallback) >= size)
		return error_set(err, EINVAL, "%s: longer than %zu bytes", key, size - 1);
	memcpy(out, fallback, strlen(fallback) + 1);
	return 0;
}

int json_get_int(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *out,
		 struct error *err)
{
	json_t *value;

	if (get_member(object, key, &value, err) < 0)
		return -EINVAL;
	if (!json_is_integer(value))
		return error_set(err, EINVAL, "%s: a whole number is expected", key);
	if (json_integer_value(value) < min || json_integer_value(value) > max)
		return error_set(err, EINVAL, "%s: must be between %" PRId64 " and %" PRId64, key,
				 min, max);
	*out = json_integer_value(value);
	return 0;
}

int json_get_int_or(const json_t *object, const char *key, int64_t fallback, int64_t min,
		    int64_t max, int64_t *out, struct error *err)
{
	if (!is_absent(object, key))
		return json_get_int(object, key, min, max, out, err);
	*out = fallback;
	return 0;
}

int json_get_bool_or(const json_t *object, const char *key, bool fallback, bool *out,
		     struct error *err)
{
	if (is_absent(object, key)) {
		*out = fallback;
		return 0;
	}

	const json_t *value = json_object_get(object, key);

	if (!json_is_boolean(value))
		return error_set(err, EINVAL, "%s: true or false is expected", key);
	*out = json_is_true(value);
	return 0;
}

int json_get_array(const json_t *object, const char *key, size_t limit, const json_t **out,
		   struct error *err)
{
	json_t *value;

	if (get_member(object, key, &value, err) < 0)
		return -EINVAL;
	if (!json_is_array(value))
		return error_set(err, EINVAL, "%s: an array is expected", key);
	if (json_array_size(value) > limit)
		return error_set(err, EINVAL, "%s: more than %zu elements", key, limit);
	*out = value;
	return 0;
}

int json_get_object(const json_t *object, const char *key, const json_t **out, struct error *err)
{
	json_t *value;

	if (get_member(object, key, &value, err) < 0)
		return -EINVAL;
	if (!json_is_object(value))
		return error_set(err, EINVAL, "%s: an object is expected", key);
	*out = value;
	return 0;
}
