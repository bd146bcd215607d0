/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "broker/session/connect.h"

static const struct store_host good_host = {
	.relay_host = "192.0.2.10", .relay_port = 3389, .relay_certificate_sha256 = "ab",
	.last_seen_ms = 1000,
};
static const struct store_desktop good_desktop = {
	.want = DESKTOP_WANT_RUNNING, .state = DESKTOP_READY, .stage = DESKTOP_STAGE_READY,
	.address = "10.77.0.5", .rdp_certificate_sha256 = "cd",
};

static void only_a_complete_desktop_is_ready(void **state)
{
	struct store_desktop d = good_desktop;
	struct store_host h = good_host;

	assert_int_equal(connect_decide(&d, &h, 1000), REASON_OK);
	for (int s = 0; s < DESKTOP_STATES; s++) {
		d.state = (enum desktop_state)s;
		assert_int_equal(connect_decide(&d, &h, 1000),
				 s == DESKTOP_READY   ? REASON_OK
				 : s == DESKTOP_ERROR ? REASON_DESKTOP_FAILED
				 : s == DESKTOP_SUSPENDED ? REASON_DESKTOP_PAUSED
							  : REASON_DESKTOP_STARTING);
	}
	d = good_desktop;
	d.want = DESKTOP_WANT_ABSENT;
	assert_int_equal(connect_decide(&d, &h, 1000), REASON_DESKTOP_STARTING);
	d = good_desktop;
	d.address[0] = '\0';
	assert_int_equal(connect_decide(&d, &h, 1000), REASON_DESKTOP_STARTING);
	d = good_desktop;
	d.rdp_certificate_sha256[0] = '\0';
	assert_int_equal(connect_decide(&d, &h, 1000), REASON_DESKTOP_STARTING);
	d = good_desktop;
	h.relay_certificate_sha256[0] = '\0';
	assert_int_equal(connect_decide(&d, &h, 1000), REASON_DESKTOP_STARTING);
	h = good_host;
	h.relay_port = 0;
	assert_int_equal(connect_decide(&d, &h, 1000), REASON_DESKTOP_STARTING);
}

static void nobody_is_let_in_without_their_disk(void **state)
{
	static const enum reason expected[DESKTOP_DISKS] = {
		[DESKTOP_DISK_NONE] = REASON_USER_DISK_ATTACHING,
		[DESKTOP_DISK_ATTACHING] = REASON_USER_DISK_ATTACHING,
		[DESKTOP_DISK_MOUNTED] = REASON_OK, [DESKTOP_DISK_BROKEN] = REASON_OK,
		[DESKTOP_DISK_LOCKED] = REASON_USER_DISK_BUSY,
		[DESKTOP_DISK_FAILED] = REASON_USER_DISK_FAILED,
		[DESKTOP_DISK_RELEASING] = REASON_USER_DISK_ATTACHING,
	};
	struct store_desktop d = good_desktop;

	memcpy(d.home.id, "0000d15c0000d15c", sizeof(d.home.id));
	d.home.attached = DESKTOP_DISK_MOUNTED;
	assert_int_equal(connect_decide(&d, &good_host, 1000), REASON_USER_DISK_BUSY);
	d.home.held = true;
	for (int s = 0; s < DESKTOP_DISKS; s++) {
		d.home.attached = (enum desktop_disk)s;
		assert_int_equal(connect_decide(&d, &good_host, 1000), expected[s]);
	}
}

static void a_silent_host_gets_nobody(void **state)
{
	assert_int_equal(connect_decide(&good_desktop, &good_host, 1001), REASON_NO_HOST);
	assert_int_equal(connect_decide(&good_desktop, NULL, 0), REASON_NO_HOST);
}

static const char *word_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void entries_and_stages(void **state)
{
	struct pool pool = { .name = "sales", .title = "Sales" };
	struct store_desktop d = good_desktop;
	struct connect_outcome outcome = { .reason = REASON_DESKTOP_STARTING, .desktop = d };

	memcpy(d.id, "0011223344556677", sizeof(d.id));
	OWNED(json_decref) json_t *none = desktop_entry_json(&pool, NULL);
	assert_string_equal(word_of(none, "id"), "sales");
	assert_string_equal(word_of(none, "state"), "none");
	OWNED(json_decref) json_t *own = desktop_entry_json(&pool, &d);
	assert_string_equal(word_of(own, "id"), d.id);
	assert_string_equal(word_of(own, "state"), "ready");

	OWNED(json_decref) json_t *waiting = connect_json(&outcome);
	assert_string_equal(word_of(waiting, "stage"), "identity");
	assert_string_equal(word_of(waiting, "code"), "desktop_starting");
	assert_null(json_object_get(waiting, "secret"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_complete_desktop_is_ready),
		cmocka_unit_test(nobody_is_let_in_without_their_disk),
		cmocka_unit_test(a_silent_host_gets_nobody),
		cmocka_unit_test(entries_and_stages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
