/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "hostagent/relay/redeem.h"

static const char good[] =
	"{\"session\":\"0123456789abcdef\",\"user\":\"hanako\","
	"\"desktop\":{\"id\":\"00112233445566aa\",\"name\":\"gold-001\",\"pool\":\"gold\"},"
	"\"guest\":{\"address\":\"10.77.0.5\",\"port\":3389,\"certificate_sha256\":"
	"\"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\"},"
	"\"credential\":{\"user\":\"hanako\",\"password\":\"gk1.abc\"},"
	"\"policy\":{\"sound\":\"allow\",\"microphone\":\"deny\",\"removable_storage\":\"allow\","
	"\"teleport\":\"allow\"}}";

static int answer(const char *text, struct redemption *out, struct error *err)
{
	OWNED(json_decref) json_t *body = NULL;

	assert_int_equal(json_object_parse(span_text(text), &body, err), 0);
	return redeem_answer(body, out, err);
}

static void test_answer(void **state)
{
	struct redemption r;
	struct error err;

	assert_int_equal(answer(good, &r, &err), 0);
	assert_string_equal(r.session, "0123456789abcdef");
	assert_string_equal(r.guest_address, "10.77.0.5");
	assert_int_equal(r.guest_port, 3389);
	assert_int_equal(r.grant.guest_pin[31], 0x1f);
	assert_string_equal(r.grant.password, "gk1.abc");
	assert_int_equal(r.grant.policy.sound, RDP_ALLOW);
	assert_int_equal(r.grant.policy.microphone, RDP_DENY);
	assert_int_equal(r.grant.policy.camera, RDP_DENY);
	/* no word of a policy gives a drive */
	assert_int_equal(r.grant.policy.drives, RDP_DENY);
	assert_int_equal(r.grant.exception_ms, 0);
}

/* `good` with an exception before its last brace. */
static int answer_with_exception(const char *exception, struct redemption *out, struct error *err)
{
	char text[2048];

	snprintf(text, sizeof(text), "%.*s,\"exception\":%s}", (int)strlen(good) - 1, good,
		 exception);
	return answer(text, out, err);
}

static void test_exception(void **state)
{
	struct redemption r;
	struct error err;

	assert_int_equal(answer_with_exception("{\"device\":\"drive\",\"expires_in_ms\":7200000}",
					       &r, &err), 0);
	assert_int_equal(r.grant.policy.drives, RDP_ALLOW);
	assert_int_equal(r.grant.exception_ms, 7200000);

	/* over, or of a kind that is not known here: not given, and the session goes on without */
	assert_int_equal(answer_with_exception("{\"device\":\"drive\",\"expires_in_ms\":0}", &r,
					       &err), 0);
	assert_int_equal(r.grant.policy.drives, RDP_DENY);
	assert_int_equal(answer_with_exception("{\"device\":\"usb\",\"expires_in_ms\":7200000}",
					       &r, &err), 0);
	assert_int_equal(r.grant.policy.drives, RDP_DENY);
	assert_int_equal(r.grant.exception_ms, 0);

	/* for ever is not a time */
	assert_int_equal(answer_with_exception("{\"device\":\"drive\"}", &r, &err), -EINVAL);
	assert_int_equal(answer_with_exception("{\"device\":\"drive\",\"expires_in_ms\":86400001}",
					       &r, &err), -EINVAL);
	assert_int_equal(answer_with_exception("true", &r, &err), -EINVAL);
}

/* Each required member: renamed away, the answer is refused and the member is named. */
static void test_every_member_is_needed(void **state)
{
	static const char *const members[] = { "session",
					       "user",
					       "desktop",
					       "guest",
					       "address",
					       "port",
					       "certificate_sha256",
					       "credential",
					       "password",
					       "policy" };

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		char text[sizeof(good)], key[32];
		struct redemption r;
		struct error err;

		memcpy(text, good, sizeof(good));
		snprintf(key, sizeof(key), "\"%s\":", members[i]);
		char *at = strstr(text, key);
		assert_non_null(at);
		at[1] = '_';
		assert_int_equal(answer(text, &r, &err), -EINVAL);
		assert_non_null(strstr(err.text, members[i]));
	}
}

static void test_pin_must_be_a_sha256(void **state)
{
	char text[sizeof(good)];
	struct redemption r;
	struct error err;

	memcpy(text, good, sizeof(good));
	*strstr(text, "0001020304") = 'z';
	assert_int_equal(answer(text, &r, &err), -EINVAL);
}

static void test_request_encodes_the_ticket(void **state)
{
	struct rdp_ticket t = { .locator = { 0xfb, 0xff }, .secret = { 1 } };
	OWNED(json_decref) json_t *body = redeem_request(&t, "192.0.2.1");

	assert_string_equal(json_string_value(json_object_get(body, "locator")),
			    "-_8AAAAAAAAAAAAAAAAAAA");
	assert_int_equal(json_string_length(json_object_get(body, "secret")), 43);
	assert_string_equal(json_string_value(json_object_get(body, "client_address")),
			    "192.0.2.1");
}

static void test_events(void **state)
{
	struct event e = { .session = "0123456789abcdef",
			   .kind = "denied",
			   .what = "device",
			   .name = "rdpdr",
			   .detail = "\"quoted\"",
			   .rule = "sound",
			   .client_address = "::1",
			   .at_ms = 5,
			   .count = 2 };
	OWNED(json_decref) json_t *body = events_request(&e, 1);
	json_t *first = json_array_get(json_object_get(body, "events"), 0);

	assert_string_equal(json_string_value(json_object_get(first, "detail")), "\"quoted\"");
	assert_string_equal(json_string_value(json_object_get(first, "rule")), "sound");
	assert_int_equal(json_integer_value(json_object_get(first, "at_ms")), 5);
	assert_int_equal(json_object_size(first), 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_exception),
		cmocka_unit_test(test_every_member_is_needed),
		cmocka_unit_test(test_pin_must_be_a_sha256),
		cmocka_unit_test(test_request_encodes_the_ticket),
		cmocka_unit_test(test_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
