/* SPDX-License-Identifier: Apache-2.0 */
/* How pools move to new publications: stories told line by line, and promises held at random. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "common/base/buf.h"
#include "pool/rollout.h"

#define MINUTE INT64_C(60000)

static struct rollout_now at(int64_t minute, int64_t target)
{
	return (struct rollout_now){ .target = target, .gated = true, .current_seen = true, .now_ms = minute * MINUTE,
				     .rule = { 10, 30 * MINUTE, 1 }, .base_start_ms = 10000 };
}

static void tell(struct buf *story, struct rollout *r, const struct rollout_now *now)
{
	enum rollout_event event = rollout_step(r, now);

	buf_printf(story, "%lld %s %lld/%lld/%lld %s\n", (long long)(now->now_ms / MINUTE),
		   rollout_event_word(event), (long long)r->current, (long long)r->next,
		   (long long)r->refused, reason_word(r->why));
}

static void a_good_publication(void **state)
{
	OWNED(buf_done) struct buf story = { 0 };
	struct rollout r = { 0 };
	struct rollout_now now = at(0, 1);

	tell(&story, &r, &now);
	now = at(1, 2);
	tell(&story, &r, &now);
	now = at(3, 2);
	tell(&story, &r, &now);
	now.health = (struct rollout_health){ .ready = 1, .ready_since_ms = 3 * MINUTE,
					      .first_start_ms = 34000, .failed = 1, .logins = 3,
					      .logins_failed = 3 };
	tell(&story, &r, &now);
	now.now_ms = 32 * MINUTE;
	tell(&story, &r, &now);
	now.now_ms = 33 * MINUTE;
	tell(&story, &r, &now);
	now.now_ms = 34 * MINUTE;
	tell(&story, &r, &now);
	assert_string_equal(buf_text(&story),
			    "0 taken 1/0/0 push_taken\n"
			    "1 began 1/2/0 push_began\n"
			    "3 nothing 1/2/0 push_not_ready\n"
			    "3 nothing 1/2/0 push_watched\n"
			    "32 nothing 1/2/0 push_watched\n"
			    "33 passed 2/0/0 push_passed\n"
			    "34 nothing 2/0/0 push_passed\n");
}

static void a_bad_one_is_stopped_and_not_tried_again(void **state)
{
	OWNED(buf_done) struct buf story = { 0 };
	struct rollout r = { .current = 1 };
	struct rollout_now now = at(0, 2);

	tell(&story, &r, &now);
	now = at(1, 2);
	now.health.failed = 1;
	tell(&story, &r, &now);
	now = at(2, 2);
	now.health.failed = 2;
	tell(&story, &r, &now);
	now = at(3, 2);
	tell(&story, &r, &now);
	now = at(4, 3);		/* a mended one */
	tell(&story, &r, &now);
	now = at(5, 1);		/* an admin has had enough */
	tell(&story, &r, &now);
	now = at(6, 2);		/* and then insists */
	tell(&story, &r, &now);
	assert_string_equal(buf_text(&story),
			    "0 began 1/2/0 push_began\n"
			    "1 nothing 1/2/0 push_not_ready\n"
			    "2 stopped 1/0/2 push_starts_failed\n"
			    "3 nothing 1/0/2 push_starts_failed\n"
			    "4 began 1/3/0 push_began\n"
			    "5 ended 1/0/0 push_ended\n"
			    "6 began 1/2/0 push_began\n");
}

