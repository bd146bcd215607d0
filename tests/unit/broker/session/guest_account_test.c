/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "broker/session/guest_account.h"
#include "broker/session/token.h"
#include "common/base/text.h"
#include "common/wire/guest_credential.h"

#define ID "643bac10-7b46-1041-9f9a-e33c4fb7685e"

static const char *name_of(const char *user)
{
	static char name[GUEST_CREDENTIAL_USER_MAX];

	guest_account_name(user, ID, name, sizeof(name));
	assert_true(guest_account_name_valid(span_text(name)));
	return name;
}

static void names(void **state)
{
	static const char *const derived[] = {
		"山田", "Hanako", "", "-x", "a b", "a.b", "9x", "root", "www-data",
		"systemd-network",
		"abcdefghijklmnopqrstuvwxyz0123456",
	};

	assert_string_equal(name_of("hanako"), "hanako");
	assert_string_equal(name_of("_svc-1"), "_svc-1");
	assert_string_equal(name_of("rooty"), "rooty");
	for (size_t i = 0; i < ARRAY_LEN(derived); i++) {
		assert_int_equal(strlen(name_of(derived[i])), 14);
		assert_true(str_starts(name_of(derived[i]), "u-"));
		assert_string_equal(name_of(derived[i]), name_of("山田"));
	}
}

static void numbers(void **state)
{
	assert_int_equal(guest_account_uid(20001, ID), 20001);
	assert_int_equal(guest_account_uid(1000, ID), 1000);
	const int64_t none[] = { -1, 0, 999, INT64_C(0xfffffffe), INT64_C(0x100000000), INT64_MAX };
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		int64_t uid = guest_account_uid(none[i], ID);

		assert_in_range(uid, 100000, 1099999);
		assert_int_equal(uid, guest_account_uid(-1, ID));
	}
	assert_int_not_equal(guest_account_uid(-1, ID), guest_account_uid(-1, "other"));
}

static void tokens(void **state)
{
	struct token a, b;
	uint8_t hash[TOKEN_HASH_BYTES];

	token_new(&a);
	token_new(&b);
	assert_int_equal(strlen(a.text), TOKEN_TEXT_SIZE - 1);
	assert_string_not_equal(a.text, b.text);
	assert_int_equal(token_hash(a.text, hash), 0);
	assert_memory_equal(hash, a.hash, sizeof(hash));
	a.text[0] = '+';
	assert_true(token_hash(a.text, hash) < 0);
	assert_true(token_hash("", hash) < 0);
	token_wipe(&a);
	assert_int_equal(a.text[5], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(numbers),
		cmocka_unit_test(tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
