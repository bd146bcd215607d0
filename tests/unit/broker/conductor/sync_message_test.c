/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include "broker/conductor/sync_message.h"

static const char good[] =
	"{\"seq\":7,\"generation\":3,\"wait_ms\":25000,\"unknown\":1,"
	"\"host\":{\"accel\":\"kvm\",\"cpus\":4,\"memory_bytes\":100,\"memory_free_bytes\":50,"
	"\"relay\":{\"host\":\"192.0.2.1\",\"port\":3389,\"certificate_sha256\":\"\"}},"
	"\"images\":[{\"sha256\":"
	"\"abababababababababababababababababababababababababababababababab\","
	"\"state\":\"ready\",\"reason\":null}],"
	"\"desktops\":[{\"id\":\"0011223344556677\",\"epoch\":2,\"state\":\"starting\","
	"\"stage\":\"booting\",\"percent\":40,\"reason\":null,\"address\":\"\"}],"
	"\"notices_shown\":[{\"desktop\":\"8899aabbccddeeff\",\"seq\":12}]}";

static int parse(const char *text, struct sync_report *out, struct error *err)
{
	OWNED(json_decref) json_t *body = NULL;

	assert_int_equal(json_object_parse(span_text(text), &body, err), 0);
	return sync_report_parse(body, "host-1", out, err);
}

static void a_report_is_read(void **state)
{
	OWNED(sync_report_done) struct sync_report r = { 0 };
	struct error err = { 0 };

	assert_int_equal(parse(good, &r, &err), 0);
	assert_string_equal(r.report.host, "host-1");
	assert_int_equal(r.report.seq, 7);
	assert_int_equal(r.wait_ms, 25000);
	assert_string_equal(r.report.relay_host, "192.0.2.1");
	assert_int_equal(r.report.image_count, 1);
	assert_true(r.report.images[0].ready);
	assert_int_equal(r.report.desktop_count, 1);
	assert_int_equal(r.report.desktops[0].state, DESKTOP_STARTING);
	assert_int_equal(r.report.desktops[0].stage, DESKTOP_STAGE_BOOTING);
	assert_string_equal(r.report.desktops[0].reason, "");
	assert_int_equal(r.shown_count, 1);
	assert_string_equal(r.shown[0].desktop, "8899aabbccddeeff");
	assert_int_equal(r.shown[0].seq, 12);
}

