/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/db/site.h"

#include <errno.h>
#include <pthread.h>

static struct store_report_result report(struct site *site, int64_t seq, int64_t generation,
					 const struct store_report_desktop *desktops, size_t count)
{
	struct store_report r = site_report("host-a", seq);
	struct store_report_result result;

	r.generation = generation;
	r.desktops = desktops;
	r.desktop_count = count;
	must(store_host_report(site->store, &r, NOW + seq, &result, &err));
	return result;
}

static void a_user_keeps_the_desktop(void **state)
{
	struct site *site = *state;
	struct store_taken first = site_take(site, "anna", "sales");
	struct store_taken again = site_take(site, "anna", "sales");
	struct store_taken other = site_take(site, "bo", "sales");

	assert_int_equal(first.reason, REASON_OK);
	assert_int_equal(first.how, REASON_DESKTOP_ORDERED);
	assert_string_equal(first.desktop.name, "sales-001");
	assert_string_equal(first.desktop.host, "host-a");
	assert_string_equal(first.desktop.user_name, "anna");
	assert_int_equal(first.desktop.use, DESKTOP_ASSIGNED);
	assert_int_equal(again.how, REASON_DESKTOP_OWN);
	assert_string_equal(again.desktop.id, first.desktop.id);
	assert_string_not_equal(other.desktop.id, first.desktop.id);
	assert_string_equal(other.desktop.name, "sales-002");
}

static void a_ready_spare_is_taken_first(void **state)
{
	struct site *site = *state;
	struct pool pool = site_pool("sales", POOL_FLOATING, 3, 2);
	OWNED(store_desired_done) struct store_desired desired = { 0 };

	site_apply(site, &pool, 1);
	assert_int_equal(site_replenish(site, NOW), 2);
	assert_int_equal(site_replenish(site, NOW), 0);
	must(store_desired_for_host(site->store, "host-a", &desired, &err));
	assert_int_equal(desired.desktop_count, 2);

	struct store_report_desktop ready = site_ready(&desired.desktops[1]);
	assert_true(report(site, 2, desired.generation - 1, &ready, 1).changed);

	struct store_taken taken = site_take(site, "anna", "sales");
	assert_int_equal(taken.how, REASON_DESKTOP_SPARE);
	assert_string_equal(taken.desktop.id, desired.desktops[1].id);
	assert_int_equal(taken.desktop.state, DESKTOP_READY);

	/* A spare on its way is better than one more order. */
	taken = site_take(site, "bo", "sales");
	assert_int_equal(taken.how, REASON_DESKTOP_SPARE);
	assert_string_equal(taken.desktop.id, desired.desktops[0].id);
}

static void a_failed_spare_is_replaced_after_a_while(void **state)
{
	struct site *site = *state;
	struct pool pool = site_pool("sales", POOL_FLOATING, 3, 1);
	OWNED(store_desktop_list_done) struct store_desktop_list list = { 0 };

	site_apply(site, &pool, 1);
	site_replenish(site, NOW);
	must(store_desktops(site->store, &list, &err));
	struct store_report_desktop broken = { .id = list.items[0].id,
					       .epoch = list.items[0].epoch,
					       .state = DESKTOP_ERROR };
	report(site, 2, 100, &broken, 1);
	assert_int_equal(site_replenish(site, NOW + 30000), 0);
	assert_int_equal(site_replenish(site, NOW + 60002), 2);	/* one let go, one ordered */
	assert_int_equal(site_replenish(site, NOW + 60002), 0);
}

