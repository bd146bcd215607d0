/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "broker/factor/challenges.h"
#include "broker/factor/qr.h"
#include "broker/factor/totp.h"

static const uint8_t *rfc_secret(void)
{
	return (const uint8_t *)"12345678901234567890";
}

/* RFC 6238 appendix B, the last six digits of its eight. */
static void codes_are_those_of_the_rfc(void **state)
{
	static const struct {
		int64_t at_s;
		const char *code;
	} known[] = {
		{ 59, "287082" },         { 1111111109, "081804" }, { 1111111111, "050471" },
		{ 1234567890, "005924" }, { 2000000000, "279037" }, { 20000000000, "353130" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		int64_t step = 0, right = known[i].at_s / TOTP_STEP_S;

		assert_int_equal(totp_check(rfc_secret(), known[i].code, known[i].at_s, 0, &step),
				 0);
		assert_int_equal(step, right);
		/* a step late and a step early, but not two */
		assert_int_equal(
			totp_check(rfc_secret(), known[i].code, known[i].at_s + 30, 0, &step), 0);
		assert_int_equal(
			totp_check(rfc_secret(), known[i].code, known[i].at_s - 30, 0, &step),
			known[i].at_s < 60 ? -EACCES : 0);
		assert_int_equal(
			totp_check(rfc_secret(), known[i].code, known[i].at_s + 60, 0, &step),
			-EACCES);
		/* used before */
		assert_int_equal(
			totp_check(rfc_secret(), known[i].code, known[i].at_s, right, &step),
			-EALREADY);
		assert_int_equal(
			totp_check(rfc_secret(), known[i].code, known[i].at_s, right - 1, &step),
			0);
	}
	int64_t step = 7;
	assert_int_equal(totp_check(rfc_secret(), "28708", 59, 0, &step), -EACCES);
	assert_int_equal(totp_check(rfc_secret(), "", 59, 0, &step), -EACCES);
	assert_int_equal(step, 7);
}

static void what_people_type_is_understood(void **state)
{
	char code[CODE_SIZE];

	(void)state;
	assert_int_equal(code_read(" 287 082 ", code), CODE_TOTP);
	assert_string_equal(code, "287082");
	assert_int_equal(code_read("ABCD-efgh ijkl-mn01", code), CODE_RECOVERY);
	assert_string_equal(code, "abcdefghijklmnol");
	static const char *const none[] = { "",
					    "28708",
					    "2870821",
					    "abcd-efgh-ijkl-mno",
					    "abcd-efgh-ijkl-mnopq",
					    "abcd-efgh-ijkl-mno!",
					    "１２３４５６",
					    "28708x",
					    "------",
					    "9999999999999999" };
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		assert_int_equal(code_read(none[i], code), CODE_NONE);
}

static void recovery_codes_are_their_persons(void **state)
{
	char shown[RECOVERY_CODE_SIZE], other[RECOVERY_CODE_SIZE], code[CODE_SIZE];
	uint8_t mine[32], theirs[32];

	(void)state;
	recovery_code_new(shown);
	recovery_code_new(other);
	assert_string_not_equal(shown, other);
	assert_int_equal(strlen(shown), RECOVERY_CODE_SIZE - 1);
	assert_int_equal(code_read(shown, code), CODE_RECOVERY);
	recovery_code_hash("anna", code, mine);
	recovery_code_hash("ben", code, theirs);
	assert_memory_not_equal(mine, theirs, sizeof(mine));
}

static void the_uri_escapes_names(void **state)
{
	OWNED(buf_done) struct buf uri = { 0 }, rows = { 0 }, svg = { 0 };
	struct error err = { 0 };

	(void)state;
	totp_uri(rfc_secret(), "Site & Co", "山田", &uri);
	assert_string_equal(buf_text(&uri),
			    "otpauth://totp/Site%20%26%20Co:%E5%B1%B1%E7%94%B0?"
			    "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Site%20%26%20Co&"
			    "algorithm=SHA1&digits=6&period=30");
	assert_int_equal(qr_encode(buf_text(&uri), &rows, &svg, &err), 0);
	size_t side = strcspn(buf_text(&rows), "\n");
	assert_int_equal(rows.len, side * (side + 1));
	/* the finder pattern of the corner (ISO/IEC 18004 6.3.3) */
	assert_int_equal(strncmp(buf_text(&rows), "11111110", 8), 0);
	assert_non_null(strstr(buf_text(&svg), "M4 4h7v1h-7z"));
}

static struct challenge client(const char *key, const char *source, bool staff, const char *person)
{
	struct challenge c = { .staff = staff };

	strcpy(c.peer_key, key);
	strcpy(c.source, source);
	strcpy(c.user_key, person);
	return c;
}

static void challenges_are_their_clients_and_end(void **state)
{
	OWNED(challenges_free) struct challenges *all = challenges_new(1000);
	struct challenge anna = client("k1", "10.0.0.1", false, "anna"), found;
	struct challenge plain = client("", "10.0.0.1", false, "ben"), other;
	struct token a, b, more;

	(void)state;
	challenges_add(all, &anna, 0, &a);
	challenges_add(all, &plain, 0, &b);
	assert_int_equal(challenges_find(all, a.text, &anna, 10, &found), 0);
	assert_string_equal(found.user_key, "anna");
	other = client("k1", "10.0.0.2", false, ""); /* the key counts, not the address */
	assert_int_equal(challenges_find(all, a.text, &other, 10, &found), 0);
	other = client("k2", "10.0.0.1", false, "");
	assert_int_equal(challenges_find(all, a.text, &other, 10, &found), -ENOENT);
	other = client("k1", "10.0.0.1", true, "");
	assert_int_equal(challenges_find(all, a.text, &other, 10, &found), -ENOENT);
	other = client("", "10.0.0.2", false, "");
	assert_int_equal(challenges_find(all, b.text, &other, 10, &found), -ENOENT);
	assert_int_equal(challenges_find(all, "made up", &plain, 10, &found), -ENOENT);
	challenges_drop(all, b.text);
	assert_int_equal(challenges_find(all, b.text, &plain, 10, &found), -ENOENT);
	for (int i = 0; i < 4; i++) /* the oldest of a person goes */
		challenges_add(all, &anna, 20, &more);
	assert_int_equal(challenges_find(all, a.text, &anna, 30, &found), -ENOENT);
	assert_int_equal(challenges_find(all, more.text, &anna, 1019, &found), 0);
	assert_int_equal(challenges_find(all, more.text, &anna, 1020, &found), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_are_those_of_the_rfc),
		cmocka_unit_test(what_people_type_is_understood),
		cmocka_unit_test(recovery_codes_are_their_persons),
		cmocka_unit_test(the_uri_escapes_names),
		cmocka_unit_test(challenges_are_their_clients_and_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
