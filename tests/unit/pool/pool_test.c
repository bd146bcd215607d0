/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "pool/entitlement.h"
#include "pool/placement.h"
#include "pool/pool.h"
#include "pool/reason.h"

#define GIB (INT64_C(1) << 30)
#define MIB (INT64_C(1) << 20)

static struct pool good_pool(void)
{
	struct pool p = { .name = "sales",
			  .title = "営業部",
			  .image = "debian-desktop",
			  .channel = "stable",
			  .assignment = POOL_FLOATING,
			  .size_max = 4,
			  .size_spare = 1,
			  .desktop = { 1, 1 * GIB, 0 } };

	return p;
}

/* The first problem, or "" */
static void expect_problem(const struct pool *p, const char *start)
{
	OWNED(buf_done) struct buf problems = { 0 };
	int rc = pool_check(p, &problems);

	assert_int_equal(rc, *start ? -EINVAL : 0);
	if (strncmp(buf_text(&problems), start, strlen(start)) != 0)
		fail_msg("'%s' does not begin with '%s'", buf_text(&problems), start);
}

static void each_rule_names_its_key(void **state)
{
	struct pool p = good_pool();

	expect_problem(&p, "");
#define BREAK(change, key)                                                                         \
	p = good_pool();                                                                           \
	change;                                                                                    \
	expect_problem(&p, key ": ")
	BREAK(strcpy(p.name, "Sales"), "pool");
	BREAK(strcpy(p.name, "-x"), "pool");
	BREAK(p.title[0] = '\0', "title");
	BREAK(strcpy(p.title, "a\033[2J"), "title");
	BREAK(strcpy(p.title, "\xff\xfe"), "title");
	BREAK((p.user_count = 1), "entitled.users");
	BREAK((p.group_count = 2, strcpy(p.groups[0], "g"), strcpy(p.groups[1], "g")),
	      "entitled.groups");
	BREAK(p.image[0] = '\0', "image.name");
	BREAK(p.publication = 3, "image");
	BREAK(p.channel[0] = '\0', "image");
	BREAK(strcpy(p.channel, "nightly"), "image.channel");
	BREAK(p.size_max = 0, "size.max");
	BREAK(p.size_spare = 5, "size.spare");
	BREAK(p.size_start = 5, "size.start");
	BREAK(p.size_grow = -1, "size.grow");
	BREAK((p.schedule_count = 1, strcpy(p.schedule[0], "mon 8-9 spare 1")), "schedule");
	BREAK((p.schedule_count = 1, strcpy(p.schedule[0], "mon 08:00-09:00 spare 5")), "schedule");
	BREAK(p.max_per_user = -1, "max_per_user");
	BREAK(p.on_logoff = (enum pool_on_logoff)7, "on_logoff");
	BREAK(p.disconnect_timeout_ms = -1, "disconnect_timeout");
	BREAK(p.desktop.cpus = 0, "desktop.cpus");
	BREAK(p.desktop.memory_bytes = 1, "desktop.memory");
	BREAK(p.desktop.disk_bytes = 1, "desktop.disk");
	BREAK(p.policy.value[POLICY_REMOVABLE_STORAGE] = POLICY_ALLOW, "policy.removable_storage");
	BREAK(p.policy.value[POLICY_CLIPBOARD] = POLICY_ALLOW, "policy.clipboard");
#undef BREAK
}

static void a_set_has_no_name_twice(void **state)
{
	struct pool pools[] = { good_pool(), good_pool() };
	OWNED(buf_done) struct buf problems = { 0 };

	assert_int_equal(pool_check_set(pools, 2, &problems), -EINVAL);
	assert_string_equal(buf_text(&problems), "pool sales: is defined twice\n");
	strcpy(pools[1].name, "other");
	assert_int_equal(pool_check_set(pools, 2, NULL), 0);
	assert_false(pool_equal(&pools[0], &pools[1]));
	pools[1] = pools[0];
	assert_true(pool_equal(&pools[0], &pools[1]));
}

static void policies_are_strict_and_deny_by_default(void **state)
{
	struct pool_policy policy = { 0 }, back;
	OWNED(buf_done) struct buf text = { 0 };
	struct error err = { 0 };

	for (int i = 0; i < POLICY_ITEMS; i++)
		assert_int_equal(policy.value[i], POLICY_DENY);
	assert_int_equal(policy_set(&policy, "sound", "allow", &err), 0);
	assert_int_equal(policy_set(&policy, "usb", "deny", &err), -ENOENT);
	assert_int_equal(policy_set(&policy, "camera", "yes", &err), -EINVAL);
	assert_int_equal(policy_set(&policy, "removable_storage", "allow", &err), -EINVAL);
	assert_non_null(strstr(err.text, "exception"));
	assert_int_equal(policy_set(&policy, "removable_storage", "deny", &err), 0);
	assert_int_equal(policy_set(&policy, "clipboard", "allow", &err), -EINVAL);
	assert_non_null(strstr(err.text, "files and pictures never pass"));
	assert_int_equal(policy_set(&policy, "sound", "text-both", &err), -EINVAL);
	assert_int_equal(policy_set(&policy, "clipboard", "text-from-desktop", &err), 0);
	policy_format(&policy, &text);
	assert_non_null(strstr(buf_text(&text), "clipboard=text-from-desktop"));
	assert_int_equal(policy_parse(buf_text(&text), &back, &err), 0);
	assert_memory_equal(&back, &policy, sizeof(policy));
	assert_int_equal(policy_parse("sound=allow", &back, &err), 0);	/* of an older version */
	assert_int_equal(back.value[POLICY_VIDEO], POLICY_DENY);
	buf_put_text(&text, " sound=deny");
	assert_int_equal(policy_parse(buf_text(&text), &back, &err), -EINVAL);
}