static void a_full_pool_makes_people_wait(void **state)
{
	struct site *site = *state;

	site_user(site, "cy");
	site_user(site, "di");
	struct store_desktop first = site_take(site, "anna", "dev").desktop;
	site_take(site, "bo", "dev");
	struct store_taken third = site_take(site, "cy", "dev");
	assert_int_equal(third.reason, REASON_WAITING);
	assert_int_equal(third.place.position, 1);
	assert_int_equal(third.place.why, REASON_POOL_FULL);
	assert_int_equal(third.place.estimate_ms, -1);	/* who knows when somebody leaves */
	assert_string_equal(third.desktop.id, "");
	assert_int_equal(site_take(site, "di", "dev").place.position, 2);
	assert_int_equal(site_take(site, "cy", "dev").place.position, 1);
	assert_int_equal(site_take(site, "cy", "nowhere").reason, REASON_NOT_FOUND);

	/* Somebody leaves: the first in line gets the place, whoever asks first. */
	must(store_desktop_delete(site->store, first.id, NOW, &err));
	report(site, 2, 1000, NULL, 0);
	assert_int_equal(site_take(site, "di", "dev").place.position, 2);
	assert_int_equal(site_replenish(site, NOW + 10), 2);	/* ordered and given */
	struct store_taken mine = site_take(site, "cy", "dev");
	assert_int_equal(mine.how, REASON_DESKTOP_OWN);
	assert_int_equal(site_take(site, "di", "dev").place.position, 1);
}

static void who_stops_asking_loses_the_place(void **state)
{
	struct site *site = *state;
	struct pool pool = site_pool("one", POOL_FLOATING, 1, 0);
	struct store_take later = { .pool = "one", .user_key = "key-di",
				    .now_ms = NOW + STORE_LINE_STALE_MS + 1 };
	struct store_taken taken;

	site_apply(site, &pool, 1);
	site_user(site, "cy");
	site_user(site, "di");
	site_take(site, "anna", "one");
	site_take(site, "bo", "one");
	assert_int_equal(site_take(site, "cy", "one").place.position, 2);
	must(store_places_leave(site->store, "key-bo", &err));
	assert_int_equal(site_take(site, "cy", "one").place.position, 1);
	must(store_assignment_take(site->store, &later, &taken, &err));
	assert_int_equal(taken.place.position, 1);
	assert_int_equal(store_place_find(site->store, "key-cy", "one", &taken.place, NULL), -ENOENT);
}

static void only_so_many_start_at_a_time(void **state)
{
	struct site *site = *state;
	struct pool pool = site_pool("slow", POOL_FLOATING, 10, 0);
	struct store_report_desktop ready;

	pool.size_grow = 1;
	site_apply(site, &pool, 1);
	site_user(site, "cy");
	struct store_desktop first = site_take(site, "anna", "slow").desktop;
	struct store_taken second = site_take(site, "bo", "slow");
	assert_int_equal(second.reason, REASON_WAITING);
	assert_int_equal(second.place.why, REASON_STARTS_LIMITED);
	assert_int_equal(site_take(site, "cy", "slow").place.why, REASON_STARTS_LIMITED);
	assert_int_equal(site_replenish(site, NOW), 0);

	/* One start took four seconds, and one runs at a time. */
	ready = site_ready(&first);
	struct store_report r = site_report("host-a", 2);
	struct store_report_result result;
	r.desktops = &ready;
	r.desktop_count = 1;
	must(store_host_report(site->store, &r, NOW + 4000, &result, &err));
	assert_int_equal(site_take(site, "cy", "slow").place.estimate_ms, -1);
	assert_int_equal(site_replenish(site, NOW + 4000), 2);
	assert_int_equal(site_take(site, "bo", "slow").how, REASON_DESKTOP_OWN);
	assert_int_equal(site_take(site, "cy", "slow").place.estimate_ms, 4000);
}

static void who_has_enough_gets_no_more(void **state)
{
	struct site *site = *state;
	struct pool pools[] = { site_pool("a", POOL_FLOATING, 10, 0),
				site_pool("b", POOL_FLOATING, 10, 0) };

	pools[1].max_per_user = 1;
	site_apply(site, pools, 2);
	site_take(site, "anna", "a");
	assert_int_equal(site_take(site, "anna", "b").reason, REASON_TOO_MANY_DESKTOPS);
	assert_int_equal(site_take(site, "bo", "b").reason, REASON_OK);
	assert_int_equal(site_take(site, "bo", "b").how, REASON_DESKTOP_OWN);
}

