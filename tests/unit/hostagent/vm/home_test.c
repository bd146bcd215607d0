/* SPDX-License-Identifier: Apache-2.0 */
/* Golden traces: events in, lines of effects out. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>
#include "common/base/buf.h"
#include "hostagent/vm/home.h"

static void trace(enum home_state *state, const enum home_event *events, size_t count,
		  struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		unsigned effects = 0;
		int rc = home_step(state, events[i], &effects);

		buf_printf(out, "%s: %s", home_event_name(events[i]),
			   rc < 0 ? "refused" : home_state_name(*state));
		for (; effects; effects &= effects - 1)
			buf_printf(out, " %s", home_effect_name(effects));
		buf_put_u8(out, '\n');
	}
}

#define EXPECT_TRACE(first, expected, ...)                                                         \
	do {                                                                                       \
		const enum home_event events_[] = { __VA_ARGS__ };                                 \
		OWNED(buf_done) struct buf text_ = { 0 };                                          \
		enum home_state state_ = first;                                                    \
		trace(&state_, events_, ARRAY_LEN(events_), &text_);                               \
		assert_string_equal(buf_text(&text_), expected);                                   \
	} while (0)

static void a_stay_from_plug_to_unplug(void **state)
{
	EXPECT_TRACE(HOME_NONE,
		     "wanted: looking look report\n"
		     "missing: opening open\n"
		     "opened: plugging plug\n"
		     "plugged: mounting mount report\n"
		     "mounted: mounted report\n"
		     "wanted: mounted\n"
		     "unwanted: releasing release report\n"
		     "unwanted: releasing\n"
		     "released: unplugging unplug\n"
		     "deleted: closing close\n"
		     "closed: none report done\n",
		     HOME_EV_WANTED, HOME_EV_MISSING, HOME_EV_OPENED, HOME_EV_PLUGGED,
		     HOME_EV_MOUNTED, HOME_EV_WANTED, HOME_EV_UNWANTED, HOME_EV_UNWANTED,
		     HOME_EV_RELEASED, HOME_EV_DELETED, HOME_EV_CLOSED);
}

static void one_that_an_earlier_agent_plugged_is_only_mounted(void **state)
{
	EXPECT_TRACE(HOME_LOOKING, "found: mounting mount report\nmounted: mounted report\n",
		     HOME_EV_FOUND, HOME_EV_MOUNTED);
}

static void a_guest_without_a_disk_is_not_asked_to_let_go(void **state)
{
	EXPECT_TRACE(
		HOME_LOOKING,
		"unwanted: seeking look report\nunwanted: seeking\nmissing: none report done\n",
		HOME_EV_UNWANTED, HOME_EV_UNWANTED, HOME_EV_MISSING);
	EXPECT_TRACE(HOME_SEEKING, "found: releasing release report\n", HOME_EV_FOUND);
	EXPECT_TRACE(HOME_SEEKING, "failed: releasing release report\n", HOME_EV_FAILED);
}

static void a_held_lock_is_asked_again_and_never_overruled(void **state)
{
	EXPECT_TRACE(HOME_OPENING,
		     "busy: locked close retry report\n"
		     "retry: opening open\n"
		     "opened: plugging plug\n"
		     "busy: locked close retry report\n"
		     "plugged: refused\n",
		     HOME_EV_BUSY, HOME_EV_RETRY, HOME_EV_OPENED, HOME_EV_BUSY, HOME_EV_PLUGGED);
}

static void a_broken_one_is_unplugged_without_a_word_to_the_guest(void **state)
{
	EXPECT_TRACE(HOME_MOUNTING, "broken: broken report\nunwanted: unplugging unplug report\n",
		     HOME_EV_BROKEN, HOME_EV_UNWANTED);
}

static void a_reboot_mounts_again(void **state)
{
	EXPECT_TRACE(HOME_MOUNTED,
		     "rebooted: plugged report\nwanted: mounting mount report\nmounted: mounted report\n",
		     HOME_EV_REBOOTED, HOME_EV_WANTED, HOME_EV_MOUNTED);
}

/* Whatever a guest does, unplugging ends; and when QEMU dies nothing is left in any state. */
static void every_end_is_bounded(void **state)
{
	for (int from = 0; from < HOME_STATES; from++) {
		enum home_state s = (enum home_state)from;
		unsigned effects = 0;

		assert_int_equal(home_step(&s, HOME_EV_GONE, &effects), 0);
		assert_int_equal(s, HOME_NONE);

		s = (enum home_state)from;
		assert_int_equal(home_step(&s, HOME_EV_UNWANTED, &effects), 0);
		for (int steps = 0; s != HOME_NONE; steps++) {
			assert_true(steps < 4);
			assert_true(home_deadline_ms(s) > 0);
			assert_int_equal(home_step(&s, HOME_EV_TIMEOUT, &effects), 0);
		}
	}
}

static void orders_are_checked(void **state)
{
	struct vm_home home = { .id = "0000d15c0000d15c", .epoch = 1, .size_bytes = VM_HOME_MIN,
				.user = "hanako", .uid = 20001 };

	assert_int_equal(vm_home_check(&home, NULL), 0);
	home.uid = 0;
	assert_int_equal(vm_home_check(&home, NULL), -EINVAL);
	home.uid = 20001;
	home.size_bytes = 1;
	assert_int_equal(vm_home_check(&home, NULL), -EINVAL);
	home.size_bytes = VM_HOME_MAX;
	home.id[0] = '/';
	assert_int_equal(vm_home_check(&home, NULL), -EINVAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stay_from_plug_to_unplug),
		cmocka_unit_test(one_that_an_earlier_agent_plugged_is_only_mounted),
		cmocka_unit_test(a_guest_without_a_disk_is_not_asked_to_let_go),
		cmocka_unit_test(a_held_lock_is_asked_again_and_never_overruled),
		cmocka_unit_test(a_broken_one_is_unplugged_without_a_word_to_the_guest),
		cmocka_unit_test(a_reboot_mounts_again),
		cmocka_unit_test(every_end_is_bounded),
		cmocka_unit_test(orders_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
