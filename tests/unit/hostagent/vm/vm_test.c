/* SPDX-License-Identifier: Apache-2.0 */
/* Golden traces: events in, lines of effects out. */
#include "tests/unit/test.h"

#include <errno.h>
#include "common/base/buf.h"
#include "hostagent/vm/vm.h"

static void trace(enum vm_state *state, const enum vm_event *events, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		unsigned effects = 0;
		int rc = vm_step(state, events[i], &effects);

		buf_printf(out, "%s: %s", vm_event_name(events[i]),
			   rc < 0 ? "refused" : vm_state_name(*state));
		for (; effects; effects &= effects - 1)
			buf_printf(out, " %s", vm_effect_name(effects));
		buf_put_u8(out, '\n');
	}
}

#define EXPECT_TRACE(first, expected, ...)                                                         \
	do {                                                                                       \
		const enum vm_event events_[] = { __VA_ARGS__ };                                   \
		OWNED(buf_done) struct buf text_ = { 0 };                                          \
		enum vm_state state_ = first;                                                      \
		trace(&state_, events_, ARRAY_LEN(events_), &text_);                               \
		assert_string_equal(buf_text(&text_), expected);                                   \
	} while (0)

static void from_nothing_to_ready_and_away(void **state)
{
	EXPECT_TRACE(VM_ABSENT,
		     "wanted: queued check_image report\n"
		     "image_ready: cloning clone report\n"
		     "cloned: starting spawn report\n"
		     "spawned: starting connect\n"
		     "qmp_ready: booting report\n"
		     "guest_ready: identity identity save report\n"
		     "identified: ready save report\n"
		     "wanted: ready\n"
		     "unwanted: stopping disconnect kill report\n"
		     "exited: cleaning clean\n"
		     "cleaned: absent forget report\n",
		     VM_EV_WANTED, VM_EV_IMAGE_READY, VM_EV_CLONED, VM_EV_SPAWNED, VM_EV_QMP_READY,
		     VM_EV_GUEST_READY, VM_EV_IDENTIFIED, VM_EV_WANTED, VM_EV_UNWANTED,
		     VM_EV_EXITED, VM_EV_CLEANED);
}

static void a_clone_does_not_boot(void **state)
{
	EXPECT_TRACE(VM_CLONING,
		     "cloned: starting spawn report\n"
		     "spawned: starting connect\n"
		     "resumed: identity identity save report\n"
		     "qmp_ready: identity\n"
		     "identified: ready save report\n"
		     "reset: booting save report\n",
		     VM_EV_CLONED, VM_EV_SPAWNED, VM_EV_RESUMED, VM_EV_QMP_READY, VM_EV_IDENTIFIED,
		     VM_EV_RESET);
}

static void a_dead_qemu_is_started_again(void **state)
{
	EXPECT_TRACE(VM_READY,
		     "exited: error disconnect retry save report\n"
		     "exited: error\n"
		     "retry: queued check_image report\n"
		     "image_ready: cloning clone report\n"
		     "cloned: starting spawn report\n"
		     "failed: error disconnect kill retry save report\n"
		     "exited: error\n",
		     VM_EV_EXITED, VM_EV_EXITED, VM_EV_RETRY, VM_EV_IMAGE_READY, VM_EV_CLONED,
		     VM_EV_FAILED, VM_EV_EXITED);
}

static void a_restarted_agent_takes_it_up(void **state)
{
	EXPECT_TRACE(VM_ABSENT,
		     "found_ready: ready connect\n"
		     "qmp_ready: ready\n"
		     "guest_ready: ready identity\n"
		     "identified: ready save report\n",
		     VM_EV_FOUND_READY, VM_EV_QMP_READY, VM_EV_GUEST_READY, VM_EV_IDENTIFIED);
	EXPECT_TRACE(VM_ABSENT,
		     "found_running: starting connect\n"
		     "qmp_ready: booting report\n",
		     VM_EV_FOUND_RUNNING, VM_EV_QMP_READY);
	EXPECT_TRACE(VM_ABSENT,
		     "found_dead: error retry\n"
		     "unwanted: stopping disconnect kill report\n",
		     VM_EV_FOUND_DEAD, VM_EV_UNWANTED);
}

/* The agent's own end is no failure of the desktop or its image: none of these is an error. */
static void a_start_that_was_cut_off_begins_again(void **state)
{
	EXPECT_TRACE(VM_ABSENT,
		     "cut_off: queued retry\n"
		     "retry: queued check_image\n"
		     "image_ready: cloning clone report\n",
		     VM_EV_CUT_OFF, VM_EV_RETRY, VM_EV_IMAGE_READY);
	EXPECT_TRACE(VM_ABSENT,
		     "cut_off: queued retry\n"
		     "unwanted: stopping disconnect kill report\n",
		     VM_EV_CUT_OFF, VM_EV_UNWANTED);
	EXPECT_TRACE(VM_ABSENT,
		     "found_running: starting connect\n"
		     "qmp_ready: booting report\n"
		     "cut_off: queued disconnect kill retry save report\n"
		     "exited: queued\n"
		     "retry: queued check_image\n",
		     VM_EV_FOUND_RUNNING, VM_EV_QMP_READY, VM_EV_CUT_OFF, VM_EV_EXITED,
		     VM_EV_RETRY);
}