/* Counters of the host, told again and again: each end of a stay counts once. */
static void ends_of_stays_are_told_by_counters(void **state)
{
	struct site *site = *state;
	struct store_desktop mine = site_take(site, "anna", "dev").desktop;
	struct store_desktop theirs = site_take(site, "bo", "sales").desktop, now;
	struct store_report_desktop seen[] = { site_ready(&mine), site_ready(&theirs) };

	seen[1].address = "10.77.0.6";
	seen[0].logged_on = seen[1].logged_on = "someone";
	assert_true(report(site, 2, 0, seen, 2).changed);
	must(store_desktop_find(site->store, mine.id, &now, &err));
	assert_string_equal(now.logged_on, "someone");
	assert_int_equal(now.use, DESKTOP_ASSIGNED);

	seen[0].logoffs = seen[1].resets = 1;
	seen[0].logged_on = "";
	assert_true(report(site, 3, 0, seen, 2).changed);
	must(store_desktop_find(site->store, mine.id, &now, &err));
	assert_int_equal(now.use, DESKTOP_LOGGED_OFF);		/* dedicated: kept */
	must(store_desktop_find(site->store, theirs.id, &now, &err));
	assert_int_equal(now.want, DESKTOP_WANT_ABSENT);	/* floating: a reboot refreshes */
	assert_string_equal(now.user_key, "");

	/* The same again, and a host that has forgotten: nothing new. */
	assert_false(report(site, 4, 0, seen, 2).changed);
	seen[0].logoffs = 0;
	assert_true(report(site, 5, 0, seen, 2).changed);
	must(store_desktop_find(site->store, mine.id, &now, &err));
	assert_int_equal(now.want, DESKTOP_WANT_RUNNING);
	assert_int_equal(now.logoffs, 0);
}

/* A dedicated desktop that is refreshed comes back to its owner, who asks for nothing. */
static void an_exchanged_desktop_finds_its_owner(void **state)
{
	struct site *site = *state;
	struct pool pool = site_pool("own", POOL_DEDICATED, 1, 0);

	pool.on_logoff = POOL_LOGOFF_REFRESH;
	site_apply(site, &pool, 1);
	struct store_desktop old = site_take(site, "anna", "own").desktop;
	must(store_desktop_stay_ended(site->store, old.id, POOL_STAY_LOGOFF, NOW, &err));
	assert_int_equal(site_replenish(site, NOW), 0);		/* the old one holds its place */
	report(site, 2, 1000, NULL, 0);
	site_replenish(site, NOW + STORE_LINE_STALE_MS * 2);
	struct store_taken taken = site_take(site, "anna", "own");
	assert_int_equal(taken.how, REASON_DESKTOP_OWN);
	assert_string_not_equal(taken.desktop.id, old.id);
}