static void entitlements_tell_why(void **state)
{
	struct pool pools[3] = { good_pool(), good_pool(), good_pool() };
	struct pool_group groups[] = { { "Sales", "cn=sales,ou=groups,dc=example,dc=com" },
				       { "cn=x", NULL } };
	struct entitlement found[3];

	strcpy(pools[0].groups[pools[0].group_count++], "sales");
	strcpy(pools[1].users[pools[1].user_count++], "松本");
	strcpy(pools[2].groups[pools[2].group_count++], "CN=Sales,ou=groups,dc=example,dc=com");
	assert_int_equal(pool_entitlements(pools, 3, "anna", groups, 2, found), 2);
	assert_int_equal(found[0].pool, 0);
	assert_int_equal(found[0].why, REASON_ENTITLED_GROUP);
	assert_string_equal(found[0].principal, "sales");
	assert_int_equal(found[1].pool, 2);
	assert_int_equal(pool_entitlements(pools, 3, "松本", NULL, 0, found), 1);
	assert_int_equal(found[0].why, REASON_ENTITLED_USER);
	assert_int_equal(pool_entitlements(pools, 3, "bo", NULL, 0, found), 0);

	/* A group that is merely called like a DN does not get the DN's rights. */
	strcpy(pools[2].groups[0], "cn=x");
	assert_int_equal(pool_entitlements(&pools[2], 1, "bo", groups, 2, found), 0);
	/* Nobody named, nobody entitled. */
	pools[2].group_count = 0;
	assert_int_equal(pool_entitlements(&pools[2], 1, "anna", groups, 2, found), 0);
}

static struct placement_host host(int64_t memory_free)
{
	return (struct placement_host){ .name = "h",
					.active = true,
					.image_ready = true,
					.cpus = 4,
					.memory_bytes = 16 * GIB,
					.memory_free_bytes = memory_free };
}

static void placement_gives_reasons(void **state)
{
	struct placement_need need = { 2, 2 * GIB, 1 * GIB };
	struct placement_host h = host(2 * GIB);

	assert_int_equal(placement_fits(&h, &need), REASON_OK);
	h.memory_free_bytes--;
	assert_int_equal(placement_fits(&h, &need), REASON_HOST_MEMORY);
	h = host(2 * GIB);
	h.disk_free_bytes = 0;	/* an agent that tells no disk is not asked for one */
	assert_int_equal(placement_fits(&h, &need), REASON_OK);
	h.disk_bytes = 100 * GIB;
	h.disk_free_bytes = 1 * GIB - 1;
	assert_int_equal(placement_fits(&h, &need), REASON_HOST_DISK);
	assert_true(placement_is_full(&h, 1, &need));
	h = host(2 * GIB);
	h.cpus_used = 4 * PLACEMENT_CPU_OVERCOMMIT - 1;
	assert_int_equal(placement_fits(&h, &need), REASON_HOST_CPU);
	h = host(2 * GIB);
	h.cpus = 1;
	assert_int_equal(placement_fits(&h, &need), REASON_HOST_CPU);
	h = host(2 * GIB);
	h.active = false;
	assert_int_equal(placement_fits(&h, &need), REASON_HOST_NOT_ACTIVE);
	h = host(2 * GIB);
	h.silent = true;
	assert_int_equal(placement_fits(&h, &need), REASON_HOST_SILENT);
	h = host(2 * GIB);
	h.image_bad = true;
	assert_int_equal(placement_fits(&h, &need), REASON_HOST_IMAGE);
}

static void an_image_on_its_way_is_worth_waiting_for(void **state)
{
	struct placement_need need = { 2, 2 * GIB, 1 * GIB };
	struct placement_host hosts[] = { host(2 * GIB), host(2 * GIB) };

	hosts[0].image_coming = hosts[0].image_bad = hosts[1].image_bad = true;
	assert_int_equal(placement_fits(&hosts[0], &need), REASON_HOST_FETCHING);
	assert_true(placement_is_coming(hosts, 2, &need));
	assert_false(placement_is_full(hosts, 2, &need));
	hosts[0].memory_free_bytes--; /* nor would it fit then */
	assert_false(placement_is_coming(hosts, 2, &need));
	hosts[0].memory_free_bytes++;
	hosts[1].image_bad = false; /* no need to wait */
	assert_false(placement_is_coming(hosts, 2, &need));
}

