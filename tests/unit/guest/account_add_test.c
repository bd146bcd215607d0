/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/base/buf.h"
#include "common/sys/file.h"
#include "guest/account_add_io.h"

struct site {
	char root[32], etc[48], skeleton[48], home[48];
	struct account_places places;
};

static const char *at(const struct site *site, const char *path)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s/%s", site->root, path);
	return text;
}

static void put(const struct site *site, const char *path, const char *content)
{
	assert_int_equal(file_write(at(site, path), span_text(content), 0644, NULL), 0);
}

static void is(const struct site *site, const char *path, const char *content)
{
	OWNED(buf_done) struct buf text = { 0 };

	assert_int_equal(file_read(at(site, path), 65536, &text, NULL), 0);
	assert_string_equal(buf_text(&text), content);
}

static int site_make(void **state)
{
	struct site *site = xnew(struct site);

	snprintf(site->root, sizeof(site->root), "/tmp/genkan-account-XXXXXX");
	if (!mkdtemp(site->root))
		return -1;
	snprintf(site->etc, sizeof(site->etc), "%s/etc", site->root);
	snprintf(site->skeleton, sizeof(site->skeleton), "%s/skel", site->root);
	snprintf(site->home, sizeof(site->home), "%s/home", site->root);
	site->places = (struct account_places){ site->etc, site->skeleton, site->home };
	mkdir(site->etc, 0755);
	mkdir(site->skeleton, 0755);
	mkdir(site->home, 0755);
	put(site, "etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");
	put(site, "etc/shadow", "root:*:20000:0:99999:7:::"); /* an editor left the end out */
	put(site, "etc/group", "root:x:0:\nusers:x:100:\n");
	put(site, "etc/gshadow", "root:*::\n");
	*state = site;
	return 0;
}

static int site_remove(void **state)
{
	struct site *site = *state;
	int rc = file_remove_tree(site->root, NULL);

	free(site);
	return rc;
}

static struct new_account own_account(void)
{
	return (struct new_account){ "hanako", "Hanako Y.", getuid() ? getuid() : 100001 };
}

static void an_account_is_added_to_each_table(void **state)
{
	struct site *site = *state;
	struct new_account account = own_account();
	char line[128];
	struct stat st;

	put(site, "skel/.profile", "umask 077\n");
	mkdir(at(site, "skel/Desktop"), 0750);
	put(site, "skel/Desktop/note", "hello");
	assert_int_equal(symlink("Desktop", at(site, "skel/link")), 0);
	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(account_add(&site->places, &account, NULL), 0);
		snprintf(line, sizeof(line),
			 "root:x:0:0:root:/root:/bin/bash\nhanako:x:%u:%u:Hanako "
			 "Y.:/home/hanako:/bin/bash\n",
			 account.uid, account.uid);
		is(site, "etc/passwd", line);
		snprintf(line, sizeof(line), "root:x:0:\nusers:x:100:\nhanako:x:%u:\n",
			 account.uid);
		is(site, "etc/group", line);
		is(site, "etc/gshadow", "root:*::\nhanako:!::\n");
		is(site, "home/hanako/.profile", "umask 077\n");
		is(site, "home/hanako/Desktop/note", "hello");
	}
	OWNED(buf_done) struct buf shadow = { 0 };

	assert_int_equal(file_read(at(site, "etc/shadow"), 4096, &shadow, NULL), 0);
	assert_non_null(strstr(buf_text(&shadow), "7:::\nhanako:!:"));
	assert_null(strstr(strstr(buf_text(&shadow), "hanako:") + 1, "hanako:"));
	assert_int_equal(stat(at(site, "home/hanako"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(st.st_uid, account.uid);
	assert_int_equal(stat(at(site, "home/hanako/Desktop"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(st.st_uid, account.uid);
	assert_int_equal(lstat(at(site, "home/hanako/link"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

/* A crash came before the line of passwd; what is there already is not there twice. */
static void it_goes_on_where_it_stopped(void **state)
{
	struct site *site = *state;
	struct new_account account = own_account();
	char line[64];

	snprintf(line, sizeof(line), "hanako:x:%u:\n", account.uid);
	put(site, "etc/group", line);
	put(site, "etc/shadow", "hanako:!:1:0:99999:7:::\n");
	mkdir(at(site, "home/.genkan-new"), 0700);
	put(site, "home/.genkan-new/half", "");
	assert_int_equal(account_add(&site->places, &account, NULL), 0);
	is(site, "etc/group", line);
	is(site, "etc/shadow", "hanako:!:1:0:99999:7:::\n");
	assert_int_equal(access(at(site, "home/hanako/half"), F_OK), -1);
	assert_int_equal(access(at(site, "home/.genkan-new"), F_OK), -1);
}

static void a_home_stays_as_it_is(void **state)
{
	struct site *site = *state;
	struct new_account account = own_account();

	put(site, "skel/.profile", "new");
	mkdir(at(site, "home/hanako"), 0711);
	put(site, "home/hanako/letter", "mine");
	assert_int_equal(account_add(&site->places, &account, NULL), 0);
	is(site, "home/hanako/letter", "mine");
	assert_int_equal(access(at(site, "home/hanako/.profile"), F_OK), -1);
}

static void a_group_of_others_is_left_alone(void **state)
{
	struct site *site = *state;
	struct new_account account = own_account();
	char taken[64];

	snprintf(taken, sizeof(taken), "others:x:%u:\n", account.uid);
	for (int i = 0; i < 2; i++) {
		put(site, "etc/group", i ? taken : "hanako:x:7:\n");
		assert_int_equal(account_add(&site->places, &account, NULL), -EBUSY);
		is(site, "etc/group", i ? taken : "hanako:x:7:\n");
		is(site, "etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");
		assert_int_equal(access(at(site, "home/hanako"), F_OK), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_account_is_added_to_each_table, site_make,
						site_remove),
		cmocka_unit_test_setup_teardown(it_goes_on_where_it_stopped, site_make,
						site_remove),
		cmocka_unit_test_setup_teardown(a_home_stays_as_it_is, site_make, site_remove),
		cmocka_unit_test_setup_teardown(a_group_of_others_is_left_alone, site_make,
						site_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
