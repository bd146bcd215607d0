/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <string.h>
#include "common/base/buf.h"
#include "hostagent/vm/reconcile.h"

/* One letter for the id, one for the image. */
static struct vm_spec spec(char id, int64_t epoch, char image)
{
	struct vm_spec s = { .epoch = epoch };

	memset(s.id, id, VM_ID_SIZE - 1);
	memset(s.image_sha256, image, VM_SHA256_SIZE - 1);
	return s;
}

static bool keep_unlisted;

static void check(const struct vm_desired *desired, size_t desired_count,
		  const struct vm_present *present, size_t present_count, const char *expected)
{
	struct vm_action actions[16];
	OWNED(buf_done) struct buf text = { 0 };
	size_t count = vm_reconcile(desired, desired_count, present, present_count, keep_unlisted, actions);

	for (size_t i = 0; i < count; i++)
		buf_printf(&text, "%s%s %c", i ? ", " : "", vm_action_name(actions[i].kind),
			   actions[i].id[0]);
	assert_string_equal(buf_text(&text), expected);
}

static void each_desktop_gets_one_action(void **state)
{
	const struct vm_desired desired[] = {
		{ .spec = spec('a', 1, '1'), .running = true }, { .spec = spec('b', 1, '1'), .running = true },
		{ .spec = spec('c', 2, '1'), .running = true }, { .spec = spec('d', 1, '1'), .running = false },
		{ .spec = spec('e', 1, '1'), .running = false },
	};
	const struct vm_present present[] = {
		{ spec('b', 1, '1'), VM_READY }, { spec('c', 1, '1'), VM_READY },
		{ spec('d', 1, '1'), VM_READY }, { spec('f', 9, '1'), VM_ERROR },
	};

	check(desired, 5, present, 4,
	      "create a, keep b, update c, destroy d, keep e, destroy f");
}

static void a_broker_that_is_still_asking_destroys_nothing_it_does_not_know(void **state)
{
	const struct vm_desired desired = { .spec = spec('d', 1, '1'), .running = false };
	const struct vm_present present[] = { { spec('d', 1, '1'), VM_READY },
					      { spec('f', 9, '1'), VM_READY } };

	keep_unlisted = true;
	check(&desired, 1, present, 2, "destroy d, keep f");
	check(NULL, 0, present, 2, "keep d, keep f");
	keep_unlisted = false;
}

static void a_newer_incarnation_restarts_once(void **state)
{
	struct vm_desired desired = { .spec = spec('a', 1, '1'), .running = true };
	struct vm_present present = { spec('a', 1, '1'), VM_READY };

	desired.spec.incarnation = 2;
	check(&desired, 1, &present, 1, "restart a");
	present.spec.incarnation = 2;
	check(&desired, 1, &present, 1, "keep a");
	present.spec.incarnation = 3;	/* an older broker's word brings nothing back */
	check(&desired, 1, &present, 1, "keep a");
	present.spec.incarnation = 0;
	desired.running = false;
	check(&desired, 1, &present, 1, "destroy a");
}

static void nothing_listed_means_nothing_kept(void **state)
{
	const struct vm_present present[] = { { spec('a', 7, '1'), VM_READY },
					      { spec('b', 0, '\0'), VM_ERROR } };

	check(NULL, 0, present, 2, "destroy a, destroy b");
	check(NULL, 0, NULL, 0, "");
}

static void an_older_epoch_is_refused_whatever_it_wants(void **state)
{
	const struct vm_present present[] = { { spec('a', 5, '1'), VM_READY } };
	const struct vm_desired stop = { .spec = spec('a', 4, '1'), .running = false };
	const struct vm_desired other_image = { .spec = spec('a', 4, '2'), .running = true };

	check(&stop, 1, present, 1, "refuse a");
	check(&other_image, 1, present, 1, "refuse a");
}

static void another_image_replaces_in_two_passes(void **state)
{
	const struct vm_present present[] = { { spec('a', 5, '1'), VM_READY } };
	const struct vm_desired desired = { .spec = spec('a', 6, '2'), .running = true };

	check(&desired, 1, present, 1, "destroy a");
	check(&desired, 1, NULL, 0, "create a");
}

static void the_view_never_goes_back(void **state)
{
	assert_true(vm_generation_acceptable(0, 0));
	assert_true(vm_generation_acceptable(0, 12));
	assert_true(vm_generation_acceptable(12, 12));
	assert_false(vm_generation_acceptable(12, 11));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_desktop_gets_one_action),
		cmocka_unit_test(a_newer_incarnation_restarts_once),
		cmocka_unit_test(a_broker_that_is_still_asking_destroys_nothing_it_does_not_know),
		cmocka_unit_test(nothing_listed_means_nothing_kept),
		cmocka_unit_test(an_older_epoch_is_refused_whatever_it_wants),
		cmocka_unit_test(another_image_replaces_in_two_passes),
		cmocka_unit_test(the_view_never_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
