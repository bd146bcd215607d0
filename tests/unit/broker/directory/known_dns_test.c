/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <stdio.h>
#include "broker/directory/known_dns.h"

static void expect(struct known_dns *known, const char *user, const char *dn)
{
	OWNED(free) char *found = known_dns_find(known, user);

	assert_non_null(found);
	assert_string_equal(found, dn);
}

static void expect_none(struct known_dns *known, const char *user)
{
	OWNED(free) char *found = known_dns_find(known, user);

	assert_null(found);
}

static void the_last_one_counts(void **state)
{
	OWNED(known_dns_free) struct known_dns *known = known_dns_new();

	expect_none(known, "山田");
	known_dns_put(known, "山田", "cn=山田,ou=people");
	known_dns_put(known, "山田", "cn=山田,ou=people");
	expect(known, "山田", "cn=山田,ou=people");
	known_dns_put(known, "山田", "cn=山田,ou=doctors");
	expect(known, "山田", "cn=山田,ou=doctors");
	expect_none(known, "山");
	known_dns_forget(known, "山");
	known_dns_forget(known, "山田");
	known_dns_forget(known, "山田");
	expect_none(known, "山田");
	expect_none(known, "");
}

static void names_are_compared_byte_for_byte(void **state)
{
	OWNED(known_dns_free) struct known_dns *known = known_dns_new();

	known_dns_put(known, "hanako", "uid=hanako");
	expect_none(known, "Hanako");
	expect_none(known, "hanako ");
}

static void the_oldest_makes_room(void **state)
{
	OWNED(known_dns_free) struct known_dns *known = known_dns_new();
	char name[16];

	for (int i = 0; i <= KNOWN_DNS_MAX; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		known_dns_put(known, name, name);
	}
	expect_none(known, "u0");
	expect(known, "u1", "u1");
	expect(known, name, name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_one_counts),
		cmocka_unit_test(names_are_compared_byte_for_byte),
		cmocka_unit_test(the_oldest_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