static void nobody_holds_a_floating_desktop_for_ever(void **state)
{
	struct site *site = *state;
	struct pool pools[] = { site_pool("sales", POOL_FLOATING, 3, 0),
				site_pool("dev", POOL_DEDICATED, 2, 0),
				site_pool("free", POOL_FLOATING, 2, 0) };
	struct store_desktop used = site_take(site, "anna", "sales").desktop, now;
	struct store_ticket ticket = site_ticket(&used, 1);
	struct store_redeem redeem = site_redeem(&ticket);
	struct store_redeemed redeemed;
	int64_t count;

	pools[0].disconnect_timeout_ms = 3600000;
	pools[2].disconnect_timeout_ms = 0;
	site_apply(site, pools, 3);
	site_take(site, "bo", "sales");		/* never connects */
	site_take(site, "bo", "dev");
	must(store_ticket_create(site->store, &ticket, NOW, &err));
	must(store_ticket_redeem(site->store, &redeem, &redeemed, &err));
	must(store_session_active(site->store, redeemed.session, "host-a", NOW, &err));
	must(store_desktops_expire(site->store, NOW + 500000, &count, &err));
	assert_int_equal(count, 0);
	must(store_desktops_expire(site->store, NOW + 700000, &count, &err));
	assert_int_equal(count, 1);
	must(store_desktops_expire(site->store, NOW + 99000000, &count, &err));
	assert_int_equal(count, 0);		/* somebody is connected */
	must(store_session_end(site->store, redeemed.session, "host-a", NOW + 100000000, &err));
	must(store_desktops_expire(site->store, NOW + 103600000, &count, &err));
	assert_int_equal(count, 0);
	must(store_desktops_expire(site->store, NOW + 103600001, &count, &err));
	assert_int_equal(count, 1);
	must(store_desktop_find(site->store, used.id, &now, &err));
	assert_int_equal(now.want, DESKTOP_WANT_ABSENT);
}

static void restarts_are_counted_and_resets_exchange(void **state)
{
	struct site *site = *state;
	struct store_desktop mine = site_take(site, "anna", "sales").desktop, now;
	int64_t before, after;

	must(store_host_generation(site->store, "host-a", &before, &err));
	must(store_desktop_restart(site->store, mine.id, NOW, &err));
	must(store_host_generation(site->store, "host-a", &after, &err));
	assert_true(after > before);
	must(store_desktop_find(site->store, mine.id, &now, &err));
	assert_int_equal(now.incarnation, 1);
	must(store_desktop_reset(site->store, mine.id, NOW, &err));
	assert_int_equal(store_desktop_restart(site->store, mine.id, NOW, NULL), -ENOENT);
	site_replenish(site, NOW);
	struct store_taken taken = site_take(site, "anna", "sales");
	assert_int_equal(taken.how, REASON_DESKTOP_OWN);
	assert_string_not_equal(taken.desktop.id, mine.id);
	assert_int_equal(taken.desktop.incarnation, 0);
}

static void a_host_where_an_image_fails_is_spared(void **state)
{
	struct site *site = *state;
	OWNED(store_trouble_list_done) struct store_trouble_list troubles = { 0 };
	struct store_desktop d = site_take(site, "anna", "sales").desktop;
	struct store_report_desktop seen = { .id = d.id, .epoch = d.epoch,
					     .state = DESKTOP_ERROR, .reason = "no disk" };
	struct store_take take = { .user_key = "key-bo", .pool = "sales", .now_ms = NOW };
	struct store_taken taken;

	for (int64_t seq = 2; seq < 6; seq++) {	/* error, coming, error, coming */
		seen.state = seq % 2 ? DESKTOP_STARTING : DESKTOP_ERROR;
		report(site, seq, 0, &seen, 1);
	}
	must(store_assignment_take(site->store, &take, &taken, &err));
	assert_int_equal(taken.reason, REASON_NO_HOST);
	must(store_pool_troubles(site->store, "sales", &troubles, &err));
	assert_int_equal(troubles.count, 1);
	assert_int_equal(troubles.items[0].failures, 2);
	assert_string_equal(troubles.items[0].reason, "no disk");

	take.now_ms = troubles.items[0].paused_until_ms;
	must(store_assignment_take(site->store, &take, &taken, &err));
	assert_int_equal(taken.how, REASON_DESKTOP_ORDERED);
	struct store_report_desktop ready = site_ready(&taken.desktop);
	report(site, 7, 0, &ready, 1);
	store_trouble_list_done(&troubles);
	must(store_pool_troubles(site->store, "sales", &troubles, &err));
	assert_int_equal(troubles.count, 0);
}

