/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include "tests/unit/test.h"
#include "hostagent/relay/event_queue.h"

static struct event numbered(int n)
{
	struct event e = { .kind = "denied", .count = 1, .at_ms = n };

	snprintf(e.name, sizeof(e.name), "%d", n);
	return e;
}

static void put(struct event_queue *q, int n)
{
	struct event e = numbered(n);

	assert_true(event_queue_put(q, &e));
}

static void test_order_is_kept_over_failed_deliveries(void **state)
{
	struct event_queue *q = event_queue_new(8);
	struct event batch[4];

	for (int i = 1; i <= 3; i++)
		put(q, i);
	assert_int_equal(event_queue_begin(q, batch, 2), 2);
	assert_string_equal(batch[0].name, "1");
	assert_int_equal(event_queue_begin(q, batch, 2), 0);	/* one flight at a time */
	put(q, 4);
	event_queue_end(q, false);
	assert_int_equal(event_queue_begin(q, batch, 4), 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(batch[i].at_ms, i + 1);
	event_queue_end(q, true);
	assert_int_equal(event_queue_length(q), 0);
	event_queue_free(q);
}

static void test_overflow_is_counted_and_told(void **state)
{
	struct event_queue *q = event_queue_new(3);
	struct event batch[8], e = numbered(9);

	for (int i = 1; i <= 3; i++)
		put(q, i);
	for (int i = 0; i < 5; i++)
		assert_false(event_queue_put(q, &e));
	assert_int_equal(event_queue_lost(q), 5);
	assert_int_equal(event_queue_begin(q, batch, 8), 3);
	event_queue_end(q, true);

	put(q, 10);
	assert_int_equal(event_queue_begin(q, batch, 8), 2);
	assert_string_equal(batch[0].name, "events_lost");
	assert_int_equal(batch[0].count, 5);
	assert_string_equal(batch[1].name, "10");
	event_queue_end(q, true);
	put(q, 11);
	assert_int_equal(event_queue_begin(q, batch, 8), 1);
	event_queue_free(q);
}

static void test_ring_wraps(void **state)
{
	struct event_queue *q = event_queue_new(3);
	struct event batch[1];

	put(q, 0);
	for (int i = 1; i < 20; i++) {
		put(q, i);
		assert_int_equal(event_queue_begin(q, batch, 1), 1);
		assert_int_equal(batch[0].at_ms, i - 1);
		event_queue_end(q, true);
	}
	assert_int_equal(event_queue_length(q), 1);
	event_queue_free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_is_kept_over_failed_deliveries),
		cmocka_unit_test(test_overflow_is_counted_and_told),
		cmocka_unit_test(test_ring_wraps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
