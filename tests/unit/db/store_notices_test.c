/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/db/site.h"

#include <errno.h>

static struct store_notice say(struct site *site, const char *desktop, const char *text,
			       bool in_desktop)
{
	struct store_notice n = { .in_desktop = in_desktop, .in_client = true, .at_ms = NOW,
				  .expires_at_ms = NOW + 1000 };

	snprintf(n.desktop, sizeof(n.desktop), "%s", desktop);
	snprintf(n.text, sizeof(n.text), "%s", text);
	must(store_notice_put(site->store, &n, &err));
	return n;
}

static int64_t generation(struct site *site)
{
	int64_t out = 0;

	must(store_host_generation(site->store, "host-a", &out, &err));
	return out;
}

static struct store_orders orders(struct site *site, int64_t now_ms)
{
	struct store_orders out;

	must(store_orders_of_host(site->store, "host-a", now_ms, &out, &err));
	return out;
}

static size_t told(struct site *site, int64_t after, int64_t since_ms, int64_t now_ms)
{
	OWNED(store_notice_list_done) struct store_notice_list list = { 0 };

	must(store_notices_of_user(site->store, "key-anna", after, since_ms, now_ms, &list, &err));
	return list.count;
}

static void a_notice_waits_until_it_was_shown(void **state)
{
	struct site *site = *state;
	struct store_desktop mine = site_take(site, "anna", "sales").desktop;
	int64_t before = generation(site);
	struct store_notice first = say(site, mine.id, "昼に再起動します", true);
	struct store_notice second = say(site, mine.id, "later", true);

	assert_string_equal(first.user_key, "key-anna");
	assert_true(second.seq > first.seq && generation(site) > before);
	{
		OWNED(store_orders_done) struct store_orders o = orders(site, NOW);

		assert_int_equal(o.notices.count, 2);
		assert_string_equal(o.notices.items[0].text, "昼に再起動します");
	}
	/* Another host cannot speak for the desktop. */
	must(store_notices_shown(site->store, mine.id, "host-b", second.seq, &err));
	must(store_notices_shown(site->store, mine.id, "host-a", first.seq, &err));
	{
		OWNED(store_orders_done) struct store_orders o = orders(site, NOW);

		assert_int_equal(o.notices.count, 1);
		assert_true(o.notices.items[0].seq == second.seq);
	}
	OWNED(store_orders_done) struct store_orders o = orders(site, NOW + 1000);
	assert_int_equal(o.notices.count, 0);	/* too late */
}

static void a_client_asks_for_what_is_new(void **state)
{
	struct site *site = *state;
	struct store_desktop mine = site_take(site, "anna", "sales").desktop;
	struct store_desktop theirs = site_take(site, "bo", "sales").desktop;
	struct store_notice first = say(site, mine.id, "one", false);

	say(site, theirs.id, "not for anna", false);
	assert_int_equal(told(site, 0, NOW, NOW), 1);
	assert_int_equal(told(site, first.seq, NOW, NOW), 0);
	say(site, mine.id, "two", false);
	assert_int_equal(told(site, first.seq, NOW, NOW), 1);
	assert_int_equal(told(site, 0, NOW + 1, NOW), 0);		/* from before the login */
	assert_int_equal(told(site, 0, NOW, NOW + 1000), 0);	/* no news any more */
}

static void refusals_are_remembered_by_kind(void **state)
{
	struct site *site = *state;
	struct store_desktop mine = site_take(site, "anna", "sales").desktop;
	struct store_notice n = { .kind = STORE_NOTICE_REFUSED, .what = "storage",
				  .in_client = true, .at_ms = NOW, .expires_at_ms = NOW + 1 };
	OWNED(store_orders_done) struct store_orders before = orders(site, NOW);
	bool known = true;

	memcpy(n.desktop, mine.id, sizeof(n.desktop));
	must(store_notice_known(site->store, mine.id, "storage", NOW - 1, &known, &err));
	assert_false(known);
	must(store_notice_put(site->store, &n, &err));
	must(store_notice_known(site->store, mine.id, "storage", NOW - 1, &known, &err));
	assert_true(known);
	must(store_notice_known(site->store, mine.id, "storage", NOW, &known, &err));
	assert_false(known);
	must(store_notice_known(site->store, mine.id, "usb", NOW - 1, &known, &err));
	assert_false(known);

	/* Nobody's client listens: the desktop is to show it. */
	assert_int_equal(before.notices.count, 0);
	must(store_notice_to_desktop(site->store, mine.id, n.seq, &err));
	OWNED(store_orders_done) struct store_orders after = orders(site, NOW);
	assert_int_equal(after.notices.count, 1);
}

static void nobody_is_told_of_a_desktop_without_user(void **state)
{
	struct site *site = *state;
	struct store_notice n = { .desktop = "0011223344556677", .expires_at_ms = NOW + 1 };

	assert_int_equal(store_notice_put(site->store, &n, NULL), -ENOENT);
}

static void report(struct site *site, int64_t seq, const struct store_report_desktop *seen)
{
	struct store_report r = site_report("host-a", seq);
	struct store_report_result out;

	r.desktops = seen;
	r.desktop_count = 1;
	must(store_host_report(site->store, &r, NOW, &out, &err));
	must(store_log_offs_settle(site->store, "host-a", &err));
}

static size_t log_offs(struct site *site)
{
	OWNED(store_orders_done) struct store_orders o = orders(site, NOW);

	return o.log_off_count;
}

/* The order names the stay; it is void as soon as that is over, however it ended. */
static void a_log_off_ends_one_stay(void **state)
{
	struct site *site = *state;
	struct store_desktop mine = site_take(site, "anna", "dev").desktop;
	struct store_report_desktop seen = site_ready(&mine);

	report(site, 2, &seen);
	assert_int_equal(store_desktop_log_off(site->store, mine.id, NULL), -ESRCH);
	seen.logged_on = "anna";
	report(site, 3, &seen);
	must(store_desktop_log_off(site->store, mine.id, &err));
	{
		OWNED(store_orders_done) struct store_orders o = orders(site, NOW);

		assert_int_equal(o.log_off_count, 1);
		assert_string_equal(o.log_offs[0].desktop, mine.id);
		assert_int_equal(o.log_offs[0].stay, 1);
	}
	report(site, 4, &seen);
	assert_int_equal(log_offs(site), 1);
	seen.logoffs = 1;
	report(site, 5, &seen);		/* logged on again at once */
	assert_int_equal(log_offs(site), 0);

	must(store_desktop_log_off(site->store, mine.id, &err));
	assert_int_equal(log_offs(site), 1);
	seen.logged_on = "";
	report(site, 6, &seen);
	assert_int_equal(log_offs(site), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, site_setup_full, site_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_notice_waits_until_it_was_shown),
		TEST(a_client_asks_for_what_is_new),
		TEST(refusals_are_remembered_by_kind),
		TEST(nobody_is_told_of_a_desktop_without_user),
		TEST(a_log_off_ends_one_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
