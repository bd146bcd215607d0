/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include "common/data/json.h"

static void members_are_checked(void **state)
{
	OWNED(json_decref) json_t *o = NULL;
	struct error err;
	char text[8];
	int64_t n;

	assert_int_equal(json_object_parse(SPAN_LITERAL("{\"a\":\"山田\",\"n\":7,\"z\":null}"), &o,
					   &err), 0);
	assert_int_equal(json_get_text(o, "a", text, sizeof(text), &err), 0);
	assert_string_equal(text, "山田");
	assert_int_equal(json_get_text(o, "a", text, 6, &err), -EINVAL);
	assert_string_equal(err.text, "a: longer than 5 bytes");
	assert_int_equal(json_get_int(o, "n", 0, 6, &n, &err), -EINVAL);
	assert_int_equal(json_get_int(o, "a", 0, 6, &n, &err), -EINVAL);
	assert_int_equal(json_get_text(o, "z", text, sizeof(text), &err), -EINVAL);
	assert_int_equal(json_get_int_or(o, "z", 5, 0, 9, &n, &err), 0);
	assert_int_equal(n, 5);
}

static void bad_text_names_its_place(void **state)
{
	json_t *o = NULL;
	struct error err;

	assert_int_equal(json_object_parse(SPAN_LITERAL("{\n \"a\": }"), &o, &err), -EINVAL);
	assert_non_null(strstr(err.text, "line 2"));
	assert_int_equal(json_object_parse(SPAN_LITERAL("[1]"), &o, &err), -EINVAL);
	assert_int_equal(json_object_parse(SPAN_LITERAL("{\"a\":1,\"a\":2}"), &o, &err), -EINVAL);
	assert_int_equal(json_object_parse(SPAN_LITERAL("{} x"), &o, &err), -EINVAL);
	assert_null(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_checked), cmocka_unit_test(bad_text_names_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
