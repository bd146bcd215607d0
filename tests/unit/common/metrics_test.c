/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include <stdio.h>
#include <string.h>
#include "common/data/metrics.h"

static const struct metric refusals = { "genkan_refusals_total", "What relays refused.",
					METRIC_COUNTER, "what" };
static const struct metric sessions = { "genkan_sessions", "Sessions now.", METRIC_GAUGE, NULL };

static void text_is_as_prometheus_reads_it(void **state)
{
	OWNED(buf_done) struct buf out = { 0 };
	struct metrics *m = metrics_new();

	metrics_write(m, &out);
	assert_int_equal(out.len, 0);
	metrics_add(m, &refusals, "device", 2);
	metrics_set(m, &sessions, NULL, 7);
	metrics_add(m, &refusals, "a\"b\\c\nd", 1);
	metrics_add(m, &refusals, "device", 1);
	metrics_set(m, &sessions, NULL, 5);
	metrics_write(m, &out);
	assert_string_equal(buf_text(&out),
			    "# HELP genkan_refusals_total What relays refused.\n"
			    "# TYPE genkan_refusals_total counter\n"
			    "genkan_refusals_total{what=\"device\"} 3\n"
			    "genkan_refusals_total{what=\"a\\\"b\\\\c\\nd\"} 1\n"
			    "# HELP genkan_sessions Sessions now.\n"
			    "# TYPE genkan_sessions gauge\n"
			    "genkan_sessions 5\n");
	metrics_free(m);
	metrics_free(NULL);
}

static void values_are_bounded(void **state)
{
	OWNED(buf_done) struct buf out = { 0 };
	struct metrics *m = metrics_new();
	char value[100];

	for (int i = 0; i < 500; i++) {
		snprintf(value, sizeof(value), "v%d", i);
		metrics_add(m, &refusals, value, 1);
	}
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	metrics_add(m, &refusals, value, 1);
	metrics_write(m, &out);
	assert_non_null(strstr(buf_text(&out), "{what=\"other\"} 438\n"));
	assert_null(strstr(buf_text(&out), "v63"));
	metrics_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_as_prometheus_reads_it),
		cmocka_unit_test(values_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
