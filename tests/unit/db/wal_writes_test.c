/* SPDX-License-Identifier: Apache-2.0 */
#include "db/wal_writes.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <unistd.h>
#include "tests/unit/db/site.h"

static long write_calls(void)
{
	char text[512];
	FILE *f = fopen("/proc/self/io", "r");
	long calls = -1;

	while (f && fgets(text, sizeof(text), f))
		(void)sscanf(text, "syscw: %ld", &calls);
	if (f)
		(void)fclose(f);
	return calls;
}

static sqlite3 *open_log(const struct site *site, const char *files)
{
	char path[128];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/log.db", site->dir);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, files),
			 SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
				      "PRAGMA cache_size = 10; "
				      "CREATE TABLE IF NOT EXISTS t (n INTEGER, bytes BLOB)",
				      NULL, NULL, NULL), SQLITE_OK);
	return db;
}

#define ROWS(count, what)                                                                          \
	"WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < " #count ") "    \
	"INSERT INTO t SELECT n, " what " FROM s;"

static void run(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

static int64_t number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	int64_t value = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return value;
}

/* By a handle that has its own way to the files, while the other one is open. */
static void holds(const struct site *site, int64_t rows)
{
	sqlite3 *db = open_log(site, NULL);

	assert_int_equal(number(db, "SELECT COUNT(*) FROM t"), rows);
	assert_int_equal(number(db, "SELECT COUNT(*) FROM pragma_integrity_check "
				    "WHERE integrity_check <> 'ok'"), 0);
	sqlite3_close(db);
}

static void a_commit_is_one_write(void **state)
{
	struct site *site = *state;
	sqlite3 *db = open_log(site, WAL_WRITES);

	run(db, ROWS(1, "''"));
	long before = write_calls();
	if (before < 0)
		skip();
	run(db, ROWS(8, "randomblob(4000)"));
	assert_int_equal(write_calls() - before, 1);
	holds(site, 9);
	sqlite3_close(db);
}

/* More than the cache holds goes to the log before the end, is read again, and partly taken back. */
static void what_does_not_fit_the_cache_is_found_again(void **state)
{
	struct site *site = *state;
	sqlite3 *db = open_log(site, WAL_WRITES);

	for (int turn = 1; turn <= 3; turn++) {
		run(db, "BEGIN; " ROWS(500, "randomblob(900)") "SAVEPOINT a; "
			ROWS(300, "randomblob(900)") "UPDATE t SET n = n + 1; ROLLBACK TO a; RELEASE a; "
			"UPDATE t SET bytes = randomblob(800) WHERE n % 3 = 0; " ROWS(7, "zeroblob(300000)"));
		assert_int_equal(number(db, "SELECT COUNT(*) FROM t"), turn * 507);
		holds(site, (turn - 1) * 507);
		run(db, "COMMIT");
		holds(site, turn * 507);
		run(db, "BEGIN; " ROWS(500, "randomblob(900)") "DELETE FROM t WHERE n > 3; ROLLBACK");
		holds(site, turn * 507);
		if (turn == 2)	/* from the beginning of the log again */
			run(db, "PRAGMA wal_checkpoint(RESTART)");
	}
	sqlite3_close(db);
	holds(site, 3 * 507);
}

/* No file grows beyond `bytes`: what would is not written. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes ? bytes : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_write_that_fails_fails_the_commit(void **state)
{
	struct site *site = *state;
	sqlite3 *db = open_log(site, WAL_WRITES);

	run(db, ROWS(40, "randomblob(900)"));
	for (int rows = 0; rows < 3; rows++) {
		/* what ends in the middle of the log: of one commit, or of one that does not fit the cache */
		limit_files(64 * 1024 + (rlim_t)rows * 5000);
		int rc = sqlite3_exec(db, "BEGIN; " ROWS(500, "randomblob(900)")
				      "UPDATE t SET n = n + 1; COMMIT", NULL, NULL, NULL);
		limit_files(0);
		assert_true((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_FULL);
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
		assert_int_equal(sqlite3_get_autocommit(db), 1);
		holds(site, 40);
		assert_int_equal(number(db, "SELECT COUNT(*) FROM t"), 40);
	}
	limit_files(64 * 1024);
	assert_int_not_equal(sqlite3_exec(db, ROWS(9, "randomblob(4000)"), NULL, NULL, NULL), SQLITE_OK);
	limit_files(0);
	holds(site, 40);
	run(db, ROWS(10, "randomblob(900)"));
	holds(site, 50);
	sqlite3_close(db);
	holds(site, 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, site_setup, site_teardown)
		T(a_commit_is_one_write),
		T(what_does_not_fit_the_cache_is_found_again),
		T(a_write_that_fails_fails_the_commit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
