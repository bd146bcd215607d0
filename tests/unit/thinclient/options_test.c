/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/sys/file.h"
#include "thinclient/options.h"

static void sizes_are_checked(void **state)
{
	int w = 0, h = 0;

	assert_int_equal(options_parse_size("1920x1080", &w, &h), 0);
	assert_int_equal(w, 1920);
	assert_int_equal(h, 1080);
	static const char *const bad[] = { "", "1920", "1920x", "x1080", "199x800", "800x199",
					   "9000x800", "800x600x", "-800x600", "800x600 " };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (options_parse_size(bad[i], &w, &h) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
	assert_int_equal(w, 1920);
}

static void layouts_are_checked(void **state)
{
	uint32_t layout = 9;

	assert_int_equal(options_parse_layout("auto", &layout), 0);
	assert_int_equal(layout, 0);
	assert_int_equal(options_parse_layout("0x411", &layout), 0);
	assert_int_equal(layout, 0x411);
	assert_int_equal(options_parse_layout("jp", &layout), -EINVAL);
	assert_int_equal(options_parse_layout("0", &layout), -EINVAL);
	assert_int_equal(options_parse_layout("0x1FFFFFFFF", &layout), -EINVAL);
}

/* Each "name = default" line of the description must be a *name* of the man page. */
static void the_man_page_names_every_key(void **state)
{
	OWNED(buf_done) struct buf man = { 0 };
	OWNED(buf_done) struct buf keys = { 0 };
	char *rest = NULL;
	int found = 0;

	assert_int_equal(file_read(GENKAN_CLIENT_CONF_MAN, 1 << 20, &man, NULL), 0);
	options_describe(&keys);
	char *copy = buf_steal_text(&keys);

	for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char name[64], wanted[80];

		if (sscanf(line, " %63[a-z_] =", name) != 1 || !strchr(line, '='))
			continue;
		snprintf(wanted, sizeof(wanted), "*%s*", name);
		if (!strstr(buf_text(&man), wanted))
			fail_msg("the man page does not tell about %s", name);
		found++;
	}
	free(copy);
	assert_true(found >= 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_checked),
		cmocka_unit_test(layouts_are_checked),
		cmocka_unit_test(the_man_page_names_every_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
