/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include "common/data/json.h"
#include "guest/account_io.h"
#include "guest/identity.h"

#define SEED64                                                                                     \
	"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="
#define KEY32 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static json_t *identity_line(void)
{
	json_t *line = json_pack(
		"{s:s, s:i, s:s, s:i, s:s, s:s, s:i, s:s, s:[s], s:s, s:s, s:I, s:s}", "cmd",
		"identity", "id", 5, "desktop", "0123456789abcdef", "epoch", 3, "hostname",
		"sales-001", "address", "10.77.0.5", "prefix", 24, "gateway", "10.77.0.1", "dns",
		"10.77.0.53", "machine_id", "00112233445566778899aabbccddeeff", "seed", SEED64,
		"time_ms", (json_int_t)1700000000123, "guest_public_key", KEY32);

	assert_non_null(line);
	return line;
}

static int parse(json_t *line, struct link_request *out, struct error *err)
{
	OWNED(buf_done) struct buf text = BUF_LIMIT(LINK_LINE_MAX);
	int64_t id = 0;

	json_write(line, &text);
	return link_request_parse(buf_span(&text), &id, out, err);
}

static void identity_is_read(void **state)
{
	OWNED(json_decref) json_t *line = identity_line();
	struct link_request request;

	assert_int_equal(parse(line, &request, NULL), 0);
	assert_int_equal(request.command, LINK_IDENTITY);
	assert_true(request.id == 5 && request.identity.epoch == 3);
	assert_string_equal(request.identity.hostname, "sales-001");
	assert_string_equal(request.identity.machine_id, "00112233445566778899aabbccddeeff");
	assert_int_equal(request.identity.desktop[7], 0xef);
	assert_int_equal(ntohl(request.identity.address.s_addr), 0x0a4d0005);
	assert_int_equal(request.identity.dns_count, 1);
	assert_int_equal(request.identity.seed[63], 63);
	assert_int_equal(request.identity.public_key[31], 31);
}

static void a_card_address_may_come_along(void **state)
{
	static const char *const bad[] = { "52:54:0a:4d:00", "52-54-0a-4d-00-05",
					   "52:54:0a:4d:00:0g", "53:54:0a:4d:00:05" };
	struct link_request request;
	OWNED(json_decref) json_t *without = identity_line();

	assert_int_equal(parse(without, &request, NULL), 0);
	assert_false(request.identity.has_mac);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		OWNED(json_decref) json_t *line = identity_line();
		struct error err = { 0 };

		json_object_set_new(line, "mac", json_string(bad[i]));
		assert_int_equal(parse(line, &request, &err), -EINVAL);
		assert_non_null(strstr(err.text, "mac: "));
	}
	OWNED(json_decref) json_t *line = identity_line();

	json_object_set_new(line, "mac", json_string("52:54:0a:4d:00:05"));
	assert_int_equal(parse(line, &request, NULL), 0);
	assert_true(request.identity.has_mac);
	assert_memory_equal(request.identity.mac, "\x52\x54\x0a\x4d\x00\x05", 6);
}

