/* SPDX-License-Identifier: Apache-2.0 */
/* Golden traces: events in, lines of effects out. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>
#include "common/base/buf.h"
#include "hostagent/vm/template.h"

#define GIB ((int64_t)1 << 30)

static void trace(enum template_state *state, const enum template_event *events, size_t count,
		  struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		unsigned effects = 0;
		int rc = template_step(state, events[i], &effects);

		buf_printf(out, "%s: %s", template_event_name(events[i]),
			   rc < 0 ? "refused" : template_state_name(*state));
		for (; effects; effects &= effects - 1)
			buf_printf(out, " %s", template_effect_name(effects));
		buf_put_u8(out, '\n');
	}
}

#define EXPECT_TRACE(first, expected, ...)                                                         \
	do {                                                                                       \
		const enum template_event events_[] = { __VA_ARGS__ };                             \
		OWNED(buf_done) struct buf text_ = { 0 };                                          \
		enum template_state state_ = first;                                                \
		trace(&state_, events_, ARRAY_LEN(events_), &text_);                               \
		assert_string_equal(buf_text(&text_), expected);                                   \
	} while (0)

static void from_nothing_to_ready_and_away(void **state)
{
	EXPECT_TRACE(TEMPLATE_ABSENT,
		     "wanted: waiting admit report\n"
		     "admitted: starting start report\n"
		     "started: booting connect report\n"
		     "guest_ready: settling freeze report\n"
		     "frozen: saving save report\n"
		     "saved: sealing disconnect seal report\n"
		     "sealed: ready report\n"
		     "unwanted: dropping disconnect drop report\n"
		     "dropped: absent forget report\n",
		     TEMPLATE_EV_WANTED, TEMPLATE_EV_ADMITTED, TEMPLATE_EV_STARTED,
		     TEMPLATE_EV_GUEST_READY, TEMPLATE_EV_FROZEN, TEMPLATE_EV_SAVED,
		     TEMPLATE_EV_SEALED, TEMPLATE_EV_UNWANTED, TEMPLATE_EV_DROPPED);
}

static void what_fails_is_thrown_away_and_tried_again(void **state)
{
	EXPECT_TRACE(TEMPLATE_BOOTING,
		     "timeout: error disconnect drop retry report\n"
		     "dropped: error\n"
		     "retry: waiting admit report\n"
		     "failed: error retry report\n",
		     TEMPLATE_EV_TIMEOUT, TEMPLATE_EV_DROPPED, TEMPLATE_EV_RETRY,
		     TEMPLATE_EV_FAILED);
	EXPECT_TRACE(TEMPLATE_SETTLING, "failed: error disconnect drop retry report\n",
		     TEMPLATE_EV_FAILED);
	EXPECT_TRACE(TEMPLATE_SAVING, "exited: error disconnect drop retry report\n",
		     TEMPLATE_EV_EXITED);
}

static void nothing_is_frozen_twice(void **state)
{
	EXPECT_TRACE(TEMPLATE_SETTLING,
		     "guest_ready: settling\n"
		     "frozen: saving save report\n"
		     "guest_ready: saving\n"
		     "frozen: refused\n",
		     TEMPLATE_EV_GUEST_READY, TEMPLATE_EV_FROZEN, TEMPLATE_EV_GUEST_READY,
		     TEMPLATE_EV_FROZEN);
}

static void a_restarted_agent_takes_up_what_is_whole(void **state)
{
	EXPECT_TRACE(TEMPLATE_ABSENT, "found_ready: ready report\n", TEMPLATE_EV_FOUND_READY);
	EXPECT_TRACE(TEMPLATE_ABSENT,
		     "found_broken: dropping drop\n"
		     "dropped: absent forget report\n",
		     TEMPLATE_EV_FOUND_BROKEN, TEMPLATE_EV_DROPPED);
	EXPECT_TRACE(TEMPLATE_ABSENT,
		     "found_stale: retired retire\n"
		     "wanted: refused\n"
		     "unwanted: dropping disconnect drop report\n",
		     TEMPLATE_EV_FOUND_STALE, TEMPLATE_EV_WANTED, TEMPLATE_EV_UNWANTED);
}

static void late_results_change_nothing(void **state)
{
	EXPECT_TRACE(TEMPLATE_STARTING,
		     "unwanted: dropping disconnect drop report\n"
		     "started: dropping\n"
		     "failed: dropping retry report\n"
		     "retry: dropping drop\n"
		     "dropped: absent forget report\n",
		     TEMPLATE_EV_UNWANTED, TEMPLATE_EV_STARTED, TEMPLATE_EV_FAILED,
		     TEMPLATE_EV_RETRY, TEMPLATE_EV_DROPPED);
}

static void failures_wait_longer_and_longer(void **state)
{
	assert_int_equal(template_retry_ms(1), 5000);
	assert_int_equal(template_retry_ms(3), 20000);
	assert_int_equal(template_retry_ms(30), 15 * 60000);
}

static void only_the_same_kind_fits(void **state)
{
	struct vm_spec template = { .cpus = 2, .memory_bytes = GIB };
	struct vm_spec desktop;

	memset(template.image_sha256, 'a', VM_SHA256_SIZE - 1);
	desktop = template;
	memcpy(desktop.id, "00c0ffee00c0ffee", VM_ID_SIZE);
	assert_true(template_fits(&template, &desktop));
	desktop.cpus = 1;
	assert_false(template_fits(&template, &desktop));
	desktop.cpus = 2;
	desktop.memory_bytes = 2 * GIB;
	assert_false(template_fits(&template, &desktop));
	desktop.memory_bytes = GIB;
	desktop.image_sha256[5] = 'b';
	assert_false(template_fits(&template, &desktop));
}

static void a_full_host_says_so(void **state)
{
	struct vm_spec desktop = { .memory_bytes = GIB };
	struct error err = { 0 };

	assert_int_equal(memory_admit(2 * GIB, GIB, GIB, &err), 0);
	assert_int_equal(memory_admit(2 * GIB - 1, GIB, GIB, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "the host is full: 2047 MiB are free, 1024 MiB needed"));
	assert_true(memory_needed(&desktop, false) == GIB);
	assert_true(memory_needed(&desktop, true) < GIB / 4);
	desktop.memory_bytes = VM_MEMORY_MIN;
	assert_true(memory_needed(&desktop, true) == VM_MEMORY_MIN);
}

static void waiting_pays_while_boots_share_the_processors(void **state)
{
	assert_true(template_worth_waiting(10000, 15000, 0, 2));
	assert_false(template_worth_waiting(20000, 15000, 0, 2));
	assert_true(template_worth_waiting(20000, 15000, 3, 2));
	assert_false(template_worth_waiting(20000, 15000, 3, 64));
	assert_true(template_worth_waiting(1, 15000, 0, 0));
}

static void what_is_left_is_told_by_the_steps_that_were_seen(void **state)
{
	const struct template_pace unknown = { 0, 0 }, seen = { 10000, 4000 };

	assert_int_equal(template_left_ms(TEMPLATE_BOOTING, 0, &unknown, 15000), 25500);
	assert_int_equal(template_left_ms(TEMPLATE_BOOTING, 0, &seen, 15000), 14500);
	assert_int_equal(template_left_ms(TEMPLATE_BOOTING, 9000, &seen, 15000), 5500);
	assert_int_equal(template_left_ms(TEMPLATE_BOOTING, 16000, &seen, 15000), 6500);
	assert_int_equal(template_left_ms(TEMPLATE_SETTLING, 1000, &seen, 15000), 3500);
	assert_int_equal(template_left_ms(TEMPLATE_SETTLING, 8000, &seen, 15000), 1500);
	assert_int_equal(template_left_ms(TEMPLATE_SEALING, 100, &seen, 15000), 500);
	/* One that settles is waited for on a host that has nothing else to do, however slow it is. */
	for (int64_t boot_ms = 1000; boot_ms < 200000; boot_ms += 1000)
		assert_true(template_worth_waiting(
			template_left_ms(TEMPLATE_SETTLING, 0, &unknown, boot_ms), boot_ms + 1000, 0, 64));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waiting_pays_while_boots_share_the_processors),
		cmocka_unit_test(what_is_left_is_told_by_the_steps_that_were_seen),
		cmocka_unit_test(from_nothing_to_ready_and_away),
		cmocka_unit_test(what_fails_is_thrown_away_and_tried_again),
		cmocka_unit_test(nothing_is_frozen_twice),
		cmocka_unit_test(a_restarted_agent_takes_up_what_is_whole),
		cmocka_unit_test(late_results_change_nothing),
		cmocka_unit_test(failures_wait_longer_and_longer),
		cmocka_unit_test(only_the_same_kind_fits),
		cmocka_unit_test(a_full_host_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
