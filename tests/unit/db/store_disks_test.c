/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/db/site.h"

#include <errno.h>


/* host-a or host-b says that it has exactly this one desktop, or none. */
static void report(struct site *site, const char *host, int64_t seq,
		   const struct store_report_desktop *desktop)
{
	struct store_report r = site_report(host, seq);
	struct store_report_result result;

	r.generation = 1000;
	r.desktops = desktop;
	r.desktop_count = desktop ? 1 : 0;
	must(store_host_report(site->store, &r, NOW + seq, &result, &err));
}

static int setup(void **state)
{
	site_setup_full(state);
	struct site *site = *state;
	struct pool pool = site_pool("sales", POOL_FLOATING, 5, 0);

	pool.user_disk_bytes = 1 * GIB;
	site_apply(site, &pool, 1);
	return 0;
}

static struct store_user_disk only_disk(struct site *site)
{
	OWNED(store_user_disk_list_done) struct store_user_disk_list list = { 0 };

	must(store_user_disks(site->store, &list, &err));
	assert_int_equal(list.count, 1);
	return list.items[0];
}

static struct store_desktop look(struct site *site, const char *id)
{
	struct store_desktop d;

	must(store_desktop_find(site->store, id, &d, &err));
	return d;
}

static void the_first_assignment_makes_it_and_gives_it(void **state)
{
	struct site *site = *state;
	struct store_desktop d = site_take(site, "anna", "sales").desktop;

	assert_true(d.home.held && d.home.fresh && d.home.epoch > 0);
	assert_int_equal(d.home.size_bytes, 1 * GIB);
	assert_string_equal(d.home.account, "anna");
	assert_string_equal(only_disk(site).desktop, d.id);
	assert_string_equal(site_take(site, "anna", "sales").desktop.home.id, d.home.id);
	assert_string_not_equal(site_take(site, "bo", "sales").desktop.home.id, d.home.id);
}

static void it_changes_hands_only_when_the_holder_is_gone(void **state)
{
	struct site *site = *state;
	struct store_desktop first = site_take(site, "anna", "sales").desktop, second;
	struct store_report_desktop said = site_ready(&first);

	said.disk = (struct store_report_disk){ .id = first.home.id, .epoch = first.home.epoch,
						.state = DESKTOP_DISK_MOUNTED, .used_bytes = GIB };
	report(site, "host-a", 2, &said);
	assert_int_equal(look(site, first.id).home.attached, DESKTOP_DISK_MOUNTED);
	assert_string_equal(only_disk(site).state, "ready");
	assert_int_equal(only_disk(site).used_bytes, GIB);

	must(store_desktop_stay_ended(site->store, first.id, POOL_STAY_LOGOFF, NOW, &err));
	second = site_take(site, "anna", "sales").desktop;
	assert_string_equal(second.home.id, first.home.id);
	assert_false(second.home.held);
	report(site, "host-a", 3, &said);	/* it still runs */
	assert_false(look(site, second.id).home.held);
	report(site, "host-a", 4, NULL);
	second = look(site, second.id);
	assert_true(second.home.held && !second.home.fresh);
	assert_true(second.home.epoch > first.home.epoch);
}

static void what_is_said_of_an_older_hold_counts_for_nothing(void **state)
{
	struct site *site = *state;
	struct store_desktop d = site_take(site, "anna", "sales").desktop;
	struct store_report_desktop said = site_ready(&d);

	said.disk = (struct store_report_disk){ .id = d.home.id, .epoch = d.home.epoch - 1,
						.state = DESKTOP_DISK_MOUNTED };
	report(site, "host-a", 2, &said);
	assert_int_equal(look(site, d.id).home.attached, DESKTOP_DISK_NONE);
}

static void a_lost_host_lets_go_for_the_storage_to_decide(void **state)
{
	struct site *site = *state;
	struct store_desktop first = site_take(site, "anna", "sales").desktop, second;
	int64_t lost = 0, expired = 0;
	char holder[STORE_ID_SIZE];

	must(store_desktop_delete(site->store, first.id, NOW, &err));
	site_host(site, "host-b");
	second = site_take(site, "anna", "sales").desktop;
	memcpy(holder, second.home.held ? second.id : first.id, sizeof(holder));
	assert_string_equal(only_disk(site).desktop, first.id);
	must(store_desktops_expire(site->store, NOW, &expired, &err));
	assert_string_equal(only_disk(site).desktop, first.id);

	report(site, "host-b", 500000, NULL);
	must(store_hosts_lost(site->store, NOW + 400000, &lost, &err));
	assert_int_equal(lost, 1);
	must(store_desktops_expire(site->store, NOW, &expired, &err));
	assert_string_equal(only_disk(site).desktop, second.id);
	assert_true(look(site, second.id).home.epoch > first.home.epoch);
}

