/* SPDX-License-Identifier: Apache-2.0 */
/* A store that takes the place of another. */
#include "db/store_internal.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int store_close_log(const char *path, struct error *err)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db, "PRAGMA journal_mode = DELETE", -1, &statement, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	bool used = rc == SQLITE_BUSY || rc == SQLITE_LOCKED;
	sqlite3_finalize(statement);
	sqlite3_close(db);
	/* A damaged one is what a restore is for. */
	return used ? error_set(err, EBUSY, "store %s: the broker runs; stop it first", path) : 0;
}

static int move_aside(const char *path, const char *aside, struct error *err)
{
	static const char *const parts[] = { "", "-wal", "-shm" };

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		OWNED(buf_done) struct buf from = BUF_LIMIT(4200);
		OWNED(buf_done) struct buf to = BUF_LIMIT(4200);

		buf_printf(&from, "%s%s", path, parts[i]);
		buf_printf(&to, "%s%s", aside, parts[i]);
		if (rename(buf_text(&from), buf_text(&to)) < 0 && errno != ENOENT)
			return error_errno(err, "%s", buf_text(&from));
	}
	return 0;
}

int store_replace(const char *path, const char *with, const char *aside, struct error *err)
{
	int rc = access(path, F_OK) == 0 ? store_close_log(path, err) : 0;

	if (rc == 0)
		rc = store_close_log(with, err);
	if (rc == 0)
		rc = move_aside(path, aside, err);
	if (rc == 0 && rename(with, path) < 0)
		rc = error_errno(err, "%s", path);
	return rc;
}

static int run(struct store *store, enum statement which, struct error *err)
{
	OWNED(query_done) struct query q = query(store, which);

	return query_run(&q, err);
}

/* Hosts may know numbers beyond those of the backup. And what was a spare then may have been
 * somebody's since: nobody else is to find their files in it. */
int store_restored(struct store *store, struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 || (rc = run(store, ST_HOSTS_RESTORED, err)) < 0 ||
	    (rc = run(store, ST_EPOCH_RESTORED, err)) < 0 ||
	    (rc = run(store, ST_SPARES_RESTORED, err)) < 0 ||
	    (rc = store_rebuild_begin(store, STORE_REBUILD_KNOWN, err)) < 0)
		return rc;
	return tx_commit(&tx, err);
}
