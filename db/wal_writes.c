/* SPDX-License-Identifier: Apache-2.0 */
#include "db/wal_writes.h"

#include <sqlite3.h>
#include <string.h>

#define ROOM (120 * 1024)	/* SQLite asks its own file for less than 128 KiB at a time */

struct wal {
	sqlite3_file file;	/* first: SQLite's files are cast back */
	sqlite3_file *real;	/* behind this one */
	char *waiting;
	int len;
	sqlite3_int64 at;	/* where they belong */
};

static sqlite3_vfs *unix_files;

static struct wal *wal_of(sqlite3_file *file)
{
	return (struct wal *)file;
}

/* What has failed is not tried again: SQLite gives the transaction up. */
static int put(struct wal *wal)
{
	int len = wal->len;

	wal->len = 0;
	return len ? wal->real->pMethods->xWrite(wal->real, wal->waiting, len, wal->at) : SQLITE_OK;
}

static int wal_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
	struct wal *wal = wal_of(file);
	int rc = SQLITE_OK;

	if (at != wal->at + wal->len || len > ROOM - wal->len)
		rc = put(wal);
	if (rc != SQLITE_OK)
		return rc;
	if (len > ROOM)
		return wal->real->pMethods->xWrite(wal->real, bytes, len, at);
	if (wal->len == 0)
		wal->at = at;
	memcpy(wal->waiting + wal->len, bytes, (size_t)len);
	wal->len += len;
	return SQLITE_OK;
}

/* After a read that found the disk full, SQLite would take back the one statement and go on with the
 * transaction, of which something is lost here: it is to be an error that ends the transaction. */
static int wal_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 at)
{
	struct wal *wal = wal_of(file);

	if (put(wal) != SQLITE_OK)
		return SQLITE_IOERR_WRITE;
	return wal->real->pMethods->xRead(wal->real, bytes, len, at);
}

static int wal_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct wal *wal = wal_of(file);
	int rc = put(wal);

	return rc == SQLITE_OK ? wal->real->pMethods->xTruncate(wal->real, size) : rc;
}

static int wal_sync(sqlite3_file *file, int flags)
{
	struct wal *wal = wal_of(file);
	int rc = put(wal);

	return rc == SQLITE_OK ? wal->real->pMethods->xSync(wal->real, flags) : rc;
}

static int wal_size(sqlite3_file *file, sqlite3_int64 *out)
{
	struct wal *wal = wal_of(file);
	int rc = put(wal);

	return rc == SQLITE_OK ? wal->real->pMethods->xFileSize(wal->real, out) : rc;
}

/* What still waits was never flushed: part of a transaction that did not end. */
static int wal_close(sqlite3_file *file)
{
	struct wal *wal = wal_of(file);

	sqlite3_free(wal->waiting);
	return wal->real->pMethods->xClose(wal->real);
}

/* Locks are those of the database's file. */
static int wal_lock(sqlite3_file *file, int level)
{
	return wal_of(file)->real->pMethods->xLock(wal_of(file)->real, level);
}

static int wal_unlock(sqlite3_file *file, int level)
{
	return wal_of(file)->real->pMethods->xUnlock(wal_of(file)->real, level);
}

static int wal_reserved(sqlite3_file *file, int *out)
{
	return wal_of(file)->real->pMethods->xCheckReservedLock(wal_of(file)->real, out);
}

static int wal_control(sqlite3_file *file, int what, void *arg)
{
	return wal_of(file)->real->pMethods->xFileControl(wal_of(file)->real, what, arg);
}

static int wal_sector(sqlite3_file *file)
{
	return wal_of(file)->real->pMethods->xSectorSize(wal_of(file)->real);
}

static int wal_device(sqlite3_file *file)
{
	return wal_of(file)->real->pMethods->xDeviceCharacteristics(wal_of(file)->real);
}

static const sqlite3_io_methods wal_methods = {
	.iVersion = 1,
	.xClose = wal_close,
	.xRead = wal_read,
	.xWrite = wal_write,
	.xTruncate = wal_truncate,
	.xSync = wal_sync,
	.xFileSize = wal_size,
	.xLock = wal_lock,
	.xUnlock = wal_unlock,
	.xCheckReservedLock = wal_reserved,
	.xFileControl = wal_control,
	.xSectorSize = wal_sector,
	.xDeviceCharacteristics = wal_device,
};

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
	struct wal *wal = wal_of(file);
	int rc;

	if (!(flags & SQLITE_OPEN_WAL))
		return unix_files->xOpen(unix_files, name, file, flags, out);
	*wal = (struct wal){ .real = (sqlite3_file *)(wal + 1), .waiting = sqlite3_malloc(ROOM) };
	if (!wal->waiting)
		return SQLITE_NOMEM;
	if ((rc = unix_files->xOpen(unix_files, name, wal->real, flags, out)) != SQLITE_OK)
		sqlite3_free(wal->waiting);
	else
		wal->file.pMethods = &wal_methods;
	return rc;
}

int wal_writes_register(void)
{
	static sqlite3_vfs vfs;

	if (!(unix_files = sqlite3_vfs_find(NULL)))
		return SQLITE_ERROR;
	vfs = *unix_files;	/* names, clock, random numbers */
	vfs.pNext = NULL;
	vfs.zName = WAL_WRITES;
	vfs.szOsFile += (int)sizeof(struct wal);
	vfs.xOpen = open_file;
	return sqlite3_vfs_register(&vfs, 0);
}
