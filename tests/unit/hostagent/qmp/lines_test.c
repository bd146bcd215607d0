/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include "common/net/self_signed.h"
#include "hostagent/qmp/guest_message.h"
#include "hostagent/qmp/lines.h"

/* Feeds the text in pieces of `step` bytes and writes the lines with '|' between. */
static int feed(const char *text, size_t limit, size_t step, struct buf *out)
{
	struct lines lines;
	struct span rest = span_text(text), line;
	int rc = 0;

	lines_init(&lines, limit);
	while (rc >= 0 && rest.len > 0) {
		struct span piece = span_of(rest.ptr, rest.len < step ? rest.len : step);

		rest.ptr += piece.len;
		rest.len -= piece.len;
		while ((rc = lines_take(&lines, &piece, &line)) > 0) {
			buf_put_span(out, line);
			buf_put_u8(out, '|');
		}
	}
	lines_done(&lines);
	return rc;
}

static void lines_come_out_whole_however_they_came_in(void **state)
{
	for (size_t step = 1; step <= 20; step++) {
		OWNED(buf_done) struct buf out = { 0 };

		assert_int_equal(feed("one\r\n\ntwo\nthree", 8, step, &out), 0);
		assert_string_equal(buf_text(&out), "one||two|");
	}
}

static void a_long_line_is_an_error_at_every_cut(void **state)
{
	for (size_t step = 1; step <= 20; step++) {
		OWNED(buf_done) struct buf out = { 0 };

		assert_int_equal(feed("12345678\n123456789\n", 8, step, &out), -EMSGSIZE);
		assert_string_equal(buf_text(&out), "12345678|");
	}
}

#define PARSE(text) guest_message_parse(span_text(text))
#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void guests_are_understood(void **state)
{
	struct guest_message m = PARSE("{\"event\":\"ready\"}");

	assert_int_equal(m.kind, GUEST_EVENT_READY);
	m = PARSE("{\"event\":\"logon\",\"user\":\"hana\\nko\"}");
	assert_int_equal(m.kind, GUEST_EVENT_LOGON);
	assert_string_equal(m.text, "hana?ko");
	m = PARSE("{\"event\":\"sessions\",\"user\":\"hanako\",\"logoffs\":3}");
	assert_int_equal(m.kind, GUEST_EVENT_SESSIONS);
	assert_int_equal(m.id, 3);
	assert_string_equal(m.text, "hanako");
	assert_int_equal(PARSE("{\"event\":\"sessions\",\"logoffs\":-1}").kind, GUEST_NOISE);
	assert_int_equal(PARSE("{\"event\":\"sessions\"}").kind, GUEST_NOISE);
	m = PARSE("{\"id\":7,\"ok\":true,\"rdp_certificate_sha256\":\"" HASH "\"}");
	assert_int_equal(m.kind, GUEST_ANSWER);
	assert_int_equal(m.id, 7);
	assert_true(m.ok);
	assert_string_equal(m.rdp_certificate_sha256, HASH);
	m = PARSE("{\"id\":7,\"ok\":true,\"spent_us\":{\"random\":5,\"names\":-1,\"record\":9}}");
	assert_int_equal(m.spent_us[0], 5);
	assert_int_equal(m.spent_us[5], 0);
	assert_int_equal(m.spent_us[GUEST_STEPS - 1], 9);
	assert_int_equal(PARSE("{\"event\":\"reachable\"}").kind, GUEST_EVENT_REACHABLE);
	m = PARSE("{\"id\":8,\"ok\":false,\"error\":\"no xrdp\"}");
	assert_false(m.ok);
	assert_string_equal(m.text, "no xrdp");
}

static void garbage_from_guests_is_noise(void **state)
{
	static const char *const garbage[] = {
		"", "{", "[]", "null", "{}", "\xff\xfe", "{\"event\":7}", "{\"event\":\"boom\"}",
		"{\"event\":\"readyreadyreadyreadyready\"}", "{\"id\":-1,\"ok\":true}",
		"{\"id\":\"7\",\"ok\":true}", "{\"id\":7,\"ok\":\"yes\"}", "{\"id\":1e99,\"ok\":true}",
		"{\"event\":\"ready\",\"event\":\"ready\"}", "{\"id\":1,\"id\":2,\"ok\":true}",
	};

	for (size_t i = 0; i < ARRAY_LEN(garbage); i++)
		assert_int_equal(PARSE(garbage[i]).kind, GUEST_NOISE);
}

static void a_bad_certificate_hash_is_none(void **state)
{
	static const char *const bad[] = {
		"{\"id\":7,\"ok\":true,\"rdp_certificate_sha256\":\"" HASH "00\"}",
		"{\"id\":7,\"ok\":true,\"rdp_certificate_sha256\":\"xyz\"}",
		"{\"id\":7,\"ok\":true,\"rdp_certificate_sha256\":7}",
		"{\"id\":7,\"ok\":true}",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(PARSE(bad[i]).kind, GUEST_ANSWER);
		assert_string_equal(PARSE(bad[i]).rdp_certificate_sha256, "");
	}
}

static void identities_fit_one_line(void **state)
{
	struct vm_spec spec = { .id = "00c0ffee00c0ffee", .epoch = INT64_MAX,
				.address = 0x0a4dfffe };
	struct vm_subnet subnet = { 0x0a4dfffd, 16 };
	struct guest_identity identity = { .spec = &spec, .subnet = &subnet,
					   .time_ms = INT64_MAX };
	OWNED(buf_done) struct buf line = { 0 };

	OWNED(buf_done) struct buf key = { 0 }, certificate = { 0 };
	char sha256[65];

	memset(spec.name, 'n', VM_NAME_SIZE - 1);
	assert_int_equal(self_signed_make(spec.name, 1700000000000, &key, &certificate, sha256, NULL),
			 0);
	identity.rdp_key = buf_text(&key);
	identity.rdp_certificate = buf_text(&certificate);
	identity.rdp_certificate_sha256 = sha256;
	guest_identity_write(INT64_MAX, &identity, &line);
	assert_true(line.len < GUEST_LINE_MAX);
	assert_null(memchr(line.ptr, '\n', line.len));
	assert_non_null(strstr(buf_text(&line), "\"address\":\"10.77.255.254\""));
	assert_non_null(strstr(buf_text(&line), "\"gateway\":\"10.77.255.253\""));
	assert_non_null(strstr(buf_text(&line), "\"dns\":[]"));
	buf_reset(&line);
	guest_rehearse_write(INT64_MAX, &identity, &line);
	assert_true(line.len < GUEST_LINE_MAX);
	assert_non_null(strstr(buf_text(&line), "\"cmd\":\"rehearse\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_come_out_whole_however_they_came_in),
		cmocka_unit_test(a_long_line_is_an_error_at_every_cut),
		cmocka_unit_test(guests_are_understood),
		cmocka_unit_test(garbage_from_guests_is_noise),
		cmocka_unit_test(a_bad_certificate_hash_is_none),
		cmocka_unit_test(identities_fit_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
