/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/sys/file.h"
#include "ctl/pool_file.h"

static const char good[] = "pool: sales\n"
			   "title: 営業部\n"
			   "entitled:\n"
			   "  groups: [sales, 'cn=x,dc=example']\n"
			   "image:\n"
			   "  name: debian-desktop\n"
			   "assignment: floating\n"
			   "size: {max: 4, spare: 1}\n"
			   "desktop:\n"
			   "  cpus: 2\n"
			   "  memory: 1024 MiB\n"
			   "policy:\n"
			   "  sound: allow\n";

static void a_good_file_becomes_a_pool(void **state)
{
	OWNED(buf_done) struct buf problems = { 0 };
	struct pool pool;

	assert_int_equal(pool_file_parse("f", span_text(good), &pool, &problems), 0);
	assert_int_equal(problems.len, 0);
	assert_string_equal(pool.title, "営業部");
	assert_int_equal(pool.group_count, 2);
	assert_string_equal(pool.groups[1], "cn=x,dc=example");
	assert_string_equal(pool.channel, "stable");
	assert_int_equal(pool.desktop.memory_bytes, INT64_C(1) << 30);
	assert_int_equal(pool.policy.value[POLICY_SOUND], POLICY_ALLOW);
	assert_int_equal(pool.policy.value[POLICY_REMOVABLE_STORAGE], POLICY_DENY);
	assert_int_equal(pool.on_logoff, pool_on_logoff_default(pool.assignment));
	assert_int_equal(pool.disconnect_timeout_ms, INT64_C(8) * 3600000);
	assert_false(pool.self_restart || pool.self_reset);
	assert_int_equal(pool.rollout_canary, POOL_CANARY_DEFAULT);
	assert_int_equal(pool.rollout_max_failures, POOL_FAILURES_DEFAULT);
}

static void the_life_of_desktops_is_read(void **state)
{
	OWNED(buf_done) struct buf text = { 0 };
	OWNED(buf_done) struct buf problems = { 0 };
	struct pool pool;

	buf_put_text(&text, good);
	buf_put_text(&text, "schedule: [mon-fri 07:30-18:00 spare 3, \"sat 00:00-24:00 spare 0\"]\n"
			    "max_per_user: 2\non_logoff: delete\ndisconnect_timeout: 90m\n"
			    "self_service: {restart: allow}\n"
			    "rollout: {canary: 25%, window: 2h, max_failures: 0}\n");
	if (pool_file_parse("f", buf_span(&text), &pool, &problems) < 0)
		fail_msg("%s", buf_text(&problems));
	assert_int_equal(pool.schedule_count, 2);
	assert_string_equal(pool.schedule[1], "sat 00:00-24:00 spare 0");
	assert_int_equal(pool.max_per_user, 2);
	assert_int_equal(pool.on_logoff, POOL_LOGOFF_DELETE);
	assert_int_equal(pool.disconnect_timeout_ms, 90 * 60000);
	assert_true(pool.self_restart && !pool.self_reset);
	assert_int_equal(pool.rollout_canary, 25);
	assert_int_equal(pool.rollout_window_ms, 2 * 3600000);
	assert_int_equal(pool.rollout_max_failures, 0);
}

static void a_pool_becomes_the_file_it_came_from(void **state)
{
	static const char *const ends[] = {
		"",
		"schedule: [mon-fri 07:30-18:00 spare 3, \"sat 00:00-24:00 spare 0\"]\n"
		"max_per_user: 2\non_logoff: delete\ndisconnect_timeout: 90m\nidle_timeout: 1d\n"
		"idle_action: logoff\nself_service: {restart: allow}\nstandard_clients: allow\nsecond_factor: totp\n"
		"user_disk: {size: 3 GiB}\n"
		"rollout: {canary: 25%, window: 2500ms, max_failures: 0}\n",
		"on_logoff: keep\ndisconnect_timeout: 0\nuser_disk: {size: 65 MiB}\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		OWNED(buf_done) struct buf text = { 0 };
		OWNED(buf_done) struct buf again = { 0 };
		OWNED(buf_done) struct buf problems = { 0 };
		OWNED(free) struct pool *pool = xnew(struct pool);
		OWNED(free) struct pool *back = xnew(struct pool);

		buf_put_text(&text, good);
		buf_put_text(&text, ends[i]);
		assert_int_equal(pool_file_parse("f", buf_span(&text), pool, &problems), 0);
		strcpy(pool->title, "\"no\": a 'title' \\ # 営業部");
		strcpy(pool->users[0], "007");
		strcpy(pool->users[1], "-");
		strcpy(pool->users[2], "yes");
		pool->user_count = 3;
		pool_file_write(pool, &again);
		if (pool_file_parse("g", buf_span(&again), back, &problems) < 0)
			fail_msg("%s%s", buf_text(&problems), buf_text(&again));
		if (!pool_equal(pool, back))
			fail_msg("not the same pool:\n%s", buf_text(&again));
		assert_string_equal(back->title, pool->title);
	}
}

