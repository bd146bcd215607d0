/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/sys/file.h"
#include "hostagent/config.h"

/* Writes the section to a file, loads it, and returns what is wrong. */
static struct buf problems_of(const char *lines, struct hostagent_config *config)
{
	char path[] = "/tmp/genkan-config-test-XXXXXX";
	struct buf problems = { 0 };
	OWNED(buf_done) struct buf text = { 0 };
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	buf_printf(&text, "[hostagent]\n%s", lines);
	assert_int_equal(file_write(path, buf_span(&text), 0600, NULL), 0);
	int rc = hostagent_config_load(path, config, &problems);

	assert_int_equal(rc, problems.len ? -EINVAL : 0);
	unlink(path);
	return problems;
}

static void the_least_configuration_is_enough(void **state)
{
	OWNED(hostagent_config_done) struct hostagent_config config = { 0 };
	OWNED(buf_done) struct buf problems = problems_of("name = host-1\nbroker = b:8444\n", &config);

	assert_string_equal(buf_text(&problems), "");
	assert_true(config.production);
	assert_false(config.allow_tcg);
	assert_int_equal(config.subnet.gateway, 0x0a4d0001);
	assert_string_equal(desktop_path(&config, "00c0ffee00c0ffee", DESKTOP_OVERLAY).text,
			    "/var/lib/genkan/host/desktops/00c0ffee00c0ffee/overlay.qcow2");
	assert_string_equal(desktop_path(&config, "00c0ffee00c0ffee", DESKTOP_GUEST).text,
			    "/run/genkan/desktops/00c0ffee00c0ffee/guest.sock");
}

static void each_bad_value_is_named(void **state)
{
	static const struct { const char *line, *key; } cases[] = {
		{ "name = Host\n", "name" }, { "broker = nowhere\n", "broker" },
		{ "state_dir = relative\n", "state_dir" }, { "bridge = gk0\n", "bridge" },
		{ "bridge = a/b\n", "bridge" }, { "bridge_address = 10.0.0.1\n", "bridge_address" },
		{ "allow_tcg = yes\n", "allow_tcg" }, { "boot_deadline = 1ms\n", "boot_deadline" },
		{ "relay_address = x\n", "relay_address" }, { "log_level = loud\n", "log_level" },
		{ "run_dir = /123456789/123456789/123456789/123456789/123456789/123456789/123456789\n",
		  "run_dir" },
		{ "overlay_dir = x\n", "overlay_dir" }, { "nonsense = 1\n", "nonsense" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		OWNED(hostagent_config_done) struct hostagent_config config = { 0 };
		OWNED(buf_done) struct buf lines = { 0 };

		buf_printf(&lines, "%s%s%s", strcmp(cases[i].key, "name") ? "name = host-1\n" : "",
			   strcmp(cases[i].key, "broker") ? "broker = b:8444\n" : "", cases[i].line);
		OWNED(buf_done) struct buf problems = problems_of(buf_text(&lines), &config);

		assert_non_null(strstr(buf_text(&problems), cases[i].key));
	}
}

/* The manual names each key, with its default. */
static void the_manual_has_every_key(void **state)
{
	OWNED(buf_done) struct buf manual = { 0 };
	OWNED(buf_done) struct buf keys = { 0 };
	unsigned count = 0;

	assert_int_equal(file_read(MANUAL, 1 << 20, &manual, NULL), 0);
	hostagent_config_describe(&keys);
	for (char *line = strtok((char *)(uintptr_t)buf_text(&keys), "\n"); line;
	     line = strtok(NULL, "\n")) {
		char key[64], heading[80];

		if (sscanf(line, " %63[a-z_]", key) != 1 || !strchr(line, '='))
			continue;
		snprintf(heading, sizeof(heading), "*%s*", key);
		if (!strstr(buf_text(&manual), heading))
			fail_msg("%s is not in the manual", key);
		count++;
	}
	assert_int_equal(count, 27);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_configuration_is_enough),
		cmocka_unit_test(each_bad_value_is_named),
		cmocka_unit_test(the_manual_has_every_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
