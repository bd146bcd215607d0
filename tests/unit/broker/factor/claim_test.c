/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/db/site.h"

#include <errno.h>
#include <liboath/oath.h>
#include <sys/stat.h>

#include "broker/factor/claim.h"
#include "common/base/secret.h"

#define AT_MS INT64_C(1700000000000)
#define STEP_MS (TOTP_STEP_S * 1000)

struct fixture {
	struct site *site;
	char path[128];
	struct factor_keys *keys;
};

static int setup(void **state)
{
	struct fixture *f = xnew(struct fixture);
	OWNED(buf_done) struct buf made = { 0 };

	site_setup((void **)&f->site);
	snprintf(f->path, sizeof(f->path), "%s/keys", f->site->dir);
	must(factor_keys_init(f->path, &made, &err));
	must(factor_keys_open(f->path, &f->keys, &err));
	struct store_user anna = { .key = "anna", .name = "anna" },
			  ben = { .key = "ben", .name = "ben" };
	must(store_user_upsert(f->site->store, &anna, NOW, &err));
	must(store_user_upsert(f->site->store, &ben, NOW, &err));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	factor_keys_free(f->keys);
	site_teardown((void **)&f->site);
	free(f);
	return 0;
}

static void write_code(const uint8_t *secret, int64_t now_ms, char *out)
{
	assert_int_equal(oath_totp_generate((const char *)secret, TOTP_SECRET_BYTES, now_ms / 1000,
					    30, 0, 6, out),
			 OATH_OK);
}

static struct factor_claim run(struct fixture *f, struct factor_claim claim, const char *user,
			       int64_t now_ms)
{
	must(factor_claim_run(f->keys, f->site->store, &claim, user, now_ms, &err));
	return claim;
}

static struct factor_claim with_code(const char *code)
{
	struct factor_claim claim = { .needed = true, .given = true, .max_wrong = 5 };

	strcpy(claim.code, code);
	return claim;
}

static void enrol(struct fixture *f, const char *user, uint8_t *secret, struct factor_claim *out)
{
	struct factor_claim claim = with_code("");

	memset(secret, user[0], TOTP_SECRET_BYTES);
	claim.enrolling = true;
	memcpy(claim.secret, secret, TOTP_SECRET_BYTES);
	write_code(secret, AT_MS, claim.code);
	*out = run(f, claim, user, AT_MS);
	assert_int_equal(out->reason, REASON_OK);
	assert_true(out->enrolled);
}

static void from_nothing_to_codes(void **state)
{
	struct fixture *f = *state;
	struct factor_claim enrolled, wish = { .needed = true };
	uint8_t secret[TOTP_SECRET_BYTES];
	char code[8];

	assert_int_equal(run(f, (struct factor_claim){ 0 }, "anna", AT_MS).reason, REASON_OK);
	assert_int_equal(run(f, wish, "anna", AT_MS).reason, REASON_SECOND_FACTOR_ENROLMENT);
	enrol(f, "anna", secret, &enrolled);
	assert_int_equal(enrolled.recovery_left, RECOVERY_CODES);
	assert_int_equal(run(f, wish, "anna", AT_MS).reason, REASON_SECOND_FACTOR_REQUIRED);

	/* the code of the enrolment was its first use */
	write_code(secret, AT_MS, code);
	assert_int_equal(run(f, with_code(code), "anna", AT_MS).reason, REASON_SECOND_FACTOR_USED);
	write_code(secret, AT_MS + STEP_MS, code);
	assert_int_equal(run(f, with_code(code), "anna", AT_MS + STEP_MS).reason, REASON_OK);
	assert_int_equal(run(f, with_code(code), "anna", AT_MS + STEP_MS).reason,
			 REASON_SECOND_FACTOR_USED);
	assert_int_equal(run(f, with_code(code), "ben", AT_MS + STEP_MS).reason,
			 REASON_CHALLENGE_OVER);

	/* a second enrolment of somebody who was faster changes nothing */
	struct factor_claim late = with_code(code);
	late.enrolling = true;
	assert_int_equal(run(f, late, "anna", AT_MS + STEP_MS).reason, REASON_CHALLENGE_OVER);
}

static void recovery_codes_work_once_each_and_for_their_person(void **state)
{
	struct fixture *f = *state;
	struct factor_claim anna, ben, used;
	uint8_t secret[TOTP_SECRET_BYTES];

	enrol(f, "anna", secret, &anna);
	enrol(f, "ben", secret, &ben);
	assert_int_equal(run(f, with_code(ben.recovery[0]), "anna", AT_MS).reason,
			 REASON_SECOND_FACTOR_WRONG);
	used = run(f, with_code(anna.recovery[3]), "anna", AT_MS);
	assert_int_equal(used.reason, REASON_OK);
	assert_true(used.by_recovery);
	assert_int_equal(used.recovery_left, RECOVERY_CODES - 1);
	assert_int_equal(run(f, with_code(anna.recovery[3]), "anna", AT_MS).reason,
			 REASON_SECOND_FACTOR_WRONG);
	for (int i = 0; i < RECOVERY_CODES; i++)
		if (i != 3)
			assert_int_equal(run(f, with_code(anna.recovery[i]), "anna", AT_MS).reason,
					 REASON_OK);
}

