/* SPDX-License-Identifier: Apache-2.0 */
/* json.h - jansson with our errors: bounded reads of members with types and lengths checked.
 * Readers ignore members they do not know. */
#ifndef GENKAN_DATA_JSON_H
#define GENKAN_DATA_JSON_H

#include <jansson.h>
#include "common/base/buf.h"
#include "common/base/error.h"

DEFINE_OWNED(json_decref, json_t);

/* A JSON object from bytes; depth and size are bounded, duplicate keys refused; the error names
 * line and column. */
int json_object_parse(struct span text, json_t **out, struct error *err) MUST_CHECK;
/* Compact text. */
void json_write(const json_t *value, struct buf *out);

/* Each reads member `key` of `object`: 0, or -EINVAL with "KEY: ..." in err. A required member
 * that is missing is -EINVAL; the *_or forms leave `*out` at `fallback`. Text is checked for
 * UTF-8 by jansson, and for embedded NUL and length < size here. */
int json_get_text(const json_t *object, const char *key, char *out, size_t size,
		  struct error *err) MUST_CHECK;
int json_get_text_or(const json_t *object, const char *key, const char *fallback, char *out,
		     size_t size, struct error *err) MUST_CHECK;
int json_get_int(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *out,
		 struct error *err) MUST_CHECK;
int json_get_int_or(const json_t *object, const char *key, int64_t fallback, int64_t min,
		    int64_t max, int64_t *out, struct error *err) MUST_CHECK;
int json_get_bool_or(const json_t *object, const char *key, bool fallback, bool *out,
		     struct error *err) MUST_CHECK;
/* Borrowed; at most `limit` elements. */
int json_get_array(const json_t *object, const char *key, size_t limit, const json_t **out,
		   struct error *err) MUST_CHECK;
int json_get_object(const json_t *object, const char *key, const json_t **out,
		    struct error *err) MUST_CHECK;

#endif