static void a_key_comes_whole_or_not_at_all(void **state)
{
	static const char key[] = "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n";
	static const char certificate[] = "-----BEGIN CERTIFICATE-----\ny\n";
	static const char hash[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
	static const struct {
		const char *key, *certificate, *hash, *bad;
	} cases[] = {
		{ key, certificate, hash, NULL },
		{ key, NULL, hash, "rdp_certificate" },
		{ key, certificate, NULL, "rdp_certificate_sha256" },
		{ key, certificate, "00", "rdp_certificate_sha256" },
		{ "x", certificate, hash, "rdp_key" },
		{ "", certificate, hash, "rdp_key" },
		{ key, key, hash, "rdp_certificate" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		OWNED(json_decref) json_t *line = identity_line();
		struct link_request request;
		struct error err = { 0 };

		json_object_set_new(line, "rdp_key", json_string(cases[i].key));
		if (cases[i].certificate)
			json_object_set_new(line, "rdp_certificate",
					    json_string(cases[i].certificate));
		if (cases[i].hash)
			json_object_set_new(line, "rdp_certificate_sha256",
					    json_string(cases[i].hash));
		assert_int_equal(parse(line, &request, &err), cases[i].bad ? -EINVAL : 0);
		if (cases[i].bad)
			assert_non_null(strstr(err.text, cases[i].bad));
		else
			assert_string_equal(request.identity.rdp_key, key);
	}
}

static void freeze_is_a_command(void **state)
{
	OWNED(json_decref) json_t *line = json_pack("{s:s, s:i}", "cmd", "freeze", "id", 7);
	struct link_request request;

	assert_int_equal(parse(line, &request, NULL), 0);
	assert_int_equal(request.command, LINK_FREEZE);
	assert_int_equal(request.id, 7);
}

/* The same members: what comes is used as an identity, and forgotten. */
static void a_rehearsal_has_an_identity(void **state)
{
	OWNED(json_decref) json_t *line = identity_line();
	OWNED(json_decref) json_t *bare = json_pack("{s:s, s:i}", "cmd", "rehearse", "id", 8);
	struct link_request request;

	json_object_set_new(line, "cmd", json_string("rehearse"));
	assert_int_equal(parse(line, &request, NULL), 0);
	assert_int_equal(request.command, LINK_REHEARSE);
	assert_string_equal(request.identity.hostname, "sales-001");
	assert_int_equal(parse(bare, &request, NULL), -EINVAL);
}

static void each_bad_member_is_named(void **state)
{
	static const struct {
		const char *key, *value;	/* JSON text; NULL removes the member */
	} bad[] = {
		{ "desktop", "\"0123\"" },	{ "desktop", NULL },
		{ "epoch", "-1" },		{ "epoch", "\"3\"" },
		{ "hostname", "\"Sales\"" },	{ "hostname", "\"-x\"" },
		{ "hostname", "\"a.b\"" },	{ "hostname", "\"\"" },
		{ "address", "\"10.77.0\"" },	{ "address", "\"fe80::1\"" },
		{ "prefix", "0" },		{ "prefix", "31" },
		{ "gateway", "\"x\"" },		{ "dns", "[5]" },
		{ "dns", "[\"1.1.1.1\",\"1.1.1.1\",\"1.1.1.1\",\"1.1.1.1\"]" },
		{ "machine_id", "\"00\"" },	{ "seed", "\"AAAA\"" },
		{ "time_ms", "-5" },		{ "guest_public_key", "\"" SEED64 "\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		OWNED(json_decref) json_t *line = identity_line();
		struct link_request request;
		struct error err = { 0 };

		if (bad[i].value)
			json_object_set_new(line, bad[i].key,
					    json_loads(bad[i].value, JSON_DECODE_ANY, NULL));
		else
			json_object_del(line, bad[i].key);
		assert_int_equal(parse(line, &request, &err), -EINVAL);
		assert_non_null(strstr(err.text, bad[i].key));
	}
}

static void id_survives_a_bad_command(void **state)
{
	struct link_request request;
	struct error err = { 0 };
	int64_t id = 0;

	assert_int_equal(link_request_parse(SPAN_LITERAL("{\"id\":77,\"cmd\":\"format\"}"), &id,
					    &request, &err), -EINVAL);
	assert_true(id == 77);
	assert_true(link_request_parse(SPAN_LITERAL("not json"), &id, &request, &err) < 0);
	assert_true(link_request_parse(SPAN_LITERAL("{\"cmd\":\"ping\"}"), &id, &request,
				       &err) < 0);
	assert_int_equal(link_request_parse(SPAN_LITERAL("{\"id\":-2,\"cmd\":\"ping\"}"), &id,
					    &request, &err), 0);
	assert_int_equal(request.command, LINK_PING);
}

static void answers_are_single_lines(void **state)
{
	OWNED(buf_done) struct buf out = BUF_LIMIT(LINK_LINE_MAX);

	link_write_ok(&out, 4, NULL, NULL);
	link_write_error(&out, 5, "a \"quoted\"\nreason");
	link_write_event(&out, "logon", "tanaka");
	link_write_sessions(&out, "tanaka", 2, "b1");
	assert_string_equal(buf_text(&out),
			    "{\"id\":4,\"ok\":true}\n"
			    "{\"id\":5,\"ok\":false,\"error\":\"a \\\"quoted\\\"\\nreason\"}\n"
			    "{\"event\":\"logon\",\"user\":\"tanaka\"}\n"
			    "{\"event\":\"sessions\",\"user\":\"tanaka\",\"logoffs\":2,\"boot\":\"b1\"}\n");
}

static void orders_name_the_user(void **state)
{
	OWNED(json_decref) json_t *show =
		json_pack("{s:s, s:i, s:s, s:i, s:s}", "cmd", "show", "id", 8, "user", "tanaka",
			  "seq", 12, "text", "昼休みに\n再起動します");
	OWNED(json_decref) json_t *log_off = json_pack("{s:s, s:i, s:s}", "cmd", "log_off", "id", 9,
						       "user", "tanaka");
	struct link_request request;
	struct error err;

	assert_int_equal(parse(show, &request, NULL), 0);
	assert_int_equal(request.command, LINK_SHOW);
	assert_true(request.seq == 12);
	assert_string_equal(request.user, "tanaka");
	assert_string_equal(request.text, "昼休みに\n再起動します");
	assert_int_equal(parse(log_off, &request, NULL), 0);
	assert_int_equal(request.command, LINK_LOG_OFF);
	assert_string_equal(request.user, "tanaka");

	json_object_set_new(show, "seq", json_integer(0));
	assert_int_equal(parse(show, &request, &err), -EINVAL);
	json_object_set_new(log_off, "user", json_string("root; reboot"));
	assert_int_equal(parse(log_off, &request, &err), -EINVAL);
}

static void record_remembers_who_we_are(void **state)
{
	OWNED(json_decref) json_t *line = identity_line();
	OWNED(buf_done) struct buf text = BUF_LIMIT(LINK_LINE_MAX);
	struct identity_record record = { .epoch = 3, .certificate_sha256 = "ab" }, back;
	struct link_request request;

	assert_int_equal(parse(line, &request, NULL), 0);
	memcpy(record.desktop, request.identity.desktop, sizeof(record.desktop));
	memcpy(record.public_key, request.identity.public_key, sizeof(record.public_key));
	identity_record_write(&record, &text);
	assert_int_equal(identity_record_parse(buf_span(&text), &back, NULL), 0);
	assert_true(identity_record_matches(&back, &request.identity));
	assert_string_equal(back.certificate_sha256, "ab");

	request.identity.epoch = 4;
	assert_false(identity_record_matches(&back, &request.identity));
	request.identity.epoch = 3;
	request.identity.desktop[0] ^= 1;
	assert_false(identity_record_matches(&back, &request.identity));
	request.identity.desktop[0] ^= 1;
	request.identity.public_key[0] ^= 1;
	assert_false(identity_record_matches(&back, &request.identity));
}

static void full_names_fit_into_passwd(void **state)
{
	char out[16];

	account_full_name("a:b,c\nd=e", out, sizeof(out));
	assert_string_equal(out, "a b c d e");
	account_full_name("ああああああ", out, sizeof(out));
	assert_string_equal(out, "あああああ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identity_is_read), cmocka_unit_test(freeze_is_a_command),
		cmocka_unit_test(a_rehearsal_has_an_identity),
		cmocka_unit_test(a_card_address_may_come_along),
		cmocka_unit_test(a_key_comes_whole_or_not_at_all),
		cmocka_unit_test(each_bad_member_is_named),
		cmocka_unit_test(orders_name_the_user),
		cmocka_unit_test(id_survives_a_bad_command),
		cmocka_unit_test(answers_are_single_lines),
		cmocka_unit_test(record_remembers_who_we_are),
		cmocka_unit_test(full_names_fit_into_passwd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
