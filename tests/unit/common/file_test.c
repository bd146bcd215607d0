/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include "common/sys/file.h"

static char folder[] = "/tmp/genkan-file-XXXXXX";

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void whole_files_come_back(void **state)
{
	OWNED(buf_done) struct buf content = BUF_LIMIT(11);
	struct stat st;

	assert_int_equal(file_write(path_of("a"), SPAN_LITERAL("0123456789"), 0640, NULL), 0);
	assert_int_equal(file_read(path_of("a"), 10, &content, NULL), 0);
	assert_string_equal(buf_text(&content), "0123456789");
	assert_int_equal(stat(path_of("a"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
}

static void longer_than_allowed_is_an_error(void **state)
{
	OWNED(buf_done) struct buf content = { 0 };
	struct error err;

	assert_int_equal(file_write(path_of("b"), SPAN_LITERAL("0123456789"), 0600, NULL), 0);
	assert_int_equal(file_read(path_of("b"), 9, &content, &err), -EFBIG);
	assert_int_equal(file_read(path_of("nothing"), 9, &content, &err), -ENOENT);
	assert_non_null(strstr(err.text, "nothing: No such file"));
}

static void secrets_lose_one_newline(void **state)
{
	struct secret s = { 0 };

	assert_int_equal(file_write(path_of("c"), SPAN_LITERAL("pass word\n\n"), 0600, NULL), 0);
	assert_int_equal(file_read_secret(path_of("c"), &s, NULL), 0);
	assert_int_equal(s.len, 10);
	assert_memory_equal(s.bytes, "pass word\n", 11);
	secret_wipe(&s);
}

static void a_failed_write_leaves_the_old_file(void **state)
{
	OWNED(buf_done) struct buf content = { 0 };
	struct error err;

	assert_int_equal(file_write(path_of("d"), SPAN_LITERAL("old"), 0600, NULL), 0);
	assert_int_equal(mkdir(path_of("e"), 0700), 0);
	assert_int_equal(file_write(path_of("e"), SPAN_LITERAL("new"), 0600, &err), -EISDIR);
	assert_int_equal(file_read(path_of("d"), 10, &content, NULL), 0);
	assert_string_equal(buf_text(&content), "old");
}

static void trees_go_without_following_links(void **state)
{
	char link[160];

	assert_int_equal(file_make_dirs(path_of("tree/x/y"), 0700, NULL), 0);
	assert_int_equal(file_write(path_of("tree/x/y/z"), SPAN_LITERAL("z"), 0600, NULL), 0);
	snprintf(link, sizeof(link), "%s/tree/link", folder);
	assert_int_equal(file_write(path_of("kept"), SPAN_LITERAL("k"), 0600, NULL), 0);
	assert_int_equal(symlink(path_of("kept"), link), 0);
	assert_int_equal(file_remove_tree(path_of("tree"), NULL), 0);
	assert_int_equal(access(path_of("tree"), F_OK), -1);
	assert_int_equal(access(path_of("kept"), F_OK), 0);
	assert_int_equal(file_remove_tree(path_of("tree"), NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_files_come_back),
		cmocka_unit_test(longer_than_allowed_is_an_error),
		cmocka_unit_test(secrets_lose_one_newline),
		cmocka_unit_test(a_failed_write_leaves_the_old_file),
		cmocka_unit_test(trees_go_without_following_links),
	};
	int failed;

	assert_non_null(mkdtemp(folder));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	file_remove_tree(folder, NULL);
	return failed;
}