static void a_broken_one_is_in_the_audit_log_once(void **state)
{
	struct site *site = *state;
	OWNED(store_audit_list_done) struct store_audit_list rows = { 0 };
	struct store_desktop d = site_take(site, "anna", "sales").desktop;
	struct store_report_desktop said = site_ready(&d);
	int64_t count = 0;

	said.disk = (struct store_report_disk){ .id = d.home.id, .epoch = d.home.epoch,
						.reason = "bad \"magic\"\n",
						.state = DESKTOP_DISK_BROKEN };
	report(site, "host-a", 2, &said);
	said.disk.used_bytes = GIB;
	report(site, "host-a", 3, &said);
	must(store_audit_rows(site->store, true, 10, &rows, &err));
	assert_int_equal(rows.count, 1);
	assert_string_equal(rows.items[0].code, "user_disk_broken");
	assert_string_equal(rows.items[0].who, "anna");
	must(store_audit_verify(site->store, &count, &err));
	assert_string_equal(only_disk(site).state, "broken");
}

static void set_aside_only_while_nobody_holds_it(void **state)
{
	struct site *site = *state;
	struct store_desktop d = site_take(site, "anna", "sales").desktop;
	enum reason reason;

	must(store_user_disk_set_aside(site->store, d.home.id, NOW, &reason, &err));
	assert_int_equal(reason, REASON_USER_DISK_BUSY);
	must(store_desktop_delete(site->store, d.id, NOW, &err));
	report(site, "host-a", 2, NULL);
	must(store_user_disk_set_aside(site->store, d.home.id, NOW, &reason, &err));
	assert_int_equal(reason, REASON_OK);

	struct store_desktop next = site_take(site, "anna", "sales").desktop;
	assert_string_not_equal(next.home.id, d.home.id);
	assert_true(next.home.fresh && next.home.held);
	assert_int_equal(store_user_disk_set_aside(site->store, "0123456789abcdef", NOW, &reason, NULL),
			 -ENOENT);
}

static void report_weights(struct site *site, int64_t seq, const struct store_desktop *d,
			   int64_t pss_bytes, int64_t disk_free_bytes)
{
	struct store_report_desktop said = site_ready(d);
	struct store_report r = site_report("host-a", seq);
	struct store_report_result result;

	said.pss_bytes = pss_bytes;
	said.overlay_bytes = 100 * MIB;
	r.generation = 1000;
	r.desktops = &said;
	r.desktop_count = 1;
	r.disk_bytes = 100 * GIB;
	r.disk_free_bytes = disk_free_bytes;
	must(store_host_report(site->store, &r, NOW + seq, &result, &err));
}

static struct store_room room_of(struct site *site)
{
	OWNED(store_room_list_done) struct store_room_list list = { 0 };

	struct pool pool = site_pool("sales", POOL_FLOATING, 5, 0);

	must(store_pool_room(site->store, &pool, IMAGE_SHA, 0, NOW, &list, &err));
	assert_int_equal(list.count, 1);
	return list.items[0];
}

/* What was measured makes room on a host that promises alone would have filled. */
static void measured_desktops_take_what_they_take(void **state)
{
	struct site *site = *state;
	struct store_desktop d = site_take(site, "anna", "sales").desktop;
	struct store_room room = room_of(site);

	assert_int_equal(room.memory_needed_bytes, 1 * GIB);
	assert_int_equal(room.memory_free_bytes, 63 * GIB);
	report_weights(site, 2, &d, 100 * MIB, 50 * GIB);
	room = room_of(site);
	assert_int_equal(room.reason, REASON_OK);
	assert_int_equal(room.memory_needed_bytes, 256 * MIB);
	assert_int_equal(room.memory_free_bytes, 64 * GIB - 256 * MIB);
	assert_int_equal(room.disk_needed_bytes, 125 * MIB);
	assert_int_equal(room.disk_free_bytes, 50 * GIB - 25 * MIB);
}

static void a_full_disk_is_told_before_anything_is_ordered(void **state)
{
	struct site *site = *state;
	struct store_desktop d = site_take(site, "anna", "sales").desktop;

	report_weights(site, 2, &d, 100 * MIB, 100 * MIB);
	assert_int_equal(room_of(site).reason, REASON_HOST_DISK);

	struct store_taken taken = site_take(site, "bo", "sales");
	assert_int_equal(taken.reason, REASON_WAITING);
	assert_int_equal(taken.place.why, REASON_HOSTS_FULL);
	report_weights(site, 3, &d, 100 * MIB, 50 * GIB);
	assert_int_equal(room_of(site).reason, REASON_OK);
	assert_int_equal(site_take(site, "bo", "sales").reason, REASON_OK);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_assignment_makes_it_and_gives_it, setup,
						site_teardown),
		cmocka_unit_test_setup_teardown(it_changes_hands_only_when_the_holder_is_gone, setup,
						site_teardown),
		cmocka_unit_test_setup_teardown(what_is_said_of_an_older_hold_counts_for_nothing,
						setup, site_teardown),
		cmocka_unit_test_setup_teardown(a_lost_host_lets_go_for_the_storage_to_decide, setup,
						site_teardown),
		cmocka_unit_test_setup_teardown(a_broken_one_is_in_the_audit_log_once, setup,
						site_teardown),
		cmocka_unit_test_setup_teardown(measured_desktops_take_what_they_take, setup,
						site_teardown),
		cmocka_unit_test_setup_teardown(a_full_disk_is_told_before_anything_is_ordered, setup,
						site_teardown),
		cmocka_unit_test_setup_teardown(set_aside_only_while_nobody_holds_it, setup,
						site_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