static void an_image_that_is_coming_is_waited_for(void **state)
{
	EXPECT_TRACE(VM_QUEUED,
		     "image_coming: queued retry\n"
		     "retry: queued check_image\n"
		     "image_ready: cloning clone report\n",
		     VM_EV_IMAGE_COMING, VM_EV_RETRY, VM_EV_IMAGE_READY);
	EXPECT_TRACE(VM_STOPPING, "image_coming: stopping\n", VM_EV_IMAGE_COMING);
}

static void a_reboot_and_a_newer_epoch_ask_for_identity(void **state)
{
	EXPECT_TRACE(VM_READY,
		     "reset: booting save report\n"
		     "guest_ready: identity identity save report\n"
		     "guest_ready: identity identity\n"
		     "identified: ready save report\n"
		     "new_epoch: identity identity save report\n",
		     VM_EV_RESET, VM_EV_GUEST_READY, VM_EV_GUEST_READY, VM_EV_IDENTIFIED,
		     VM_EV_NEW_EPOCH);
}

static void a_guest_that_is_slow_is_asked_again(void **state)
{
	EXPECT_TRACE(VM_IDENTITY,
		     "refused: identity retry report\n"
		     "retry: identity identity\n"
		     "refused: identity retry report\n"
		     "timeout: error disconnect kill retry save report\n",
		     VM_EV_REFUSED, VM_EV_RETRY, VM_EV_REFUSED, VM_EV_TIMEOUT);
}

static void late_results_of_a_stopped_one_do_nothing(void **state)
{
	EXPECT_TRACE(VM_CLONING,
		     "unwanted: stopping disconnect kill report\n"
		     "cloned: stopping\n"
		     "spawned: stopping\n"
		     "wanted: stopping\n"
		     "exited: cleaning clean\n"
		     "exited: cleaning\n"
		     "failed: cleaning retry report\n"
		     "retry: cleaning clean\n",
		     VM_EV_UNWANTED, VM_EV_CLONED, VM_EV_SPAWNED, VM_EV_WANTED, VM_EV_EXITED,
		     VM_EV_EXITED, VM_EV_FAILED, VM_EV_RETRY);
}

static void what_makes_no_sense_changes_nothing(void **state)
{
	enum vm_state s = VM_ABSENT;
	unsigned effects = 77;

	assert_int_equal(vm_step(&s, VM_EV_IDENTIFIED, &effects), -EPROTO);
	assert_int_equal(s, VM_ABSENT);
	assert_int_equal(effects, 77);
}

/* From every state, whatever happened before: unwanted leads to nothing being left, and the
 * machine is ended before its files are removed. */
static void unwanted_ends_every_life(void **state)
{
	for (enum vm_state first = VM_ABSENT; first < VM_STATES; first++) {
		enum vm_state s = first;
		unsigned effects;

		assert_int_equal(vm_step(&s, VM_EV_UNWANTED, &effects), 0);
		if (s == VM_STOPPING) {
			assert_true((effects & VM_FX_KILL) || first == VM_STOPPING);
			assert_int_equal(vm_step(&s, VM_EV_EXITED, &effects), 0);
			assert_int_equal(effects, VM_FX_CLEAN);
		}
		assert_int_equal(s, VM_CLEANING);
		assert_int_equal(vm_step(&s, VM_EV_CLEANED, &effects), 0);
		assert_int_equal(s, VM_ABSENT);
	}
}

static void percent_only_grows_along_the_way(void **state)
{
	static const enum vm_state way[] = { VM_QUEUED, VM_CLONING, VM_STARTING, VM_BOOTING,
					     VM_IDENTITY, VM_READY };
	int last = -1;

	for (size_t i = 0; i < ARRAY_LEN(way); i++) {
		for (int64_t elapsed = 0; elapsed <= 30000; elapsed += 1000) {
			int percent = vm_view(way[i], elapsed, 15000).percent;

			assert_true(percent >= last && percent <= 100);
			last = percent;
		}
	}
	assert_int_equal(last, 100);
	assert_string_equal(vm_view(VM_READY, 0, 0).stage, "ready");
	assert_int_equal(vm_view(VM_BOOTING, -5, 1000).percent, 15);
	assert_int_equal(vm_view(VM_BOOTING, 5, 0).percent, 85);
}

static void pauses_grow_and_end(void **state)
{
	assert_int_equal(vm_retry_ms(0), 500);
	assert_int_equal(vm_retry_ms(1), 500);
	assert_int_equal(vm_retry_ms(2), 1000);
	assert_int_equal(vm_retry_ms(1000), 60000);
	assert_int_equal(vm_deadline_ms(VM_BOOTING, 90000), 90000);
	assert_int_equal(vm_deadline_ms(VM_READY, 90000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_nothing_to_ready_and_away),
		cmocka_unit_test(a_clone_does_not_boot),
		cmocka_unit_test(a_dead_qemu_is_started_again),
		cmocka_unit_test(a_restarted_agent_takes_it_up),
		cmocka_unit_test(a_start_that_was_cut_off_begins_again),
		cmocka_unit_test(an_image_that_is_coming_is_waited_for),
		cmocka_unit_test(a_reboot_and_a_newer_epoch_ask_for_identity),
		cmocka_unit_test(a_guest_that_is_slow_is_asked_again),
		cmocka_unit_test(late_results_of_a_stopped_one_do_nothing),
		cmocka_unit_test(what_makes_no_sense_changes_nothing),
		cmocka_unit_test(unwanted_ends_every_life),
		cmocka_unit_test(percent_only_grows_along_the_way),
		cmocka_unit_test(pauses_grow_and_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