static void no_host_or_image_says_so(void **state)
{
	struct site *site = *state;
	struct pool pools[] = { site_pool("sales", POOL_FLOATING, 3, 0),
				site_pool("other", POOL_FLOATING, 3, 0),
				site_pool("huge", POOL_FLOATING, 3, 0) };
	struct store_taken taken;
	struct store_take silent = { .user_key = "key-anna",
				     .pool = "sales",
				     .silent_before_ms = NOW + 1,
				     .now_ms = NOW };

	strcpy(pools[1].image, "unpublished");
	pools[2].desktop.memory_bytes = 65 * GIB;
	site_apply(site, pools, 3);
	assert_int_equal(site_take(site, "anna", "other").reason, REASON_NO_IMAGE);
	assert_int_equal(site_take(site, "anna", "huge").reason, REASON_NO_HOST);
	must(store_assignment_take(site->store, &silent, &taken, &err));
	assert_int_equal(taken.reason, REASON_NO_HOST);
	must(store_host_set_state(site->store, "host-a", STORE_HOST_DRAINING, &err));
	assert_int_equal(site_take(site, "anna", "sales").reason, REASON_NO_HOST);
}

static void a_failed_floating_desktop_is_replaced(void **state)
{
	struct site *site = *state;
	struct store_taken taken = site_take(site, "anna", "sales");
	struct store_report_desktop broken = { .id = taken.desktop.id,
					       .epoch = taken.desktop.epoch,
					       .state = DESKTOP_ERROR,
					       .reason = "no guest" };
	struct store_take take = { .user_key = "key-anna",
				   .pool = "sales",
				   .replace_failed = true,
				   .now_ms = NOW };
	struct store_taken next;
	struct store_desktop old;

	report(site, 2, 0, &broken, 1);
	struct store_taken same = site_take(site, "anna", "sales");
	assert_int_equal(same.desktop.state, DESKTOP_ERROR);
	assert_string_equal(same.desktop.reason, "no guest");
	must(store_assignment_take(site->store, &take, &next, &err));
	assert_string_not_equal(next.desktop.id, taken.desktop.id);
	assert_true(next.desktop.epoch > taken.desktop.epoch);
	must(store_desktop_find(site->store, taken.desktop.id, &old, &err));
	assert_int_equal(old.want, DESKTOP_WANT_ABSENT);
	assert_string_equal(old.user_key, "");
}

static void a_report_touches_only_what_is_the_hosts(void **state)
{
	struct site *site = *state;
	struct store_desktop mine = site_take(site, "anna", "sales").desktop;
	struct store_report_desktop ready = site_ready(&mine);
	struct store_report foreign;
	struct store_report_result result;
	struct store_desktop now;

	site_host(site, "host-b");
	foreign = site_report("host-b", 2);
	foreign.generation = 1000;
	foreign.desktops = &ready;
	foreign.desktop_count = 1;
	must(store_host_report(site->store, &foreign, NOW, &result, &err));
	assert_false(result.changed);

	ready.epoch--;	/* an older life of the desktop */
	assert_false(report(site, 2, 0, &ready, 1).changed);
	ready.epoch++;
	assert_true(report(site, 3, 0, &ready, 1).changed);
	assert_false(report(site, 4, 0, &ready, 1).changed);
	assert_true(report(site, 4, 0, NULL, 0).stale);
	must(store_desktop_find(site->store, mine.id, &now, &err));
	assert_int_equal(now.state, DESKTOP_READY);
	assert_string_equal(now.address, "10.77.0.5");
}