static void defaults_are_left_out(void **state)
{
	OWNED(buf_done) struct buf problems = { 0 };
	OWNED(buf_done) struct buf text = { 0 };
	struct pool pool;

	assert_int_equal(pool_file_parse("f", span_text(good), &pool, &problems), 0);
	pool_file_write(&pool, &text);
	assert_string_equal(buf_text(&text),
			    "pool: sales\ntitle: 営業部\nentitled:\n  groups:\n    - sales\n"
			    "    - \"cn=x,dc=example\"\nimage:\n  name: debian-desktop\n"
			    "  channel: stable\nassignment: floating\nsize:\n  max: 4\n  spare: 1\n"
			    "desktop:\n  cpus: 2\n  memory: 1 GiB\npolicy:\n  sound: allow\n");
}

/* The good text with `from` replaced by `to` has exactly the problems `expected`. */
static void expect(const char *from, const char *to, const char *expected)
{
	OWNED(buf_done) struct buf text = { 0 };
	OWNED(buf_done) struct buf problems = { 0 };
	const char *at = strstr(good, from);
	struct pool pool;

	assert_non_null(at);
	buf_put(&text, good, (size_t)(at - good));
	buf_put_text(&text, to);
	buf_put_text(&text, at + strlen(from));
	assert_int_equal(pool_file_parse("f", buf_span(&text), &pool, &problems), -EINVAL);
	assert_string_equal(buf_text(&problems), expected);
}

static void mistakes_have_a_place(void **state)
{
	expect("  cpus: 2\n", "  cpus: 2\n  cpu: 3\n",
	       "f:11:3: cpu: unknown key (known: cpus, memory, overlay, disk)\n");
	expect("1024 MiB", "1024",
	       "f:11:11: memory: needs a unit: KiB, MiB, GiB or TiB, as in 2 GiB\n");
	expect("1024 MiB", "1 MiB", "f:11:11: desktop.memory: must be 256 MiB to 1 TiB\n");
	expect("{max: 4, spare: 1}", "{max: 4, spare: 5}",
	       "f:8:23: size.spare: must be 0 to size.max\n");
	expect("{max: 4, spare: 1}", "{max: four}", "f:8:13: max: must be a whole number\n");
	expect("{max: 4, spare: 1}", "4", "f:8:7: size: must be a mapping\n");
	expect("floating", "sometimes", "f:7:13: assignment: must be floating or dedicated\n");
	expect("title: 営業部\n", "title:\n", "f:2:7: title: is empty\n");
	expect("title: 営業部\n", "title: a\ntitle: b\n", "f:3:1: title: is given twice\n");
	expect("pool: sales\n", "", "f:1:1: pool: is missing\n");
	expect("pool: sales", "pool: Sales",
	       "f:1:7: pool: must be a lowercase letter followed by letters, digits and '-', at "
	       "most 32 characters\n");
	expect("[sales, 'cn=x,dc=example']", "sales", "f:4:11: groups: must be a list\n");
	expect("[sales, 'cn=x,dc=example']", "[sales, sales]",
	       "f:4:11: entitled.groups: \"sales\" appears twice\n");
	expect("  sound: allow\n", "  removable_storage: allow\n",
	       "f:13:22: removable_storage: removable storage is never allowed by a pool; it needs "
	       "an approved, time-boxed exception for one user\n");
	expect("  name: debian-desktop\n", "  name: x\n  channel: stable\n  publication: 2\n",
	       "f:6:3: image: needs either a channel or a publication\n");
}

static void several_mistakes_are_told_at_once(void **state)
{
	expect("title: 営業部\nentitled:\n", "titel: x\nentitled:\n",
	       "f:2:1: titel: unknown key (known: pool, title, entitled, image, assignment, size, "
	       "schedule, max_per_user, on_logoff, disconnect_timeout, idle_timeout, idle_action, self_service, standard_clients, second_factor, user_disk, rollout, desktop, policy)\nf:1:1: title: is missing\n");
}

static void dangerous_yaml_is_refused(void **state)
{
	expect("title: 営業部", "title: &a x", "f:2:8: anchors (&name) are not accepted\n");
	expect("title: 営業部", "title: *a", "f:2:8: aliases (*name) are not accepted\n");
	expect("title: 営業部", "title: !!str x", "f:2:8: tags (!name) are not accepted\n");
	expect("title: 営業部", "title: [[[[[[[[[[1]]]]]]]]]]", "f:2:15: nested too deeply\n");
	expect("policy:\n", "---\npolicy:\n",
	       "f:12:1: a second document (---) is not accepted\n");
	expect(good, "- a\n- b\n", "f:1:1: must be a mapping of keys to values\n");
	expect(good, "", "f:1:1: must be a mapping of keys to values\n");
	expect(good, "a: 'open\n", "f:2:1: found unexpected end of stream\n");
}

