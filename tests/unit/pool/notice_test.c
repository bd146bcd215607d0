/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <string.h>
#include "common/base/cleanup.h"
#include "pool/notice.h"

static void what_people_asked_for_is_told(void **state)
{
	static const struct {
		const char *what, *name, *kind;
	} told[] = {
		{ "device", "drive USBSTICK", "storage" },
		{ "device", "smart card", "smart_card" },
		{ "device", "rdpdr", "devices" },
		{ "dynamic_channel", "URBDRC", "usb" },
		{ "clipboard", "FileGroupDescriptorW", "clipboard_files" },
		{ "static_channel", "rdp2tcp", "tunnel" },
	};

	for (size_t i = 0; i < ARRAY_LEN(told); i++) {
		const char *kind = notice_kind(told[i].what, told[i].name);

		assert_non_null(kind);
		assert_string_equal(kind, told[i].kind);
		assert_non_null(strchr(notice_text(kind), '\n'));	/* two languages */
		assert_true(notice_repeat_ms(kind) >= 60000);
	}
}

static void what_programs_try_is_not(void **state)
{
	assert_null(notice_kind("dynamic_channel", "AUDIO_INPUT"));
	assert_null(notice_kind("static_channel", "encomsp"));
	assert_null(notice_kind("clipboard", "PNG"));
	assert_null(notice_kind("", ""));
	assert_string_equal(notice_text("no such kind"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_people_asked_for_is_told),
		cmocka_unit_test(what_programs_try_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
