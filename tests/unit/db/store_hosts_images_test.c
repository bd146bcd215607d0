/* SPDX-License-Identifier: Apache-2.0 */
/* Which images hosts need, wait for, and can do without. */
#include "tests/unit/db/site.h"

#define EIGHT(d) d d d d d d d d
#define SHA(d) EIGHT(d) EIGHT(d) EIGHT(d) EIGHT(d) EIGHT(d) EIGHT(d) EIGHT(d) EIGHT(d)

static void publish(struct site *site, const char *sha256)
{
	struct store_image image;

	must(store_image_publish(site->store, &site_move("stable"), sha256, 4096, &image, &err));
	must(store_content_put(site->store, sha256, 4096, "", true, &err));
	site_replenish(site, NOW);
}

static bool needed(struct site *site, const char *sha256)
{
	bool is = false;

	must(store_image_for_host(site->store, "host-a", sha256, &is, &err));
	return is;
}

static bool can_go(struct site *site, const char *sha256)
{
	OWNED(store_desired_done) struct store_desired desired = { 0 };
	bool found = false;

	must(store_desired_for_host(site->store, "host-a", &desired, &err));
	for (size_t i = 0; i < desired.needless_count; i++)
		found |= strcmp(desired.needless[i], sha256) == 0;
	return found;
}

static void told(struct site *site, int64_t seq, const struct store_report_image *image,
		 const struct store_report_desktop *desktop)
{
	struct store_report report = site_report("host-a", seq);
	struct store_report_result result;

	report.images = image;
	report.image_count = 1;
	report.desktops = desktop;
	report.desktop_count = desktop != NULL;
	must(store_host_report(site->store, &report, NOW, &result, &err));
}

static void what_nobody_needs_can_go(void **state)
{
	struct site *site = *state;
	struct pool canary[] = { site_pool("sales", POOL_FLOATING, 3, 0) };

	canary[0].rollout_canary = 0;
	site_apply(site, canary, 1);
	publish(site, SHA("2"));
	struct store_desktop mine = site_take(site, "anna", "sales").desktop;

	publish(site, SHA("3"));
	publish(site, SHA("4"));
	publish(site, SHA("5"));
	assert_true(needed(site, SHA("5")));
	assert_true(needed(site, mine.image_sha256)); /* somebody works on it */
	assert_false(can_go(site, mine.image_sha256));
	assert_false(needed(site, SHA("4")));
	assert_false(can_go(site, SHA("4"))); /* a rollback would go there */
	assert_true(can_go(site, SHA("3")));
	assert_false(can_go(site, SHA("5")));
	assert_false(can_go(site, IMAGE_SHA)); /* lies on hosts only: it could not come back */
	assert_false(needed(site, SHA("f")));
}

static void an_image_that_is_fetched_is_waited_for(void **state)
{
	struct site *site = *state;
	struct store_report_image image = {
		.sha256 = IMAGE_SHA, .state = "fetching", .percent = 42, .reason = ""
	};
	struct store_taken taken;

	told(site, 2, &image, NULL);
	taken = site_take(site, "anna", "sales");
	assert_int_equal(taken.reason, REASON_WAITING);
	assert_int_equal(taken.place.why, REASON_IMAGE_COMING);
	assert_int_equal(taken.place.percent, 42);
	assert_int_equal(taken.place.position, 1);

	image.state = "missing";
	image.reason = "no space";
	told(site, 3, &image, NULL);
	assert_int_equal(site_take(site, "anna", "sales").reason, REASON_NO_HOST);

	image.state = "ready";
	image.ready = true;
	told(site, 4, &image, NULL);
	assert_int_equal(site_take(site, "anna", "sales").how, REASON_DESKTOP_ORDERED);
}

static void an_error_that_is_not_the_images_is_not_counted(void **state)
{
	struct site *site = *state;
	OWNED(store_trouble_list_done) struct store_trouble_list troubles = { 0 };
	struct store_report_image image = { .sha256 = IMAGE_SHA, .ready = true, .reason = "" };
	struct store_desktop d = site_take(site, "anna", "sales").desktop;
	struct store_report_desktop seen = { .id = d.id,
					     .epoch = d.epoch,
					     .state = DESKTOP_ERROR,
					     .reason = "gone",
					     .blameless = true };
	struct store_push push;

	told(site, 2, &image, &seen);
	must(store_pool_troubles(site->store, "sales", &troubles, &err));
	assert_int_equal(troubles.count, 0);
	must(store_push_find(site->store, "sales", &push, &err));
	assert_int_equal(push.base.failed + push.base.crashed, 0);

	seen.state = DESKTOP_STARTING;
	told(site, 3, &image, &seen);
	seen.state = DESKTOP_ERROR;
	seen.blameless = false;
	told(site, 4, &image, &seen);
	must(store_pool_troubles(site->store, "sales", &troubles, &err));
	assert_int_equal(troubles.count, 1);
}

#define FULL(test) cmocka_unit_test_setup_teardown(test, site_setup_full, site_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FULL(what_nobody_needs_can_go),
		FULL(an_image_that_is_fetched_is_waited_for),
		FULL(an_error_that_is_not_the_images_is_not_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
