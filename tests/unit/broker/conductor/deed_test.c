/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/conductor/deed.h"

#include <errno.h>
#include "tests/unit/test.h"

static const uint8_t key[DEED_KEY_BYTES] = { 1, 2, 3 };

static struct store_desktop desktop(void)
{
	return (struct store_desktop){
		.id = "0011223344556677",
		.host = "host-1",
		.pool = "sales",
		.epoch = 9,
		.user_key = "550e8400-e29b-41d4-a716-446655440000",
		.user_name = "山田太郎",
		.home = { .account = "u-1234", .uid = 20001 },
	};
}

static void a_deed_says_whose_it_is(void **state)
{
	struct store_desktop d = desktop();
	char text[DEED_SIZE];
	struct deed deed;

	assert_int_equal(deed_write(key, &d, text), 0);
	assert_int_equal(deed_read(key, text, &deed), 0);
	assert_string_equal(deed.desktop, d.id);
	assert_string_equal(deed.host, d.host);
	assert_string_equal(deed.pool, d.pool);
	assert_int_equal(deed.epoch, 9);
	assert_string_equal(deed.user.key, d.user_key);
	assert_string_equal(deed.user.name, d.user_name);
	assert_string_equal(deed.user.account, "u-1234");
	assert_int_equal(deed.user.uid, 20001);
}

static void nobody_else_can_write_or_change_one(void **state)
{
	static const uint8_t other[DEED_KEY_BYTES] = { 1, 2, 4 };
	struct store_desktop d = desktop();
	char text[DEED_SIZE];
	struct deed deed;

	assert_int_equal(deed_write(key, &d, text), 0);
	assert_int_equal(deed_read(other, text, &deed), -EBADMSG);
	for (size_t i = 0; text[i]; i++) {
		char kept = text[i];

		text[i] = kept == 'A' ? 'B' : 'A';
		/* The last digit of base64 has bits that stand for nothing. */
		if (text[i + 1] && text[i + 1] != '.')
			assert_int_equal(deed_read(key, text, &deed), -EBADMSG);
		text[i] = kept;
	}
	for (size_t len = strlen(text); len-- > 0;) {
		text[len] = '\0';
		assert_int_equal(deed_read(key, text, &deed), -EBADMSG);
	}
}

static void one_that_cannot_be_kept_is_not_written(void **state)
{
	struct store_desktop d = desktop();
	char text[DEED_SIZE];

	memset(d.user_name, 'x', sizeof(d.user_name) - 1);
	memset(d.user_key, 'y', sizeof(d.user_key) - 1);
	int rc = deed_write(key, &d, text);

	assert_true(rc == -EMSGSIZE || rc == -ENAMETOOLONG || rc == 0);
	if (rc == 0) {
		struct deed deed;

		assert_int_equal(deed_read(key, text, &deed), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_deed_says_whose_it_is),
		cmocka_unit_test(nobody_else_can_write_or_change_one),
		cmocka_unit_test(one_that_cannot_be_kept_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