/* The good report with one place changed must be refused, and name the place. */
static void each_field_is_checked(void **state)
{
	static const struct {
		const char *from, *to, *named;
	} cases[] = {
		{ "\"seq\":7", "\"seq\":\"7\"", "seq" },
		{ "\"seq\":7,", "", "seq" },
		{ "\"generation\":3", "\"generation\":-1", "generation" },
		{ "\"wait_ms\":25000", "\"wait_ms\":99999999", "wait_ms" },
		{ "\"kvm\"", "\"a very long accelerator\"", "accel" },
		{ "\"cpus\":4", "\"cpus\":-4", "cpus" },
		{ "\"port\":3389", "\"port\":65536", "port" },
		{ "\"certificate_sha256\":\"\"", "\"certificate_sha256\":\"zz\"", "certificate" },
		{ "\"state\":\"ready\",", "", "state" },
		{ "\"state\":\"ready\",", "\"state\":\"ready\",\"percent\":101,", "percent" },
		{ "0011223344556677", "../../../../../..", "id" },
		{ "0011223344556677", "001122334455667A", "id" },
		{ "\"epoch\":2", "\"epoch\":2.5", "epoch" },
		{ "\"starting\"", "\"happy\"", "state" },
		{ "\"booting\"", "\"flying\"", "stage" },
		{ "\"percent\":40", "\"percent\":101", "percent" },
		{ "\"percent\":40", "\"percent\":40,\"logoffs\":-1", "logoffs" },
		{ "\"percent\":40", "\"percent\":40,\"resets\":\"x\"", "resets" },
		{ "\"percent\":40", "\"percent\":40,\"logged_on\":7", "logged_on" },
		{ "\"address\":\"\"", "\"address\":7", "address" },
		{ "\"seq\":12", "\"seq\":-12", "seq" },
		{ "8899aabbccddeeff", "8899", "desktop" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		OWNED(buf_done) struct buf text = { 0 };
		OWNED(sync_report_done) struct sync_report r = { 0 };
		struct error err = { 0 };
		const char *at = strstr(good, cases[i].from);

		assert_non_null(at);
		buf_put(&text, good, (size_t)(at - good));
		buf_put_text(&text, cases[i].to);
		buf_put_text(&text, at + strlen(cases[i].from));
		assert_int_equal(parse(buf_text(&text), &r, &err), -EINVAL);
		assert_non_null(strstr(err.text, cases[i].named));
	}
}

static void the_answer_lists_all(void **state)
{
	struct store_desired_image image = { .name = "gold", .sha256 = "ab", .size_bytes = 5,
					     .held = true };
	struct store_desktop desktops[] = {
		{ .id = "0011223344556677", .name = "sales-001", .epoch = 9, .incarnation = 2,
		  .want = DESKTOP_WANT_RUNNING, .size = { .cpus = 2, .memory_bytes = 3 } },
		{ .id = "8899aabbccddeeff", .want = DESKTOP_WANT_ABSENT },
	};
	char needless[][STORE_SHA256_SIZE] = { "cd" };
	struct store_desired desired = { .generation = 4, .images = &image, .image_count = 1,
					 .desktops = desktops, .desktop_count = 2,
					 .needless = needless, .needless_count = 1 };
	struct store_notice notice = { .seq = 7, .desktop = "8899aabbccddeeff", .text = "昼休み" };
	struct store_log_off log_off = { "0011223344556677", 3 };
	struct store_orders orders = { .notices = { &notice, 1 }, .log_offs = &log_off,
				       .log_off_count = 1 };
	struct sync_site site = { .guest_public_key = "key" };
	OWNED(json_decref) json_t *json = sync_answer_json(&desired, &orders, &site);
	OWNED(buf_done) struct buf text = { 0 };

	json_write(json, &text);
	assert_string_equal(buf_text(&text),
		"{\"generation\":4,"
		"\"images\":[{\"name\":\"gold\",\"sha256\":\"ab\",\"size_bytes\":5,\"fetch\":true}],"
		"\"images_needless\":[\"cd\"],"
		"\"desktops\":[{\"id\":\"0011223344556677\",\"epoch\":9,\"incarnation\":2,"
		"\"name\":\"sales-001\","
		"\"image_sha256\":\"\",\"cpus\":2,\"memory_bytes\":3,\"want\":\"running\"},"
		"{\"id\":\"8899aabbccddeeff\",\"epoch\":0,\"incarnation\":0,\"name\":\"\",\"image_sha256\":\"\","
		"\"cpus\":0,\"memory_bytes\":0,\"want\":\"absent\"}],"
		"\"orders\":[{\"desktop\":\"0011223344556677\",\"log_off_stay\":3},"
		"{\"desktop\":\"8899aabbccddeeff\",\"notice\":7,\"text\":\"昼休み\"}],"
		"\"guest_public_key\":\"key\"}");
}

static void templates_are_told_on(void **state)
{
	static const char one[] =
		"{\"seq\":7,\"generation\":3,\"host\":{},\"images\":[],\"desktops\":[],"
		"\"templates\":[{\"id\":\"0011223344556677\",\"state\":\"settling\","
		"\"percent\":50,\"cpus\":2,\"memory_bytes\":1024,\"desktops\":3,\"extra\":1}]}";
	OWNED(sync_report_done) struct sync_report r = { 0 }, none = { 0 };
	struct error err = { 0 };

	assert_int_equal(parse(one, &r, &err), 0);
	assert_non_null(strstr(r.report.templates, "\"state\":\"settling\""));
	assert_non_null(strstr(r.report.templates, "\"desktops\":3"));
	assert_null(strstr(r.report.templates, "extra"));
	assert_int_equal(parse(good, &none, &err), 0);
	assert_null(none.report.templates);
}

static void templates_fill_their_room_and_no_more(void **state)
{
	OWNED(json_decref) json_t *body = json_loads(
		"{\"seq\":7,\"generation\":3,\"host\":{},\"images\":[],\"desktops\":[],"
		"\"templates\":[]}", 0, NULL);
	OWNED(sync_report_done) struct sync_report r = { 0 };
	char reason[201] = "";
	struct error err = { 0 };

	memset(reason, 'x', sizeof(reason) - 1);
	for (int i = 0; i < 100; i++)
		json_array_append_new(json_object_get(body, "templates"),
				      json_pack("{s:s, s:s, s:s}", "id", "0011223344556677",
						"state", "error", "reason", reason));
	assert_int_equal(sync_report_parse(body, "host-1", &r, &err), 0);
	assert_true(strlen(r.report.templates) < STORE_TEMPLATES_SIZE);
	OWNED(json_decref) json_t *kept = json_loads(r.report.templates, 0, NULL);

	assert_true(json_array_size(kept) > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(templates_are_told_on),
		cmocka_unit_test(templates_fill_their_room_and_no_more),
		cmocka_unit_test(a_report_is_read),
		cmocka_unit_test(each_field_is_checked),
		cmocka_unit_test(the_answer_lists_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
