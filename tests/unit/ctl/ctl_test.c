/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "common/base/text.h"
#include "common/sys/file.h"
#include "ctl/completion.h"
#include "ctl/ctl.h"
#include "ctl/image_file.h"
#include "ctl/pool_diff.h"

/* ----------------------------------------------------------------------------------- arguments */

static int parse(const char *line, const struct command **command, struct arguments *args,
		 struct error *err)
{
	static char text[512], *argv[32];
	int argc = 1;

	*err = (struct error){ 0 };
	argv[0] = (char *)"genkanctl";
	snprintf(text, sizeof(text), "%s", line);
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	return arguments_parse(argc, argv, command, args, err);
}

static void commands_and_options_are_found(void **state)
{
	const struct command *command;
	struct arguments args;
	struct error err;

	assert_int_equal(parse("--json image publish --image-dir=/i deb f.qcow2 --channel canary",
			       &command, &args, &err), 0);
	assert_string_equal(command->verb, "publish");
	assert_true(args.json);
	assert_string_equal(args.image_dir, "/i");
	assert_string_equal(args.channel, "canary");
	assert_int_equal(args.count, 2);
	assert_string_equal(args.values[1], "f.qcow2");
	assert_int_equal(parse("apply a b -- --c", &command, &args, &err), 0);
	assert_int_equal(args.count, 3);
	assert_string_equal(args.values[2], "--c");
	assert_int_equal(parse("pool --help", &command, &args, &err), 0);
	assert_null(command);
	assert_true(args.help);
}

static void mistakes_are_usage_errors(void **state)
{
	static const char *const lines[] = {
		"", "pol list", "pool", "pool drop", "pool list extra", "image publish one",
		"pool list --denied", "pool list --frobnicate", "pool list --json=yes",
		"pool list --ca", "audit list --all",
	};
	const struct command *command;
	struct arguments args;
	struct error err;

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		if (parse(lines[i], &command, &args, &err) != -EINVAL)
			fail_msg("'%s' was accepted", lines[i]);
		assert_true(err.text[0]);
	}
}

static void read_whole(const char *path, struct buf *out)
{
	assert_int_equal(file_read(path, 1 << 20, out, NULL), 0);
}

static void help_and_manual_know_every_command(void **state)
{
	OWNED(buf_done) struct buf manual = { 0 };
	OWNED(buf_done) struct buf help = { 0 };

	read_whole(CTL_DIR "/genkanctl.1.scd", &manual);
	arguments_help(NULL, NULL, &help);
	for (size_t i = 0; i < command_count; i++) {
		const struct command *c = &commands[i];
		char name[64];

		snprintf(name, sizeof(name), "*%s%s%s*", c->noun, c->verb ? " " : "",
			 c->verb ? c->verb : "");
		if (!strstr(buf_text(&manual), name))
			fail_msg("genkanctl.1.scd lacks %s", name);
		assert_non_null(strstr(buf_text(&help), c->help));
	}
}

/* The shells themselves are asked in integration/test_completion.py. */
static void other_shells_are_an_error(void **state)
{
	OWNED(buf_done) struct buf text = { 0 };
	struct error err = { 0 };

	assert_int_equal(completion_write("tcsh", &text, &err), -EINVAL);
	assert_int_equal(text.len, 0);
}

/* ---------------------------------------------------------------------------------- tables */

static void tables_align_and_cut_wide_characters(void **state)
{
	static const char *const titles[] = { "NAME", "TITLE", "N", NULL };
	OWNED(table_free) struct table *table = table_new(titles);
	OWNED(buf_done) struct buf out = { 0 };

	setlocale(LC_CTYPE, "C.UTF-8");
	assert_int_equal(table_width("営業部"), 6);
	assert_int_equal(table_width("e\xff\x1b"), 3);
	table_text(table, "sales");
	table_text(table, "営業部デスクトップ");
	table_int(table, 4);
	table_text(table, "x");
	table_text(table, "\033[2Jy");
	table_int(table, -1);
	table_render(table, 0, &out);
	assert_string_equal(buf_text(&out), "NAME   TITLE               N\n"
					    "sales  営業部デスクトップ  4\n"
					    "x      ?[2Jy               -1\n");
	buf_reset(&out);
	table_render(table, 22, &out);
	assert_string_equal(buf_text(&out), "NAME   TITLE        N\n"
					    "sales  営業部デス…  4\n"
					    "x      ?[2Jy        -1\n");
}

