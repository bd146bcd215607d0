/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include <errno.h>
#include <string.h>
#include "guest/inspect.h"

DEFINE_OWNED(json_decref, json_t);

static void assert_list(const json_t *list, const char *joined)
{
	OWNED(buf_done) struct buf text = { 0 };
	const json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry)
		buf_printf(&text, "%s%s", i ? "|" : "", json_string_value(entry));
	assert_string_equal(buf_text(&text), joined);
}

static void own_disks_are_nothing(void **state)
{
	OWNED(json_decref) json_t *list = json_array();

	inspect_mounts("/dev/vda1 / ext4 rw,relatime 0 0\nproc /proc proc rw 0 0\n"
		       "fusectl /sys/fs/fuse/connections fusectl rw 0 0\ntmpfs /run tmpfs rw 0 0\n", list);
	assert_list(list, "");
}

static void foreign_mounts_are_told(void **state)
{
	OWNED(json_decref) json_t *list = json_array();

	inspect_mounts("xrdp-chansrv /home/hanako/thinclient_drives fuse.xrdp-chansrv rw 0 0\n"
		       "/dev/sdb1 /media/stick vfat rw 0 0\n//srv/share /mnt cifs rw 0 0\nbad\n\n a\n", list);
	assert_list(list, "/home/hanako/thinclient_drives|/media/stick|/mnt");
}

static void the_log_names_drives_once(void **state)
{
	OWNED(json_decref) json_t *list = json_array();

	inspect_log("x\nDetected remote drive 'USBSTICK'\nDetected remote drive 'USBSTICK'\n"
		    "Detected remote drive 'D:'\nremote drive '", list);
	assert_list(list, "USBSTICK|D:");
}

static void texts_are_short_and_printable(void **state)
{
	OWNED(json_decref) json_t *list = json_array();
	char text[200];

	memset(text, 'a', sizeof(text));
	inspect_note(list, span_of(text, sizeof(text)));
	inspect_note(list, span_of("x\ny\x7f", 4));
	inspect_note(list, span_of("", 0));
	assert_int_equal(json_array_size(list), 2);
	assert_int_equal(json_string_length(json_array_get(list, 0)), INSPECT_TEXT_MAX);
	assert_string_equal(json_string_value(json_array_get(list, 1)), "x?y?");
	for (char c = 'b'; c < 'z'; c++)
		inspect_note(list, span_of(&c, 1));
	assert_int_equal(json_array_size(list), INSPECT_LIST_MAX);
}

static void put(struct buf *out, uint16_t family, const char *number, const char *name, size_t len)
{
	buf_put_u16be(out, family);
	buf_put_u16be(out, 4);
	buf_put(out, "host", 4);
	buf_put_u16be(out, (uint16_t)strlen(number));
	buf_put_text(out, number);
	buf_put_u16be(out, (uint16_t)strlen(name));
	buf_put_text(out, name);
	buf_put_u16be(out, (uint16_t)len);
	for (size_t i = 0; i < len; i++)
		buf_put_u8(out, (uint8_t)(i + out->len % 7));
}

static void the_cookie_of_the_display_is_found(void **state)
{
	OWNED(buf_done) struct buf file = { 0 };
	uint8_t cookie[X_COOKIE_LEN];

	assert_int_equal(x_cookie_find(buf_span(&file), 10, cookie), -ENOENT);
	put(&file, 0, "10", "MIT-MAGIC-COOKIE-1", X_COOKIE_LEN);	/* another machine's */
	put(&file, 256, "11", "MIT-MAGIC-COOKIE-1", X_COOKIE_LEN);
	put(&file, 256, "10", "XDM-AUTHORIZATION-1", X_COOKIE_LEN);
	put(&file, 256, "10", "MIT-MAGIC-COOKIE-1", X_COOKIE_LEN - 1);
	assert_int_equal(x_cookie_find(buf_span(&file), 10, cookie), -ENOENT);
	put(&file, 256, "10", "MIT-MAGIC-COOKIE-1", X_COOKIE_LEN);
	assert_int_equal(x_cookie_find(buf_span(&file), 10, cookie), 0);
	assert_memory_equal(cookie, file.ptr + file.len - X_COOKIE_LEN, X_COOKIE_LEN);
	for (size_t len = 0; len < file.len; len++)
		assert_int_equal(x_cookie_find(span_of(file.ptr, len), 10, cookie), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_disks_are_nothing),
		cmocka_unit_test(foreign_mounts_are_told),
		cmocka_unit_test(the_log_names_drives_once),
		cmocka_unit_test(texts_are_short_and_printable),
		cmocka_unit_test(the_cookie_of_the_display_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