static void wrong_codes_lock_it_and_a_reset_frees(void **state)
{
	struct fixture *f = *state;
	struct factor_claim enrolled, wish = { .needed = true, .max_wrong = 5 };
	uint8_t secret[TOTP_SECRET_BYTES];
	char code[8];

	enrol(f, "anna", secret, &enrolled);
	for (int i = 0; i < 4; i++)
		assert_int_equal(run(f, with_code("000000"), "anna", AT_MS).reason,
				 REASON_SECOND_FACTOR_WRONG);
	write_code(secret, AT_MS + STEP_MS, code);
	assert_int_equal(run(f, with_code(code), "anna", AT_MS + STEP_MS).reason, REASON_OK);
	for (int i = 0; i < 5; i++) /* in a row: the right one began anew */
		assert_int_equal(run(f, with_code("nonsense"), "anna", AT_MS).reason,
				 REASON_SECOND_FACTOR_WRONG);
	write_code(secret, AT_MS + 5 * STEP_MS, code);
	assert_int_equal(run(f, with_code(code), "anna", AT_MS + 5 * STEP_MS).reason,
			 REASON_SECOND_FACTOR_LOCKED);
	assert_int_equal(run(f, wish, "anna", AT_MS).reason, REASON_SECOND_FACTOR_LOCKED);
	must(store_factor_reset(f->site->store, "anna", &err));
	assert_int_equal(run(f, wish, "anna", AT_MS).reason, REASON_SECOND_FACTOR_ENROLMENT);
	assert_int_equal(store_factor_reset(f->site->store, "anna", NULL), -ENOENT);
}

static void secrets_are_sealed_for_their_person(void **state)
{
	struct fixture *f = *state;
	struct factor_claim enrolled;
	struct store_factor row, moved;
	struct error why = { 0 };
	uint8_t secret[TOTP_SECRET_BYTES], out[TOTP_SECRET_BYTES];
	char plain[2 * TOTP_SECRET_BYTES + 1] = "";

	enrol(f, "anna", secret, &enrolled);
	must(store_factor_find(f->site->store, "anna", &row, &err));
	for (size_t i = 0; i < sizeof(secret); i++)
		snprintf(plain + 2 * i, 3, "%02x", secret[i]);
	assert_null(strstr(row.sealed, plain));
	must(factor_unseal(f->keys, "anna", &row, out, sizeof(out), &err));
	assert_memory_equal(out, secret, sizeof(out));
	assert_int_equal(factor_unseal(f->keys, "ben", &row, out, sizeof(out), &why), -EBADMSG);
	for (size_t i = 0; row.sealed[i]; i++) { /* every half byte */
		moved = row;
		moved.sealed[i] = moved.sealed[i] == '0' ? '1' : '0';
		assert_int_equal(factor_unseal(f->keys, "anna", &moved, out, sizeof(out), &why),
				 -EBADMSG);
	}
	moved = row;
	moved.key_id[0] ^= 1;
	assert_int_equal(factor_unseal(f->keys, "anna", &moved, out, sizeof(out), &why), -ENOKEY);
}

static void a_new_key_takes_over_bit_by_bit(void **state)
{
	struct fixture *f = *state;
	OWNED(buf_done) struct buf made = { 0 };
	struct factor_claim enrolled;
	struct store_factor before, after;
	uint8_t secret[TOTP_SECRET_BYTES];
	char code[8];

	enrol(f, "anna", secret, &enrolled);
	must(store_factor_find(f->site->store, "anna", &before, &err));
	must(factor_keys_rotate(f->path, &made, &err));
	factor_keys_free(f->keys);
	f->keys = NULL;
	must(factor_keys_open(f->path, &f->keys, &err));
	write_code(secret, AT_MS + STEP_MS, code);
	assert_int_equal(run(f, with_code(code), "anna", AT_MS + STEP_MS).reason, REASON_OK);
	must(store_factor_find(f->site->store, "anna", &after, &err));
	assert_string_not_equal(before.key_id, after.key_id);
	assert_false(factor_is_old(f->keys, &after));
	write_code(secret, AT_MS + 2 * STEP_MS, code);
	assert_int_equal(run(f, with_code(code), "anna", AT_MS + 2 * STEP_MS).reason, REASON_OK);
}

static void the_file_of_keys_is_private_and_whole(void **state)
{
	struct fixture *f = *state;
	struct factor_keys *keys = NULL;
	struct error why = { 0 };
	static const char *const bad[] = { "", "# nothing\n", "0123456789abcdef zz\n", "short\n",
					   "0123456789abcdef 00\n" };
	struct stat st;

	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(chmod(f->path, 0640), 0);
	assert_int_equal(factor_keys_open(f->path, &keys, &why), -EPERM);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		must(file_write(f->path, span_text(bad[i]), 0600, &err));
		assert_int_equal(factor_keys_open(f->path, &keys, &why), -EINVAL);
	}
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(from_nothing_to_codes),
		TEST(recovery_codes_work_once_each_and_for_their_person),
		TEST(wrong_codes_lock_it_and_a_reset_frees),
		TEST(secrets_are_sealed_for_their_person),
		TEST(a_new_key_takes_over_bit_by_bit),
		TEST(the_file_of_keys_is_private_and_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