static void differences_are_listed_by_key(void **state)
{
	struct pool a = { .title = "A", .size_max = 4, .size_spare = 1, .channel = "stable" };
	struct pool b = { .title = "営", .size_max = 8, .size_spare = 1, .publication = 2 };
	OWNED(buf_done) struct buf out = { 0 };

	b.policy.value[POLICY_SOUND] = POLICY_ALLOW;
	pool_diff_lines(&a, &b, &out);
	assert_string_equal(buf_text(&out),
			    "  title: A becomes 営 (what employees see)\n"
			    "  image.channel: stable becomes nothing (stable or canary)\n"
			    "  image.publication: nothing becomes 2 (fixed number instead of a channel)\n"
			    "  size.max: 4 becomes 8 (most desktops, spares included)\n"
			    "  policy.sound: deny becomes allow\n");
	buf_reset(&out);
	pool_diff_lines(&a, &a, &out);
	assert_int_equal(out.len, 0);
}

/* ---------------------------------------------------------------------------------- images */

static void put_image(struct buf *b, uint32_t version, uint64_t backing, uint64_t incompatible)
{
	buf_reset(b);
	buf_put_u32be(b, 0x514649fb);
	buf_put_u32be(b, version);
	buf_put_u64be(b, backing);
	buf_put_zeros(b, 72 - 16);
	buf_put_u64be(b, incompatible);
	buf_put_zeros(b, 5 << 20);
}

static void an_image_is_installed_under_its_hash(void **state)
{
	OWNED(buf_done) struct buf b = { 0 };
	char dir[] = "/tmp/genkan-image-XXXXXX", path[128], target[256], hash[65];
	struct image_file image;
	struct stat st;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/source", dir);
	put_image(&b, 3, 0, 0);
	assert_int_equal(file_write(path, buf_span(&b), 0600, NULL), 0);
	assert_int_equal(image_install(path, dir, NULL, NULL, &image, NULL), 0);
	assert_true(image.copied);
	assert_int_equal(image.content.count, 1);
	image_content_done(&image.content);
	assert_int_equal(image.size_bytes, (int64_t)b.len);
	assert_int_equal(file_sha256(path, hash, NULL), 0);
	assert_string_equal(image.sha256, hash);
	snprintf(target, sizeof(target), "%s/%s.qcow2", dir, hash);
	assert_int_equal(file_sha256(target, hash, NULL), 0);
	assert_string_equal(image.sha256, hash);
	assert_int_equal(stat(target, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(image_install(path, dir, NULL, NULL, &image, NULL), 0);
	assert_false(image.copied);
	image_content_done(&image.content);

	struct error err = { 0 };
	assert_int_equal(image_install(dir, dir, NULL, NULL, &image, &err), -EINVAL);
	assert_int_equal(image_install("/nonexistent", dir, NULL, NULL, &image, &err), -ENOENT);
	assert_int_equal(image_install(path, "/nonexistent", NULL, NULL, &image, &err), -ENOENT);
	assert_int_equal(file_remove_tree(dir, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_and_options_are_found),
		cmocka_unit_test(mistakes_are_usage_errors),
		cmocka_unit_test(help_and_manual_know_every_command),
		cmocka_unit_test(other_shells_are_an_error),
		cmocka_unit_test(tables_align_and_cut_wide_characters),
		cmocka_unit_test(differences_are_listed_by_key),
		cmocka_unit_test(an_image_is_installed_under_its_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