static void what_was_measured_is_what_counts(void **state)
{
	const struct desktop_size size = { 1, 1 * GIB, 0 };
	struct placement_peak peak = { 0, 0 };

	assert_int_equal(placement_expect(&size, &peak).memory_bytes, 1 * GIB);
	assert_int_equal(placement_expect(&size, &peak).disk_bytes, PLACEMENT_OVERLAY_MIN);
	peak = (struct placement_peak){ 100 * MIB, 400 * MIB };
	assert_int_equal(placement_expect(&size, &peak).memory_bytes, 256 * MIB);	/* a quarter */
	assert_int_equal(placement_expect(&size, &peak).disk_bytes, 500 * MIB);
	peak.memory_bytes = 400 * MIB;
	assert_int_equal(placement_expect(&size, &peak).memory_bytes, 500 * MIB);
	peak.memory_bytes = 1000 * MIB;
	assert_int_equal(placement_expect(&size, &peak).memory_bytes, 1 * GIB);
}

static void desktops_take_what_they_may_still_grow_by(void **state)
{
	struct placement_host h = host(8 * GIB);
	struct placement_desktop d = { .cpus = 2, .memory_bytes = 1 * GIB };
	int64_t committed = 0;

	h.disk_free_bytes = 10 * GIB;
	placement_account(&h, &d, &committed);		/* being made */
	assert_int_equal(h.memory_free_bytes, 7 * GIB);
	d.up = true;					/* up, not measured yet */
	placement_account(&h, &d, &committed);
	assert_int_equal(h.memory_free_bytes, 7 * GIB);
	d.pss_bytes = 100 * MIB;
	d.overlay_bytes = 100 * MIB;
	d.peak = (struct placement_peak){ 400 * MIB, 400 * MIB };
	placement_account(&h, &d, &committed);
	assert_int_equal(h.memory_free_bytes, 7 * GIB - 400 * MIB);
	assert_int_equal(h.disk_free_bytes, 10 * GIB - PLACEMENT_OVERLAY_MIN - 400 * MIB);
	assert_int_equal(h.cpus_used, 6);
	assert_int_equal(committed, 2 * GIB + 500 * MIB);
}

static void placement_prefers_image_then_room(void **state)
{
	struct placement_need need = { 1, 1 * GIB, 1 * GIB };
	struct placement_host hosts[] = { host(4 * GIB), host(8 * GIB), host(16 * GIB),
					  host(8 * GIB) };
	enum reason why[4];

	hosts[2].image_ready = false;
	assert_int_equal(placement_choose(hosts, 4, &need, why), 1);
	hosts[1].silent = hosts[3].silent = true;
	assert_int_equal(placement_choose(hosts, 4, &need, why), 0);
	assert_int_equal(why[1], REASON_HOST_SILENT);
	hosts[0].active = false;
	assert_int_equal(placement_choose(hosts, 4, &need, NULL), 2);
	assert_int_equal(placement_choose(hosts, 0, &need, NULL), -1);
}

static void every_reason_is_explained(void **state)
{
	FILE *file = fopen(REASON_CODES_MD, "r");
	static char doc[64 * 1024];

	assert_non_null(file);
	doc[fread(doc, 1, sizeof(doc) - 1, file)] = '\0';
	fclose(file);
	for (int i = 0; i < REASON_COUNT; i++) {
		enum reason back;
		char row[96];

		assert_int_equal(reason_parse(reason_word((enum reason)i), &back), 0);
		assert_int_equal(back, i);
		snprintf(row, sizeof(row), "| `%s` | %d |", reason_word((enum reason)i),
			 reason_http_status((enum reason)i));
		if (!strstr(doc, row))
			fail_msg("docs/reason-codes.md lacks %s", row);
	}
	/* And the other way round: each row's code is in the table. */
	for (char *at = doc; (at = strstr(at, "\n| `"));) {
		char word[64] = "";
		enum reason reason;

		at += 4;
		snprintf(word, sizeof(word), "%.*s", (int)strcspn(at, "`"), at);
		if (reason_parse(word, &reason) < 0)
			fail_msg("docs/reason-codes.md explains unknown %s", word);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_names_its_key),
		cmocka_unit_test(a_set_has_no_name_twice),
		cmocka_unit_test(policies_are_strict_and_deny_by_default),
		cmocka_unit_test(entitlements_tell_why),
		cmocka_unit_test(placement_gives_reasons),
		cmocka_unit_test(an_image_on_its_way_is_worth_waiting_for),
		cmocka_unit_test(what_was_measured_is_what_counts),
		cmocka_unit_test(desktops_take_what_they_may_still_grow_by),
		cmocka_unit_test(placement_prefers_image_then_room),
		cmocka_unit_test(every_reason_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
