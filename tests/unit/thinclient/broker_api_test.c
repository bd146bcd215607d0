/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include <errno.h>
#include "thinclient/broker_api.h"

#define READY                                                                                      \
	"{\"status\":\"ready\",\"desktop\":{\"id\":\"00aa\",\"name\":\"office-001\",\"pool\":"        \
	"\"office\",\"title\":\"事務\"},\"endpoint\":{\"host\":\"10.0.0.5\",\"port\":3389},"          \
	"\"locator\":\"AAECAwQFBgcICQoLDA0ODw\",\"secret\":\"c2VjcmV0\",\"certificate_sha256\":"      \
	"\"AB00000000000000000000000000000000000000000000000000000000000000\","                      \
	"\"policy\":{\"sound\":\"allow\"},\"news\":1}"

static json_t *parse(const char *text)
{
	json_t *value = NULL;

	assert_int_equal(json_object_parse(span_text(text), &value, NULL), 0);
	return value;
}

static int read_connect(const char *text, struct connect_answer *out)
{
	OWNED(json_decref) json_t *body = parse(text);

	*out = (struct connect_answer){ 0 };
	return broker_read_connect(body, out, NULL);
}

static void a_ticket_is_read_whole(void **state)
{
	struct connect_answer a;

	assert_int_equal(read_connect(READY, &a), 0);
	assert_true(a.ready);
	assert_string_equal(a.title, "事務");
	assert_string_equal(a.ticket.host, "10.0.0.5");
	assert_int_equal(a.ticket.port, 3389);
	for (int i = 0; i < LOCATOR_LEN; i++)
		assert_int_equal(a.ticket.locator[i], i);
	assert_string_equal((const char *)a.ticket.secret.bytes, "c2VjcmV0");
	assert_int_equal(strncmp(a.ticket.certificate_sha256, "ab00", 4), 0);
	assert_true(a.ticket.sound);
	assert_false(a.ticket.text_to_desktop || a.ticket.text_from_desktop);
}

static void replace_and_expect(const char *from, const char *to, int expected)
{
	char text[1024];
	const char *at = strstr(READY, from);
	struct connect_answer a;

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - READY), READY, to, at + strlen(from));
	assert_int_equal(read_connect(text, &a), expected);
}

static void a_broken_ticket_is_refused(void **state)
{
	replace_and_expect("AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0O", -EINVAL);
	replace_and_expect("AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0ODwAA", -EINVAL);
	replace_and_expect("AB00", "AG00", -EINVAL);
	replace_and_expect("AB00", "AB", -EINVAL);
	replace_and_expect("c2VjcmV0", "", -EINVAL);
	replace_and_expect("3389", "0", -EINVAL);
	replace_and_expect("3389", "65536", -EINVAL);
	replace_and_expect("\"ready\"", "\"steady\"", -EINVAL);
	replace_and_expect("00aa", "../x", -EINVAL);
}

static void sound_is_off_unless_allowed(void **state)
{
	struct connect_answer a;
	char text[1024];
	const char *at = strstr(READY, "allow");

	snprintf(text, sizeof(text), "%.*sdeny%s", (int)(at - READY), READY, at + 5);
	assert_int_equal(read_connect(text, &a), 0);
	assert_false(a.ticket.sound);
}