static void size_is_bounded(void **state)
{
	OWNED(buf_done) struct buf text = { 0 };
	OWNED(buf_done) struct buf problems = { 0 };
	struct pool pool;

	for (int i = 0; i < 5000; i++)
		buf_printf(&text, "k%d: x\n", i);
	assert_int_equal(pool_file_parse("f", buf_span(&text), &pool, &problems), -EINVAL);
	assert_non_null(strstr(buf_text(&problems), "too many values"));
	buf_reset(&problems);
	buf_put_zeros(&text, 70000);
	assert_int_equal(pool_file_parse("f", buf_span(&text), &pool, &problems), -EINVAL);
	assert_non_null(strstr(buf_text(&problems), "larger than 64 KiB"));
}

/* Any bytes: an answer, and a message when it is "no". */
static void noise_is_answered(void **state)
{
	unsigned seed = 20260726;

	for (int i = 0; i < 2000; i++) {
		OWNED(buf_done) struct buf problems = { 0 };
		char text[sizeof(good)];
		struct pool pool;

		memcpy(text, good, sizeof(good));
		for (int k = 0; k <= i % 4; k++)
			text[(size_t)rand_r(&seed) % (sizeof(good) - 1)] = (char)rand_r(&seed);
		int rc = pool_file_parse("f", span_of(text, sizeof(good) - 1), &pool, &problems);
		assert_true(rc == 0 ? problems.len == 0 : problems.len > 0);
	}
}

static void folders_are_read_whole(void **state)
{
	OWNED(pool_files_done) struct pool_files files = { 0 };
	OWNED(buf_done) struct buf problems = { 0 };
	char dir[] = "/tmp/genkan-pools-XXXXXX", path[64];
	const char *paths[] = { dir };

	assert_non_null(mkdtemp(dir));
	assert_int_equal(pool_files_load(paths, 1, &files, &problems), -EINVAL);
	assert_non_null(strstr(buf_text(&problems), "holds no *.yaml files"));
	buf_reset(&problems);
	snprintf(path, sizeof(path), "%s/a.yaml", dir);
	assert_int_equal(file_write(path, span_text(good), 0644, NULL), 0);
	snprintf(path, sizeof(path), "%s/note.txt", dir);
	assert_int_equal(file_write(path, span_text("not yaml: ["), 0644, NULL), 0);
	assert_int_equal(pool_files_load(paths, 1, &files, &problems), 0);
	assert_int_equal(files.count, 1);
	snprintf(path, sizeof(path), "%s/b.yaml", dir);
	assert_int_equal(file_write(path, span_text(good), 0644, NULL), 0);
	struct pool_files twice = { 0 };
	assert_int_equal(pool_files_load(paths, 1, &twice, &problems), -EINVAL);
	assert_non_null(strstr(buf_text(&problems), "b.yaml:1:1: pool: sales is already defined in"));
	assert_int_equal(file_remove_tree(dir, NULL), 0);
}

static void the_sample_pools_are_good(void **state)
{
	OWNED(pool_files_done) struct pool_files files = { 0 };
	OWNED(buf_done) struct buf problems = { 0 };
	const char *paths[] = { SAMPLE_POOLS };

	if (pool_files_load(paths, 1, &files, &problems) < 0)
		fail_msg("%s", buf_text(&problems));
	assert_int_equal(files.count, 2);
	assert_int_equal(files.pools[0].assignment, POOL_DEDICATED);
	assert_int_equal(files.pools[1].assignment, POOL_FLOATING);
}

static void look_for_keys(const struct yamlf_field *fields, const char *manual)
{
	for (const struct yamlf_field *f = fields; f->type != YAMLF_END; f++) {
		char entry[64];

		snprintf(entry, sizeof(entry), "\t*%s*\n", f->key);
		if (!strstr(manual, entry + (fields == pool_fields)))
			fail_msg("genkan-pool.5.scd lacks %s", f->key);
		if (f->fields)
			look_for_keys(f->fields, manual);
	}
}

static void the_manual_has_every_key(void **state)
{
	OWNED(buf_done) struct buf manual = { 0 };

	assert_int_equal(file_read(CTL_DIR "/genkan-pool.5.scd", 1 << 20, &manual, NULL), 0);
	look_for_keys(pool_fields, buf_text(&manual));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_file_becomes_a_pool),
		cmocka_unit_test(a_pool_becomes_the_file_it_came_from),
		cmocka_unit_test(defaults_are_left_out),
		cmocka_unit_test(the_life_of_desktops_is_read),
		cmocka_unit_test(mistakes_have_a_place),
		cmocka_unit_test(several_mistakes_are_told_at_once),
		cmocka_unit_test(dangerous_yaml_is_refused),
		cmocka_unit_test(size_is_bounded),
		cmocka_unit_test(noise_is_answered),
		cmocka_unit_test(folders_are_read_whole),
		cmocka_unit_test(the_sample_pools_are_good),
		cmocka_unit_test(the_manual_has_every_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
