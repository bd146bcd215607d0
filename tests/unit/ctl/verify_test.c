/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include <string.h>
#include "ctl/verify.h"

static json_t *json(const char *text)
{
	json_t *value = json_loads(text, 0, NULL);

	assert_non_null(value);
	return value;
}

static const char all_shut[] =
	"{\"sound\":\"allow\",\"microphone\":\"deny\",\"camera\":\"deny\",\"clipboard\":\"deny\","
	"\"printers\":\"deny\",\"smart_cards\":\"deny\",\"removable_storage\":\"deny\"}";
static const char saw_nothing[] =
	"{\"user\":\"genkan-probe\",\"drives\":[],\"mounts\":[],\"disks\":[],\"usb\":[],"
	"\"serial_ports\":[],\"printers\":[],\"smart_cards\":[],\"clipboard\":[\"UTF8_STRING\"],"
	"\"clipboard_asked\":true}";
static const char refused_all[] =
	"[{\"what\":\"device\",\"subject\":\"drive GENKANPROBE\"},"
	"{\"what\":\"device\",\"subject\":\"serial port COM1\"},"
	"{\"what\":\"device\",\"subject\":\"printer GENKANPROBE\"},"
	"{\"what\":\"device\",\"subject\":\"smart card SCARD\"},"
	"{\"what\":\"static_channel\",\"subject\":\"cliprdr\"},"
	"{\"what\":\"static_channel\",\"subject\":\"rdp2tcp\"}]";

/* The result of the whole, and of one way when it is named. */
static void assert_result(const char *policy, const char *found, const char *denied, const char *way,
			  const char *result)
{
	OWNED(json_decref) json_t *p = json(policy);
	OWNED(json_decref) json_t *f = json(found);
	OWNED(json_decref) json_t *d = json(denied);
	OWNED(json_decref) json_t *report = verify_judge(p, f, d);
	const json_t *one;
	size_t i, seen = 0;

	assert_string_equal(json_string_value(json_object_get(report, "result")), result);
	json_array_foreach(json_object_get(report, "ways"), i, one) {
		const char *name = json_string_value(json_object_get(one, "way"));
		const char *is = json_string_value(json_object_get(one, "result"));

		seen += way && strcmp(name, way) == 0;
		assert_string_equal(is, way && strcmp(name, way) == 0 ? result : "pass");
	}
	assert_int_equal(seen, way ? 1 : 0);
}

static void nothing_seen_and_all_refused_passes(void **state)
{
	assert_result(all_shut, saw_nothing, refused_all, NULL, "pass");
}

static void what_arrived_fails(void **state)
{
	static const char *const finds[][2] = {
		{ "drive", "{\"drives\":[\"GENKANPROBE\"],\"clipboard_asked\":true}" },
		{ "drive", "{\"mounts\":[\"/media/x\"],\"clipboard_asked\":true}" },
		{ "USB device", "{\"usb\":[\"1-1\"],\"clipboard_asked\":true}" },
		{ "file in the clipboard",
		  "{\"clipboard\":[\"UTF8_STRING\",\"text/uri-list\"],\"clipboard_asked\":true}" },
		{ "serial port", "{\"serial_ports\":[\"ttyUSB0\"],\"clipboard_asked\":true}" },
		{ "printer", "{\"printers\":[\"x\"],\"clipboard_asked\":true}" },
		{ "smart card", "{\"smart_cards\":[\"pcsc\"],\"clipboard_asked\":true}" },
	};

	for (size_t i = 0; i < ARRAY_LEN(finds); i++)
		assert_result(all_shut, finds[i][1], refused_all, finds[i][0], "fail");
}

/* Nothing seen proves nothing when nothing was offered. */
static void what_was_never_refused_fails(void **state)
{
	assert_result(all_shut, saw_nothing,
		      "[{\"what\":\"static_channel\",\"subject\":\"rdpdr\"},"
		      "{\"what\":\"static_channel\",\"subject\":\"cliprdr\"}]", "tunnel", "fail");
	assert_result(all_shut, saw_nothing,
		      "[{\"what\":\"static_channel\",\"subject\":\"rdpdr\"},"
		      "{\"what\":\"static_channel\",\"subject\":\"RDP2TCP\"}]", "file in the clipboard",
		      "fail");
}

static void a_clipboard_that_was_not_asked_fails(void **state)
{
	assert_result(all_shut, "{\"clipboard\":[],\"clipboard_asked\":false}", refused_all,
		      "file in the clipboard", "fail");
}

static void what_the_policy_allows_may_arrive(void **state)
{
	static const char printing[] =
		"{\"sound\":\"allow\",\"printers\":\"allow\",\"removable_storage\":\"deny\"}";

	assert_result(printing, "{\"printers\":[\"GENKANPROBE\"],\"clipboard_asked\":true}", refused_all,
		      NULL, "pass");
}

static void the_hash_is_of_the_meaning(void **state)
{
	OWNED(json_decref) json_t *a = json("{\"sound\":\"allow\"}");
	OWNED(json_decref) json_t *b = json("{\"camera\":\"deny\",\"sound\":\"allow\"}");
	OWNED(json_decref) json_t *c = json("{\"camera\":\"allow\",\"sound\":\"allow\"}");
	char one[65], two[65], three[65];
	struct error err;

	assert_int_equal(verify_policy_hash(a, one, &err), 0);
	assert_int_equal(verify_policy_hash(b, two, &err), 0);
	assert_int_equal(verify_policy_hash(c, three, &err), 0);
	assert_string_equal(one, two);
	assert_string_not_equal(one, three);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_seen_and_all_refused_passes),
		cmocka_unit_test(what_arrived_fails),
		cmocka_unit_test(what_was_never_refused_fails),
		cmocka_unit_test(a_clipboard_that_was_not_asked_fails),
		cmocka_unit_test(what_the_policy_allows_may_arrive),
		cmocka_unit_test(the_hash_is_of_the_meaning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