static void clipboard_text_goes_where_the_policy_says(void **state)
{
	const struct { const char *word; bool to_desktop, from_desktop; } cases[] = {
		{ "deny", false, false },	     { "allow", false, false },
		{ "text-to-desktop", true, false },  { "text-from-desktop", false, true },
		{ "text-both", true, true },	     { "TEXT-BOTH", false, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct connect_answer a;
		char text[1024];
		const char *at = strstr(READY, "\"sound\"");

		snprintf(text, sizeof(text), "%.*s\"clipboard\":\"%s\",%s", (int)(at - READY), READY,
			 cases[i].word, at);
		assert_int_equal(read_connect(text, &a), 0);
		assert_int_equal(a.ticket.text_to_desktop, cases[i].to_desktop);
		assert_int_equal(a.ticket.text_from_desktop, cases[i].from_desktop);
	}
}

static void progress_is_read(void **state)
{
	struct connect_answer a;

	assert_int_equal(read_connect("{\"status\":\"preparing\",\"desktop\":{\"id\":\"00aa\","
				      "\"name\":\"n\",\"title\":\"t\"},\"stage\":\"booting\","
				      "\"percent\":60}", &a), 0);
	assert_false(a.ready);
	assert_string_equal(a.stage, "booting");
	assert_int_equal(a.percent, 60);
	assert_int_equal(read_connect("{\"status\":\"preparing\",\"desktop\":{\"id\":\"00aa\"},"
				      "\"percent\":101}", &a), -EINVAL);
}

static void a_sign_in_lists_desktops(void **state)
{
	OWNED(json_decref) json_t *body =
		parse("{\"token\":\"T\",\"display_name\":\"山田\",\"desktops\":[{\"id\":\"office\","
		      "\"pool\":\"office\",\"state\":\"ready\"},{\"id\":\"cad\",\"pool\":\"cad\","
		      "\"title\":\"CAD\",\"state\":\"something new\"}]}");
	struct sign_in_answer a = { 0 };

	assert_int_equal(broker_read_sign_in(body, &a, NULL), 0);
	assert_int_equal(a.desktop_count, 2);
	assert_string_equal(a.desktops[0].title, "office");	/* no title: the pool's name */
	assert_int_equal(a.desktops[0].state, DESKTOP_READY);
	assert_int_equal(a.desktops[1].state, DESKTOP_NONE);
	assert_false(a.has_connect);
}

static void a_sign_in_may_bring_the_ticket_along(void **state)
{
	OWNED(json_decref) json_t *body = parse(
		"{\"token\":\"T\",\"desktops\":[{\"id\":\"office\",\"pool\":\"office\"}],"
		"\"connect\":" READY "}");
	struct sign_in_answer a = { 0 };

	assert_int_equal(broker_read_sign_in(body, &a, NULL), 0);
	assert_true(a.has_connect);
	assert_true(a.connect.ready);
}

static void problems_carry_codes(void **state)
{
	OWNED(json_decref) json_t *good =
		parse("{\"code\":\"throttled\",\"detail\":\"slow down\",\"retry_after_ms\":3000}");
	OWNED(json_decref) json_t *evil = parse("{\"code\":\"a\\u001b[2J\",\"detail\":\"x\"}");
	struct problem p;

	broker_read_problem(429, good, &p);
	assert_string_equal(p.code, "throttled");
	assert_string_equal(p.detail, "slow down");
	assert_int_equal(p.retry_after_ms, 3000);
	broker_read_problem(400, evil, &p);
	assert_string_equal(p.code, "bad_answer");
	broker_read_problem(502, NULL, &p);
	assert_string_equal(p.code, "bad_answer");
	assert_int_equal(p.retry_after_ms, -1);
}

static void notices_are_read_in_order(void **state)
{
	static const char *const bad[] = {
		"{\"seq\":1}", "{\"notices\":[]}", "{\"seq\":1,\"notices\":[7]}",
		"{\"seq\":1,\"notices\":[{\"seq\":0,\"kind\":\"message\"}]}",
		"{\"seq\":1,\"notices\":[{\"seq\":1,\"kind\":\"a kind that is far too long\"}]}",
	};
	OWNED(json_decref) json_t *good = parse(
		"{\"seq\":9,\"notices\":[{\"seq\":8,\"kind\":\"refused\",\"what\":\"storage\"},"
		"{\"seq\":9,\"kind\":\"message\",\"text\":\"昼\"}]}");
	struct notice notices[BROKER_MAX_NOTICES];
	int64_t seq = -1;

	assert_int_equal(broker_read_notices(good, notices, &seq, NULL), 2);
	assert_true(seq == 9);
	assert_string_equal(notices[0].what, "storage");
	assert_string_equal(notices[1].text, "昼");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		OWNED(json_decref) json_t *body = parse(bad[i]);

		assert_true(broker_read_notices(body, notices, &seq, NULL) < 0);
		assert_true(seq == 9);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ticket_is_read_whole),
		cmocka_unit_test(a_broken_ticket_is_refused),
		cmocka_unit_test(sound_is_off_unless_allowed),
		cmocka_unit_test(clipboard_text_goes_where_the_policy_says),
		cmocka_unit_test(progress_is_read),
		cmocka_unit_test(a_sign_in_lists_desktops),
		cmocka_unit_test(a_sign_in_may_bring_the_ticket_along),
		cmocka_unit_test(problems_carry_codes),
		cmocka_unit_test(notices_are_read_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
