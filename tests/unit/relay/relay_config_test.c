/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "common/sys/file.h"
#include "hostagent/relay/relay_config.h"

static int load(const char *text, struct relay_config *out, struct buf *problems)
{
	char path[] = "/tmp/genkan-relay-conf-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	int n = relay_config_load(path, out, problems);
	unlink(path);
	return n;
}

static void test_defaults(void **state)
{
	OWNED(relay_config_done) struct relay_config c = { 0 };
	OWNED(buf_done) struct buf problems = BUF_LIMIT(0);

	assert_int_equal(load("[relay]\nbroker = b:8444\n", &c, &problems), 0);
	assert_string_equal(c.listen, "0.0.0.0:3389");
	assert_string_equal(c.user, "");
	assert_int_equal(c.session_uid_first, 1910000000);
	assert_int_equal(c.redeem_ms, 8000);
}

static void test_all_problems_are_named(void **state)
{
	OWNED(relay_config_done) struct relay_config c = { 0 };
	OWNED(buf_done) struct buf problems = BUF_LIMIT(0);

	assert_true(load("[relay]\nbroker = nowhere\nlog_level = loud\nmax_waiting = 0\n", &c,
			 &problems) < 0);
	assert_non_null(strstr(buf_text(&problems), "broker"));
	assert_non_null(strstr(buf_text(&problems), "loud"));
	assert_non_null(strstr(buf_text(&problems), "max_waiting"));
}

/* The manual has each key, with its default. */
static void test_manual_has_every_key(void **state)
{
	OWNED(buf_done) struct buf manual = BUF_LIMIT(0);
	OWNED(buf_done) struct buf keys = BUF_LIMIT(0);
	char *rest, *line;
	int count = 0;

	assert_int_equal(file_read(MANUAL, 65536, &manual, NULL), 0);
	relay_config_describe(&keys);
	rest = (char *)buf_text(&keys);
	while ((line = strsep(&rest, "\n"))) {
		char name[64], fallback[128], wanted[80];

		if (sscanf(line, "%63s = %127[^\t]", name, fallback) < 1 || name[0] == '[')
			continue;
		snprintf(wanted, sizeof(wanted), "*%s*", name);
		if (!strstr(buf_text(&manual), wanted))
			fail_msg("%s is not in the manual", name);
		count++;
	}
	assert_true(count > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_all_problems_are_named),
		cmocka_unit_test(test_manual_has_every_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
