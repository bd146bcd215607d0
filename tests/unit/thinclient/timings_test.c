/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include <string.h>
#include "common/data/json.h"
#include "thinclient/timings.h"

static struct timings sample(void)
{
	struct timings t = timings_none();

	t.us[STAGE_TLS] = 6120;
	t.us[STAGE_LOGIN] = 40000;
	t.us[STAGE_ASSIGN] = 250000;
	t.us[STAGE_RELAY] = 100000;
	t.us[STAGE_FIRST_FRAME] = 50000;
	t.us[STAGE_SETTLED] = 900000;
	return t;
}

static void the_total_ends_at_the_first_frame(void **state)
{
	struct timings t = sample();

	assert_int_equal(timings_total_us(&t), 446120);
	t = timings_none();
	assert_int_equal(timings_total_us(&t), 0);
}

static void json_has_each_stage(void **state)
{
	OWNED(buf_done) struct buf text = { 0 };
	OWNED(json_decref) json_t *object = NULL;
	struct timings t = sample();

	t.us[STAGE_SETTLED] = -1;
	t.ticket_at_ms = 1790000000123;
	timings_write_json(&t, "office-001", NULL, &text);
	assert_int_equal(json_object_parse(buf_span(&text), &object, NULL), 0);
	assert_true(json_is_true(json_object_get(object, "ok")));
	assert_true(json_real_value(json_object_get(object, "tls_ms")) == 6.12);
	assert_true(json_is_null(json_object_get(object, "settled_ms")));
	assert_int_equal(json_integer_value(json_object_get(object, "ticket_at_ms")), 1790000000123);
	assert_string_equal(json_string_value(json_object_get(object, "desktop")), "office-001");
}

static void the_table_leaves_out_what_was_not_reached(void **state)
{
	OWNED(buf_done) struct buf text = { 0 };
	struct timings t = timings_none();

	t.us[STAGE_TLS] = 6120;
	timings_write_table(&t, &text);
	assert_non_null(strstr(buf_text(&text), "6.1 ms"));
	assert_null(strstr(buf_text(&text), "relay"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_total_ends_at_the_first_frame),
		cmocka_unit_test(json_has_each_stage),
		cmocka_unit_test(the_table_leaves_out_what_was_not_reached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