static void a_deleted_desktop_leaves_when_its_host_confirms(void **state)
{
	struct site *site = *state;
	struct store_desktop mine = site_take(site, "anna", "sales").desktop;
	struct store_report_desktop ready = site_ready(&mine);
	struct store_desktop now;
	int64_t before, after;

	report(site, 2, 100, &ready, 1);
	must(store_host_generation(site->store, "host-a", &before, &err));
	must(store_desktop_delete(site->store, mine.id, NOW, &err));
	must(store_host_generation(site->store, "host-a", &after, &err));
	assert_true(after > before);

	/* Not listed by a host that has not seen the order: nothing is concluded. */
	report(site, 3, before, NULL, 0);
	must(store_desktop_find(site->store, mine.id, &now, &err));
	assert_int_equal(now.want, DESKTOP_WANT_ABSENT);
	report(site, 4, after, &ready, 1);
	must(store_desktop_find(site->store, mine.id, &now, &err));
	report(site, 5, after, NULL, 0);
	assert_int_equal(store_desktop_find(site->store, mine.id, &now, NULL), -ENOENT);
	assert_int_equal(store_desktop_delete(site->store, mine.id, NOW, NULL), -ENOENT);
}

static void logging_off_refreshes_floating_only(void **state)
{
	struct site *site = *state;
	struct store_desktop floating = site_take(site, "anna", "sales").desktop;
	struct store_desktop dedicated = site_take(site, "anna", "dev").desktop;
	struct store_desktop now;

	must(store_desktop_stay_ended(site->store, floating.id, POOL_STAY_LOGOFF, NOW, &err));
	must(store_desktop_stay_ended(site->store, dedicated.id, POOL_STAY_LOGOFF, NOW, &err));
	must(store_desktop_find(site->store, floating.id, &now, &err));
	assert_int_equal(now.want, DESKTOP_WANT_ABSENT);
	must(store_desktop_find(site->store, dedicated.id, &now, &err));
	assert_int_equal(now.want, DESKTOP_WANT_RUNNING);
	assert_int_equal(now.use, DESKTOP_LOGGED_OFF);
	assert_string_equal(now.user_name, "anna");
}

