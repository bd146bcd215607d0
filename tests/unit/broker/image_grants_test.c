/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <stdio.h>
#include "broker/images/image_grants.h"

static void a_grant_is_for_one_host_and_one_image_and_ends(void **state)
{
	struct image_grants grants = { 0 };

	assert_false(image_grants_has(&grants, "", "", 1));
	image_grants_add(&grants, "host-a", "1234", 5);
	assert_true(image_grants_has(&grants, "host-a", "1234", 6));
	assert_false(image_grants_has(&grants, "host-b", "1234", 6));
	assert_false(image_grants_has(&grants, "host-a", "5678", 6));
	assert_false(image_grants_has(&grants, "host-a", "1234", 5 + IMAGE_GRANT_MS));
}

static void the_oldest_makes_room(void **state)
{
	struct image_grants grants = { 0 };
	char host[16];

	for (int i = 0; i <= IMAGE_GRANTS_MAX; i++) {
		snprintf(host, sizeof(host), "host-%d", i);
		image_grants_add(&grants, host, "1234", i);
		image_grants_add(&grants, host, "1234", i); /* takes no second place */
	}
	assert_false(image_grants_has(&grants, "host-0", "1234", 1));
	assert_true(image_grants_has(&grants, "host-1", "1234", 1));
	assert_true(image_grants_has(&grants, host, "1234", 1));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_grant_is_for_one_host_and_one_image_and_ends),
		cmocka_unit_test(the_oldest_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
