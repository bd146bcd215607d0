/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include "broker/config.h"
#include "common/sys/file.h"

/* Every key stands in the man page, in its section, with its default. */
static void the_man_page_has_every_key(void **state)
{
	OWNED(buf_done) struct buf page = { 0 };

	assert_int_equal(file_read(BROKER_CONF_PAGE, 1 << 20, &page, NULL), 0);
	for (size_t i = 0; i < broker_key_count; i++) {
		const struct config_key *key = &broker_keys[i];
		char section[64], entry[96];

		snprintf(section, sizeof(section), "\n# [%s]\n", key->section);
		snprintf(entry, sizeof(entry), "\n*%s* = ", key->name);
		const char *begin = strstr(buf_text(&page), section);
		assert_non_null(begin);
		const char *at = strstr(begin, entry), *end = strstr(begin + 1, "\n# ");
		if (!at || at > end)
			fail_msg("%s.%s is not in the man page", key->section, key->name);

		const char *next = strstr(at + 1, "\n\n*");
		size_t len = next && next < end ? (size_t)(next - at) : (size_t)(end - at);
		const char *fallback = key->fallback ? key->fallback : "";
		bool shown = strlen(fallback) > 40 || !*fallback ||
			     memmem(at, len, fallback, strlen(fallback));
		if (!shown)
			fail_msg("%s.%s: the man page has another default than %s", key->section,
				 key->name, fallback);
	}
}

static int load(const char *text, struct buf *problems)
{
	OWNED(broker_config_done) struct broker_config config = { 0 };
	char path[] = "/tmp/genkan-broker-conf-XXXXXX";
	OWNED_FD int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(file_write(path, span_text(text), 0600, NULL), 0);
	int rc = broker_config_load(path, &config, problems);
	unlink(path);
	return rc;
}

#define NEEDED                                                                                     \
	"[directory]\nuri=ldaps://x\nca_file=/x\nbase_dn=dc=x\n[broker]\nnames=x\n"

static void ranges(void **state)
{
	static const struct {
		const char *line, *named;
	} cases[] = {
		{ "[login]\nticket=31s\n", "login.ticket" },
		{ "[login]\nticket=999ms\n", "login.ticket" },
		{ "[hosts]\nsilent_after=1ms\n", "hosts.silent_after" },
		{ "[hosts]\ncertificate_days=0\n", "hosts.certificate_days" },
		{ "max_connections=0\n", "limits" },
		{ "certificate=/x\n", "go together" },
		{ "log_level=loud\n", "log_level" },
		{ "listen=8443\n", "broker.listen" },
		{ "agent_listen=:x\n", "broker.agent_listen" },
	};
	OWNED(buf_done) struct buf none = { 0 };

	assert_int_equal(load(NEEDED, &none), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		OWNED(buf_done) struct buf problems = { 0 };
		char text[512];

		snprintf(text, sizeof(text), "%s%s", NEEDED, cases[i].line);
		assert_int_equal(load(text, &problems), -EINVAL);
		assert_non_null(strstr(buf_text(&problems), cases[i].named));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_man_page_has_every_key),
		cmocka_unit_test(ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
