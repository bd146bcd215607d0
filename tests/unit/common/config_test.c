/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include "common/data/config.h"
#include "common/sys/file.h"

struct sample {
	char *listen, *names;
	bool verbose;
	int64_t most, wait_ms, size_bytes;
};

static const struct config_key keys[] = {
	{ "broker", "listen", CONFIG_TEXT, offsetof(struct sample, listen), "0.0.0.0:8443", NULL, false },
	{ "broker", "names", CONFIG_TEXT, offsetof(struct sample, names), NULL, NULL, true },
	{ "broker", "verbose", CONFIG_BOOL, offsetof(struct sample, verbose), "no", NULL, false },
	{ "limits", "most", CONFIG_COUNT, offsetof(struct sample, most), "20", NULL, false },
	{ "limits", "wait", CONFIG_DURATION_MS, offsetof(struct sample, wait_ms), "2s", NULL, false },
	{ "limits", "size", CONFIG_BYTES, offsetof(struct sample, size_bytes), "1G", NULL, false },
};

static char path[] = "/tmp/genkan-config-XXXXXX";

static int load(const char *text, struct sample *out, struct buf *problems)
{
	assert_int_equal(file_write(path, span_text(text), 0600, NULL), 0);
	return config_load(path, keys, ARRAY_LEN(keys), out, problems);
}

static void values_and_defaults(void **state)
{
	OWNED(buf_done) struct buf problems = { 0 };
	struct sample s = { 0 };

	assert_int_equal(load("[broker]\nnames = a b\nverbose=Yes\n[limits]\nwait = 5m\n"
			      "size=16 MiB\n", &s, &problems), 0);
	assert_string_equal(s.listen, "0.0.0.0:8443");
	assert_string_equal(s.names, "a b");
	assert_true(s.verbose);
	assert_int_equal(s.most, 20);
	assert_int_equal(s.wait_ms, 300000);
	assert_int_equal(s.size_bytes, 16 << 20);
	config_done(keys, ARRAY_LEN(keys), &s);
}

static void every_problem_has_its_line(void **state)
{
	OWNED(buf_done) struct buf problems = { 0 };
	struct sample s = { 0 };

	assert_int_equal(load("[broker]\nlisten=x\nlisten=y\ncolour=red\n[limits]\nwait=5\n"
			      "most=-1\n", &s, &problems), -EINVAL);
	const char *text = buf_text(&problems);

	assert_non_null(strstr(text, ":3: [broker] listen: given twice"));
	assert_non_null(strstr(text, ":4: [broker] colour: unknown key"));
	assert_non_null(strstr(text, ":6: [limits] wait: '5' is not a duration"));
	assert_non_null(strstr(text, ":7: [limits] most: '-1' is not a whole number"));
	assert_non_null(strstr(text, "[broker] names: this key is needed"));
	config_done(keys, ARRAY_LEN(keys), &s);
}

static void addresses_split(void **state)
{
	char host[64];
	uint16_t port;

	assert_int_equal(config_split_address("[::1]:389", host, sizeof(host), &port, NULL), 0);
	assert_string_equal(host, "::1");
	assert_int_equal(port, 389);
	assert_int_equal(config_split_address("a.b:1", host, sizeof(host), &port, NULL), 0);
	assert_int_equal(config_split_address("::1:389", host, sizeof(host), &port, NULL), -EINVAL);
	assert_int_equal(config_split_address("host", host, sizeof(host), &port, NULL), -EINVAL);
	assert_int_equal(config_split_address("host:99999", host, sizeof(host), &port, NULL), -EINVAL);
	assert_int_equal(config_split_address(":1", host, sizeof(host), &port, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_and_defaults), cmocka_unit_test(every_problem_has_its_line),
		cmocka_unit_test(addresses_split),
	};
	int fd = mkstemp(path);
	int failed;

	close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