static void pools_apply_as_a_whole_or_not_at_all(void **state)
{
	struct site *site = *state;
	struct pool changed[] = { site_pool("sales", POOL_FLOATING, 9, 1),
				  site_pool("new", POOL_DEDICATED, 2, 0) };
	OWNED(store_pool_changes_done) struct store_pool_changes dry = { 0 };
	OWNED(store_pool_changes_done) struct store_pool_changes done = { 0 };
	OWNED(store_pool_list_done) struct store_pool_list list = { 0 };
	struct error why = { 0 };
	struct pool found;

	must(store_pools_apply(site->store, changed, 2, true, NOW, &dry, &err));
	assert_int_equal(dry.count, 3);
	assert_string_equal(dry.items[0].pool, "dev");
	assert_int_equal(dry.items[0].action, STORE_DELETE);
	assert_int_equal(dry.items[1].action, STORE_CREATE);
	assert_int_equal(dry.items[2].action, STORE_UPDATE);
	must(store_pool_find(site->store, "sales", &found, &err));
	assert_int_equal(found.size_max, 3);

	site_take(site, "anna", "dev");
	assert_int_equal(store_pools_apply(site->store, changed, 2, false, NOW, &done, &why),
			 -ENOTEMPTY);
	assert_non_null(strstr(why.text, "pool dev"));
	assert_int_equal(store_pool_find(site->store, "new", &found, NULL), -ENOENT);

	changed[0].user_count = 2;
	strcpy(changed[0].users[0], "松本");
	strcpy(changed[0].users[1], "x");
	struct pool three[] = { changed[0], changed[1], site_pool("dev", POOL_DEDICATED, 2, 0) };
	must(store_pools_apply(site->store, three, 3, false, NOW, &done, &err));
	must(store_pools(site->store, &list, &err));
	assert_int_equal(list.count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_true(pool_equal(&list.items[i], &three[(i + 2) % 3]) ||
			    pool_equal(&list.items[i], &three[3 - i - 1]));
	must(store_pool_find(site->store, "sales", &found, &err));
	assert_true(pool_equal(&found, &changed[0]));
}

static void publications_count_up_and_channels_point(void **state)
{
	struct site *site = *state;
	static const char other[] =
		"2222222222222222222222222222222222222222222222222222222222222222";
	struct store_image image;
	OWNED(store_image_list_done) struct store_image_list list = { 0 };

	must(store_image_publish(site->store, &site_move("canary"), other, 1, &image, &err));
	assert_int_equal(image.publication, 2);
	assert_true(image.canary && !image.stable);
	must(store_image_publish(site->store, &site_move("stable"), other, 1, &image, &err));
	site_replenish(site, NOW);
	assert_int_equal(image.publication, 2);
	assert_true(image.canary && image.stable);
	must(store_images(site->store, &list, &err));
	assert_int_equal(list.count, 2);
	assert_false(list.items[1].stable);
	assert_string_equal(site_take(site, "anna", "sales").desktop.image_sha256, other);
}

/* ------------------------------------------------------------------------------- concurrency */

struct taker {
	const char *path;
	int number;
	int wins;
};

/* Each thread is another user with a handle of its own. */
static void *take_one(void *arg)
{
	struct taker *taker = arg;
	OWNED(store_close) struct store *store = NULL;
	struct store_user user = { .uid = 1000 + taker->number };
	struct store_take take = { .user_key = user.key, .pool = "wide", .now_ms = NOW };
	struct store_taken taken;

	snprintf(user.key, sizeof(user.key), "k%d", taker->number);
	snprintf(user.name, sizeof(user.name), "n%d", taker->number);
	if (store_open(taker->path, &store, NULL) < 0 ||
	    store_user_upsert(store, &user, NOW, NULL) < 0 ||
	    store_assignment_take(store, &take, &taken, NULL) < 0)
		taker->wins = -1;
	else
		taker->wins = taken.reason == REASON_OK;
	return NULL;
}

static void many_users_never_share_or_exceed(void **state)
{
	enum { THREADS = 24, PLACES = 10 };
	struct site *site = *state;
	struct pool pools[] = { site_pool("wide", POOL_FLOATING, PLACES, 0) };
	struct taker takers[THREADS];
	pthread_t threads[THREADS];
	OWNED(store_desktop_list_done) struct store_desktop_list list = { 0 };
	OWNED(buf_done) struct buf problems = { 0 };
	int wins = 0;

	site_apply(site, pools, 1);
	for (int i = 0; i < THREADS; i++) {
		takers[i] = (struct taker){ site->path, i, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, take_one, &takers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_not_equal(takers[i].wins, -1);
		wins += takers[i].wins;
	}
	assert_int_equal(wins, PLACES);
	must(store_desktops(site->store, &list, &err));
	assert_int_equal(list.count, PLACES);
	for (size_t i = 1; i < list.count; i++)
		assert_string_not_equal(list.items[i].user_key, list.items[i - 1].user_key);
	must(store_check(site->store, &problems, &err));
}

#define FULL(test) cmocka_unit_test_setup_teardown(test, site_setup_full, site_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FULL(a_user_keeps_the_desktop),
		FULL(a_ready_spare_is_taken_first),
		FULL(a_failed_spare_is_replaced_after_a_while),
		FULL(a_full_pool_makes_people_wait),
		FULL(who_stops_asking_loses_the_place),
		FULL(only_so_many_start_at_a_time),
		FULL(who_has_enough_gets_no_more),
		FULL(ends_of_stays_are_told_by_counters),
		FULL(an_exchanged_desktop_finds_its_owner),
		FULL(nobody_holds_a_floating_desktop_for_ever),
		FULL(restarts_are_counted_and_resets_exchange),
		FULL(a_host_where_an_image_fails_is_spared),
		FULL(no_host_or_image_says_so),
		FULL(a_failed_floating_desktop_is_replaced),
		FULL(a_report_touches_only_what_is_the_hosts),
		FULL(a_deleted_desktop_leaves_when_its_host_confirms),
		FULL(logging_off_refreshes_floating_only),
		FULL(pools_apply_as_a_whole_or_not_at_all),
		FULL(publications_count_up_and_channels_point),
		FULL(many_users_never_share_or_exceed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
