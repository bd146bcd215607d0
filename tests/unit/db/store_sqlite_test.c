/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/db/site.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "db/statements.h"

static sqlite3 *raw(const char *path)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	return db;
}

static int raw_exec(const char *path, const char *sql)
{
	sqlite3 *db = raw(path);
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	sqlite3_close(db);
	return rc;
}

static void parameters_come_in_numeric_order(void **state)
{
	static const char *const sql[] = {
#define X(name, text) text,
		STATEMENTS(X)
#undef X
	};
	struct site *site = *state;
	sqlite3 *db = raw(site->path);

	for (size_t i = 0; i < ARRAY_LEN(sql); i++) {
		sqlite3_stmt *st = NULL;

		assert_int_equal(sqlite3_prepare_v2(db, sql[i], -1, &st, NULL), SQLITE_OK);
		for (int p = 1; p <= sqlite3_bind_parameter_count(st); p++) {
			char name[16];

			snprintf(name, sizeof(name), "$%d", p);
			assert_string_equal(sqlite3_bind_parameter_name(st, p), name);
		}
		sqlite3_finalize(st);
	}
	sqlite3_close(db);
}

static void opening_again_changes_nothing(void **state)
{
	struct site *site = *state;
	struct stat st;
	struct store_user user;

	site_user(site, "anna");
	assert_int_equal(stat(site->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	for (int i = 0; i < 3; i++) {
		store_close(site->store);
		must(store_open(site->path, &site->store, &err));
	}
	must(store_user_find(site->store, "key-anna", &user, &err));
	assert_string_equal(user.display_name, "Display anna");
}

/* The content of a small file, to compare before and after. */
static size_t slurp(const char *path, uint8_t **out)
{
	OWNED(buf_done) struct buf b = { 0 };

	must(file_read(path, 16 << 20, &b, &err));
	*out = xcalloc(b.len + 1, 1);
	memcpy(*out, b.ptr, b.len);
	return b.len;
}

static void refused_and_untouched(struct site *site, int code, const char *word)
{
	OWNED(free) uint8_t *before = NULL;
	OWNED(free) uint8_t *after = NULL;
	struct store *store = NULL;
	struct error err = { 0 };
	size_t len = slurp(site->path, &before);

	assert_int_equal(store_open(site->path, &store, &err), code);
	assert_null(store);
	assert_non_null(strstr(err.text, word));
	assert_int_equal(slurp(site->path, &after), len);
	assert_memory_equal(before, after, len);
}

static void a_newer_schema_is_refused(void **state)
{
	struct site *site = *state;

	store_close(STEAL(site->store));
	assert_int_equal(raw_exec(site->path, "INSERT INTO migration VALUES (999, 'future', 0)"),
			 SQLITE_OK);
	refused_and_untouched(site, -EPROTO, "newer");
}

/* Packages read it there: the bytes 60 to 63 of the file, while the store is open and afterwards. */
static uint32_t marked_schema(const struct site *site)
{
	OWNED(free) uint8_t *file = NULL;

	assert_true(slurp(site->path, &file) > 64);
	return (uint32_t)file[60] << 24 | (uint32_t)file[61] << 16 | (uint32_t)file[62] << 8 | file[63];
}

static void the_header_of_the_file_tells_its_schema(void **state)
{
	struct site *site = *state;
	uint32_t made = marked_schema(site);

	assert_true(made >= 15);
	store_close(STEAL(site->store));
	assert_int_equal(marked_schema(site), made);
	/* one of a version that did not write it */
	assert_int_equal(raw_exec(site->path, "PRAGMA user_version = 0"), SQLITE_OK);
	assert_int_equal(marked_schema(site), 0);
	must(store_open(site->path, &site->store, &err));
	assert_int_equal(marked_schema(site), made);
}

static void a_foreign_file_is_refused(void **state)
{
	struct site *site = *state;

	store_close(STEAL(site->store));
	assert_int_equal(unlink(site->path), 0);
	must(file_write(site->path, SPAN_LITERAL("This is no database at all, but text."), 0600,
			&err));
	refused_and_untouched(site, -EBADMSG, "not a database");
	assert_int_equal(unlink(site->path), 0);

	sqlite3 *db;
	assert_int_equal(sqlite3_open(site->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE t (x)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	refused_and_untouched(site, -EBADMSG, "not a Genkan store");
}

/* Whatever a flipped byte or a cut does: an error or an answer, never a crash. */
static void try_everything(const char *path)
{
	OWNED(store_close) struct store *store = NULL;
	OWNED(store_pool_list_done) struct store_pool_list pools = { 0 };
	OWNED(store_desktop_list_done) struct store_desktop_list desktops = { 0 };
	OWNED(store_audit_list_done) struct store_audit_list audit = { 0 };
	OWNED(store_desired_done) struct store_desired desired = { 0 };
	OWNED(buf_done) struct buf problems = { 0 };
	struct store_audit row = { .what = "try" };
	int rc = store_open(path, &store, NULL);

	if (rc < 0)
		return;
	rc = store_pools(store, &pools, NULL);
	rc |= store_desktops(store, &desktops, NULL);
	rc |= store_audit_rows(store, false, 100, &audit, NULL);
	rc |= store_desired_for_host(store, "host-a", &desired, NULL);
	rc |= store_audit_append(store, &row, NULL);
	rc |= store_check(store, &problems, NULL);
	assert_true(rc <= 0);
}

static void damage_never_crashes(void **state)
{
	struct site *site = *state;
	OWNED(free) uint8_t *good = NULL;
	unsigned seed = 4711;
	int refused = 0;

	site_take(site, "anna", "sales");
	for (int i = 0; i < 20; i++) {
		struct store_audit row = { .at_ms = NOW, .who = "anna", .what = "login" };

		must(store_audit_append(site->store, &row, &err));
	}
	store_close(STEAL(site->store));
	size_t len = slurp(site->path, &good);
	for (int i = 0; i < 200; i++) {
		OWNED(free) uint8_t *bad = xcalloc(len, 1);
		size_t at = (size_t)rand_r(&seed) % len;
		size_t keep = i % 2 ? len : at;

		memcpy(bad, good, len);
		bad[at] ^= (uint8_t)(1u << rand_r(&seed) % 8);
		must(file_write(site->path, span_of(bad, keep), 0600, &err));
		try_everything(site->path);

		struct store *store = NULL;
		refused += store_open(site->path, &store, NULL) < 0;
		store_close(store);
	}
	assert_true(refused > 20);	/* cuts, at the least, are noticed at once */
}

static void audit_rows_chain(void **state)
{
	struct site *site = *state;
	OWNED(store_audit_list_done) struct store_audit_list list = { 0 };
	struct error why = { 0 };
	int64_t rows;

	for (int i = 0; i < 5; i++) {
		struct store_audit row = { .at_ms = NOW + i,
					   .who = "anna",
					   .what = "login",
					   .code = i % 2 ? "wrong_credentials" : "ok",
					   .denied = i % 2,
					   .details = "{\"n\":1}" };

		must(store_audit_append(site->store, &row, &err));
	}
	must(store_audit_verify(site->store, &rows, &err));
	assert_int_equal(rows, 5);
	must(store_audit_rows(site->store, true, 10, &list, &err));
	assert_int_equal(list.count, 2);
	assert_int_equal(list.items[0].id, 4);
	assert_string_equal(list.items[0].code, "wrong_credentials");

	assert_int_not_equal(raw_exec(site->path, "UPDATE audit SET who = 'bo' WHERE id = 3"),
			     SQLITE_OK);
	assert_int_not_equal(raw_exec(site->path, "DELETE FROM audit WHERE id = 3"), SQLITE_OK);
	assert_int_equal(raw_exec(site->path, "DROP TRIGGER audit_no_update; "
					      "UPDATE audit SET who = 'bo' WHERE id = 3"),
			 SQLITE_OK);
	assert_int_equal(store_audit_verify(site->store, &rows, &why), -EBADMSG);
	assert_non_null(strstr(why.text, "row 3"));
}

static void a_group_is_all_or_nothing(void **state)
{
	struct site *site = *state;
	struct store_user user;
	struct store_ticket bad = { .user_key = "key-anna", .desktop = "x", .host = "h",
				    .expires_at_ms = NOW + 1 };

	must(store_begin(site->store, &err));
	site_user(site, "anna");
	store_rollback(site->store);
	assert_int_equal(store_user_find(site->store, "key-anna", &user, NULL), -ENOENT);

	/* A step that fails takes nothing else with it. */
	must(store_begin(site->store, &err));
	site_user(site, "anna");
	assert_int_equal(store_ticket_create(site->store, &bad, NOW, NULL), -ESTALE);
	assert_int_equal(store_desktop_delete(site->store, "none", NOW, NULL), -ENOENT);
	site_user(site, "bo");
	must(store_commit(site->store, &err));
	must(store_user_find(site->store, "key-anna", &user, &err));
	must(store_user_find(site->store, "key-bo", &user, &err));
}

static size_t pools_seen(struct store *store)
{
	OWNED(store_pool_view_done) struct store_pool_view *view = NULL;

	must(store_begin(store, &err));
	must(store_pools_view(store, &view, &err));
	size_t count = view->list.count;
	must(store_commit(store, &err));
	return count;
}

static const struct store_pool_view *view_of(struct store *store, struct store_pool_view **out)
{
	must(store_begin(store, &err));
	must(store_pools_view(store, out, &err));
	must(store_commit(store, &err));
	return *out;
}

/* What is kept in memory from one group to the next is what the file holds. */
static void pools_are_read_again_when_they_changed(void **state)
{
	OWNED(store_close) struct store *other = NULL;
	OWNED(store_pool_view_done) struct store_pool_view *first = NULL;
	OWNED(store_pool_view_done) struct store_pool_view *second = NULL;
	struct site *site = *state;

	size_t before = pools_seen(site->store);
	assert_ptr_equal(view_of(site->store, &first), view_of(site->store, &second));

	must(store_open(site->path, &other, &err));
	assert_int_equal(raw_exec(site->path, "DELETE FROM pool_entitlement; DELETE FROM assignment; "
					      "DELETE FROM ticket; DELETE FROM desktop; "
					      "UPDATE pool SET deleted = 1"),
			 SQLITE_OK);
	assert_true(before > 0);
	assert_int_equal(pools_seen(site->store), 0);
	assert_int_equal(pools_seen(other), 0);

	/* Own changes, of which some are taken back. */
	struct store_audit row = { .at_ms = NOW, .what = "test" };
	int64_t rows;
	must(store_begin(site->store, &err));
	must(store_audit_append(site->store, &row, &err));
	store_rollback(site->store);
	must(store_begin(site->store, &err));
	must(store_audit_append(site->store, &row, &err));
	must(store_commit(site->store, &err));
	must(store_begin(other, &err));
	must(store_audit_append(other, &row, &err));
	must(store_commit(other, &err));
	must(store_begin(site->store, &err));
	must(store_audit_append(site->store, &row, &err));
	must(store_commit(site->store, &err));
	must(store_audit_verify(site->store, &rows, &err));
	assert_true(rows >= 3);
}

static void a_locked_file_is_busy_not_broken(void **state)
{
	struct site *site = *state;
	sqlite3 *other = raw(site->path);
	struct store_user user = { .key = "k", .name = "n" };

	assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(store_user_upsert(site->store, &user, NOW, NULL), -EBUSY);
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	must(store_user_upsert(site->store, &user, NOW, &err));
	sqlite3_close(other);
}

static void a_reader_cannot_write(void **state)
{
	struct site *site = *state;
	OWNED(store_close) struct store *reader = NULL;
	struct store_user user = { .key = "k", .name = "n" };

	site_user(site, "anna");
	must(store_open_reader(site->path, &reader, &err));
	must(store_user_find(reader, "key-anna", &user, &err));
	strcpy(user.key, "other");
	assert_int_equal(store_user_upsert(reader, &user, NOW, NULL), -EROFS);
}

/* A child that tells each commit through a pipe is killed in the middle of its work. */
static void write_until_killed(const char *path, int fd)
{
	struct store *store = NULL;

	if (store_open(path, &store, NULL) < 0)
		_exit(1);
	for (int64_t i = 1;; i++) {
		struct store_audit row = { .at_ms = i, .what = "kill" };

		if (store_audit_append(store, &row, NULL) < 0 ||
		    write(fd, &i, sizeof(i)) != sizeof(i))
			_exit(1);
	}
}

static void what_was_acknowledged_survives_kill(void **state)
{
	struct site *site = *state;
	int64_t acknowledged = 0;

	store_close(STEAL(site->store));
	for (int round = 0; round < 5; round++) {
		int64_t number, rows;
		int fds[2];

		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			write_until_killed(site->path, fds[1]);
		close(fds[1]);
		for (int i = 0; i < 20 + 7 * round; i++)
			assert_int_equal(read(fds[0], &number, sizeof(number)), sizeof(number));
		assert_int_equal(kill(pid, SIGKILL), 0);
		while (read(fds[0], &number, sizeof(number)) == sizeof(number))
			continue;
		close(fds[0]);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		acknowledged += number;

		OWNED(store_close) struct store *store = NULL;
		OWNED(buf_done) struct buf problems = { 0 };
		must(store_open(site->path, &store, &err));
		must(store_check(store, &problems, &err));
		must(store_audit_verify(store, &rows, &err));
		assert_true(rows >= acknowledged && rows <= acknowledged + 1 + round);
		acknowledged = rows;
	}
}

#define EMPTY(test) cmocka_unit_test_setup_teardown(test, site_setup, site_teardown)
#define FULL(test) cmocka_unit_test_setup_teardown(test, site_setup_full, site_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EMPTY(parameters_come_in_numeric_order),
		EMPTY(opening_again_changes_nothing),
		EMPTY(a_newer_schema_is_refused),
		EMPTY(the_header_of_the_file_tells_its_schema),
		EMPTY(a_foreign_file_is_refused),
		FULL(damage_never_crashes),
		EMPTY(audit_rows_chain),
		EMPTY(a_group_is_all_or_nothing),
		FULL(pools_are_read_again_when_they_changed),
		EMPTY(a_locked_file_is_busy_not_broken),
		EMPTY(a_reader_cannot_write),
		EMPTY(what_was_acknowledged_survives_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