static void each_kind_of_failure_has_its_word(void **state)
{
	static const struct {
		struct rollout_health health;
		enum reason why;
	} cases[] = {
		{ { .ready = 1, .failed = 2 }, REASON_PUSH_STARTS },
		{ { .ready = 3, .crashed = 2 }, REASON_PUSH_CRASHES },
		{ { .ready = 3, .logins = 1, .logins_failed = 2 }, REASON_PUSH_LOGINS },
		{ { .ready = 3, .logins = 2, .logins_failed = 2 }, REASON_PUSH_WATCHED },
		{ { .ready = 1, .first_start_ms = 35000 }, REASON_PUSH_WATCHED },
		{ { .ready = 1, .first_start_ms = 35001 }, REASON_PUSH_SLOW },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rollout r = { .current = 1, .next = 2 };
		struct rollout_now now = at(0, 2);

		now.health = cases[i].health;
		enum rollout_event event = rollout_step(&r, &now);
		assert_int_equal(r.why, cases[i].why);
		assert_int_equal(event, cases[i].why == REASON_PUSH_WATCHED ? ROLLOUT_NOTHING :
									       ROLLOUT_STOPPED);
	}
	struct rollout r = { .current = 1, .next = 2 };
	struct rollout_now now = at(60, 2);	/* nothing to compare with */

	now.base_start_ms = 0;
	now.health = (struct rollout_health){ .ready = 1, .first_start_ms = 900000 };
	assert_int_equal(rollout_step(&r, &now), ROLLOUT_PASSED);
}

static void the_way_back_and_pinned_pools_are_not_held_up(void **state)
{
	struct rollout r = { .current = 5, .next = 6 };
	struct rollout_now now = at(0, 4);

	assert_int_equal(rollout_step(&r, &now), ROLLOUT_TAKEN);
	assert_int_equal(r.current, 4);
	now = at(1, 7);
	now.gated = false;
	assert_int_equal(rollout_step(&r, &now), ROLLOUT_TAKEN);
	now = at(2, 8);
	now.rule.canary_percent = 100;
	assert_int_equal(rollout_step(&r, &now), ROLLOUT_TAKEN);
	now = at(3, 9);
	now.current_seen = false;
	assert_int_equal(rollout_step(&r, &now), ROLLOUT_TAKEN);
	now = at(4, 0);		/* the channel points nowhere */
	assert_int_equal(rollout_step(&r, &now), ROLLOUT_NOTHING);
	assert_int_equal(r.current, 9);
}

static void shares_are_never_nothing(void **state)
{
	assert_int_equal(rollout_share(0, 10), 1);
	assert_int_equal(rollout_share(10, 10), 1);
	assert_int_equal(rollout_share(11, 10), 2);
	assert_int_equal(rollout_share(50, 100), 50);
}

/* Whatever is published and whatever happens: a gated pool only ever moves up through a window
 * without too many failures, and a refused publication is never taken. */
static void promises_at_random(void **state)
{
	unsigned seed = (unsigned)time(NULL);

	print_message("seed %u\n", seed);
	for (int run = 0; run < 300; run++) {
		struct rollout r = { .current = 1 };
		struct rollout_health h = { 0 };
		int64_t target = 1;

		for (int minute = 0; minute < 400; minute++) {
			int64_t before = r.current, refused = r.refused;

			if (rand_r(&seed) % 40 == 0)
				target = 1 + rand_r(&seed) % 6;
			struct rollout_now now = at(minute, target);

			h.failed += rand_r(&seed) % 25 == 0;
			h.crashed += rand_r(&seed) % 40 == 0;
			if (!h.ready && rand_r(&seed) % 3 == 0)
				h = (struct rollout_health){ .ready = 1, .failed = h.failed,
							     .ready_since_ms = now.now_ms };
			now.health = h;
			enum rollout_event event = rollout_step(&r, &now);

			assert_false(r.next && r.next == r.current);
			if (r.current > before)
				assert_true(event == ROLLOUT_PASSED && h.failed <= 1 &&
					    h.crashed <= 1 &&
					    now.now_ms - h.ready_since_ms >= 30 * MINUTE);
			if (r.current != before)
				assert_true(r.current == target && r.current != refused);
			if (event == ROLLOUT_BEGAN)
				h = (struct rollout_health){ 0 };
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_publication),
		cmocka_unit_test(a_bad_one_is_stopped_and_not_tried_again),
		cmocka_unit_test(each_kind_of_failure_has_its_word),
		cmocka_unit_test(the_way_back_and_pinned_pools_are_not_held_up),
		cmocka_unit_test(shares_are_never_nothing),
		cmocka_unit_test(promises_at_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
