/* SPDX-License-Identifier: Apache-2.0 */
/* The engine: SQLite in WAL mode, every commit flushed (synchronous=FULL). All calls of SQLite are
 * in this file. */
#include "db/store_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "db/wal_writes.h"

#define BUSY_TIMEOUT_MS 2000
/* Of the one that writes: all of a store with 50,000 desktops, whose rows are gone through at every
 * change. SQLite's usual 2 MiB would be read again each time. */
#define CACHE_KIB "65536"
/* Of each that reads: a look at a token needs the tops of two trees, and a list goes through once. */
#define READER_CACHE_KIB "512"
#define APPLICATION_ID 0x474e4b4e	/* "GNKN": `file` and we recognise our own */

enum control { BEGIN_READ, BEGIN_WRITE, LOOK, COMMIT, ROLLBACK, STEP, STEP_DONE, STEP_UNDO, CONTROLS };

static const char *const control_sql[CONTROLS] = {
	[BEGIN_READ] = "BEGIN",
	[BEGIN_WRITE] = "BEGIN IMMEDIATE",
	[LOOK] = "SELECT 1 FROM sqlite_master LIMIT 0",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[STEP] = "SAVEPOINT step",
	[STEP_DONE] = "RELEASE step",
	[STEP_UNDO] = "ROLLBACK TO step",
};

struct store {
	store_push_fn *on_push;
	sqlite3 *db;
	char *path;
	bool reader, in_group;
	struct store_memory memory;
	struct store_touched touched;
	const char *request;		/* that is being served */
	uint32_t data_version;		/* of what `memory` was read from */
	sqlite3_stmt *controls[CONTROLS];
	sqlite3_stmt *statements[STATEMENT_COUNT];
	bool changes_pools[STATEMENT_COUNT];
};

int store_copy(struct store *store, struct buf *out, struct error *err)
{
	sqlite3_int64 size = 0;
	unsigned char *bytes = sqlite3_serialize(store->db, "main", &size, 0);

	if (!bytes)
		return error_set(err, ENOMEM, "store: no memory for a copy of it");
	buf_put(out, bytes, (size_t)size);
	sqlite3_free(bytes);
	/* A file that stands alone: without a log beside it. */
	if (out->len > 20 && out->ptr[18] == 2)
		out->ptr[18] = out->ptr[19] = 1;
	return 0;
}

void store_on_behalf(struct store *store, const char *request)
{
	store->request = request;
}

const char *store_request(const struct store *store)
{
	return store->request ? store->request : "";
}

struct store_memory *store_memory(struct store *store)
{
	return &store->memory;
}

struct store_touched *store_touched_of(struct store *store)
{
	return &store->touched;
}

static void on_write(void *arg, int operation, const char *database, const char *table,
		     sqlite3_int64 row)
{
	struct store_touched *touched = arg;

	if (touched->on)
		store_touched_note(touched, table, row);
}

bool store_in_group(const struct store *store)
{
	return store->in_group;
}

static void forget(struct store *store)
{
	store_pool_view_done(store->memory.pools);
	store->memory = (struct store_memory){ 0 };
}

/* Grows with each commit that this handle has made or, when a transaction begins, has seen. */
static uint32_t data_version(struct store *store)
{
	uint32_t version = 0;

	(void)sqlite3_file_control(store->db, "main", SQLITE_FCNTL_DATA_VERSION, &version);
	return version;
}

/* Another process may have written since. Inside a transaction only. */
static void forget_if_changed(struct store *store)
{
	uint32_t version = data_version(store);

	if (version == store->data_version)
		return;
	forget(store);
	store->data_version = version;
}

static int control(struct store *store, enum control id)
{
	int rc = sqlite3_step(store->controls[id]);

	sqlite3_reset(store->controls[id]);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static const char *const statement_sql[] = {
#define X(name, sql) [ST_##name] = sql,
	STATEMENTS(X)
#undef X
};

static const char *const statement_names[] = {
#define X(name, sql) [ST_##name] = #name,
	STATEMENTS(X)
#undef X
};

/* ------------------------------------------------------------------------------------ errors */

static int errno_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return EBUSY;
	case SQLITE_FULL:
		return ENOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return EBADMSG;
	case SQLITE_NOMEM:
		return ENOMEM;
	case SQLITE_CONSTRAINT:
		return EEXIST;
	case SQLITE_READONLY:
		return EROFS;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
		return EACCES;
	default:
		return EIO;
	}
}

static int fail(struct store *store, struct error *err, const char *what)
{
	int code = sqlite3_extended_errcode(store->db);

	return error_set(err, errno_of(code), "store %s: %s: %s", store->path, what,
			 sqlite3_errmsg(store->db));
}

static int execute(struct store *store, const char *sql, struct error *err)
{
	if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return fail(store, err, "execute");
	return 0;
}

/* The first column of the first row; -ENOENT when there is no row. */
static int scalar(struct store *store, const char *sql, int64_t *out, struct error *err)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(store->db, sql, -1, &st, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*out = sqlite3_column_int64(st, 0);
	int result = rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? -ENOENT : fail(store, err, sql);
	sqlite3_finalize(st);
	return result;
}

/* -------------------------------------------------------------------------------------- open */

/* Tells what kind of file this is without writing to it. */
static int look_at_schema(struct store *store, int64_t *version, struct error *err)
{
	int64_t application = 0, tables = 0;
	int rc;

	*version = 0;
	if ((rc = scalar(store, "PRAGMA application_id", &application, err)) < 0 ||
	    (rc = scalar(store, "SELECT COUNT(*) FROM sqlite_master", &tables, err)) < 0)
		return rc;
	if (tables == 0)
		return 0;
	if (application != APPLICATION_ID)
		return error_set(err, EBADMSG, "store %s: is not a Genkan store", store->path);
	if ((rc = scalar(store, "SELECT COALESCE(MAX(number), 0) FROM migration", version, err)) < 0)
		return rc;
	if (*version > (int64_t)migration_count)
		return error_set(err, EPROTO,
				 "store %s: has schema %lld, written by a newer Genkan; this one "
				 "knows %zu",
				 store->path, (long long)*version, migration_count);
	return 0;
}

static int quick_check(struct store *store, struct error *err)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(store->db, "PRAGMA quick_check(1)", -1, &st, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	const char *answer = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
	int result = 0;
	if (!answer)
		result = fail(store, err, "quick_check");
	else if (strcmp(answer, "ok") != 0)
		result = error_set(err, EBADMSG, "store %s: is damaged: %.160s", store->path, answer);
	sqlite3_finalize(st);
	return result;
}

/* `files`: by which way to them; NULL: SQLite's own. */
static int open_db(struct store *store, int flags, const char *files, struct error *err)
{
	int rc = sqlite3_open_v2(store->path, &store->db, flags | SQLITE_OPEN_NOMUTEX, files);

	if (!store->db)
		return error_set(err, ENOMEM, "store %s: out of memory", store->path);
	if (rc != SQLITE_OK)
		return fail(store, err, "open");
	sqlite3_extended_result_codes(store->db, 1);
	sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	for (int i = 0; i < CONTROLS; i++)
		if (sqlite3_prepare_v3(store->db, control_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &store->controls[i], NULL) != SQLITE_OK)
			return fail(store, err, control_sql[i]);
	return execute(store, "PRAGMA cell_size_check = ON; PRAGMA foreign_keys = ON;", err);
}

/* SQLite fills a last page that is cut with zeros. With a log beside it, which has the page whole,
 * that is right; without one, something is missing. */
static int refuse_cut(struct store *store, int64_t size, struct error *err)
{
	OWNED(buf_done) struct buf log = BUF_LIMIT(4096);
	int64_t page_size = 0;
	struct stat st;
	int rc = scalar(store, "PRAGMA page_size", &page_size, err);

	buf_printf(&log, "%s-wal", store->path);
	if (rc < 0 || page_size <= 0 || size % page_size == 0 ||
	    (stat(buf_text(&log), &st) == 0 && st.st_size > 0))
		return rc;
	return error_set(err, EBADMSG, "store %s: is damaged: it has been cut off", store->path);
}

/* A damaged, foreign or newer file is recognised through a handle that cannot write. */
static int refuse_unfit(const char *path, struct error *err)
{
	OWNED(store_close) struct store *probe = xnew(struct store);
	struct stat st;
	int64_t version;
	int rc;

	if (stat(path, &st) < 0 || st.st_size == 0)
		return 0;	/* a new one */
	probe->path = xstrdup(path);
	if ((rc = open_db(probe, SQLITE_OPEN_READONLY, NULL, err)) < 0 ||
	    (rc = look_at_schema(probe, &version, err)) < 0)
		return rc;
	if ((rc = refuse_cut(probe, (int64_t)st.st_size, err)) < 0)
		return rc;
	return version ? quick_check(probe, err) : 0;
}

static int apply_migration(struct store *store, const struct migration *m, struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	OWNED(buf_done) struct buf row = BUF_LIMIT(256);
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0)
		return rc;

	/* Another process may have been faster. */
	int64_t version = 0;
	if ((rc = look_at_schema(store, &version, err)) < 0)
		return rc;
	if (version >= m->number)
		return 0;
	buf_printf(&row, "INSERT INTO migration (number, name, applied_at_ms) VALUES (%d, '%s', %lld)",
		   m->number, m->name, (long long)clock_wall_ms());
	if ((m->number == 1 &&
	     (rc = execute(store,
			   "CREATE TABLE migration (number BIGINT NOT NULL PRIMARY KEY, "
			   "name TEXT NOT NULL, applied_at_ms BIGINT NOT NULL);",
			   err)) < 0) ||
	    (rc = execute(store, m->sql, err)) < 0 ||
	    (rc = execute(store, buf_text(&row), err)) < 0)
		return error_prefix(err, "migration %s", m->name);
	return tx_commit(&tx, err);
}

/* Into the header of the file itself: there the package of an older version reads it, before it puts a
 * program in place that could not open this store. */
static int mark_schema(struct store *store, struct error *err)
{
	OWNED(buf_done) struct buf pragma = BUF_LIMIT(128);
	int64_t marked = 0;
	int rc = scalar(store, "PRAGMA user_version", &marked, err);

	if (rc < 0 || marked == (int64_t)migration_count)
		return rc;
	buf_printf(&pragma, "PRAGMA user_version = %zu; PRAGMA wal_checkpoint(TRUNCATE);",
		   migration_count);
	return execute(store, buf_text(&pragma), err);
}

static int migrate(struct store *store, struct error *err)
{
	OWNED(buf_done) struct buf pragma = BUF_LIMIT(64);
	int64_t version = 0;
	int rc;

	if ((rc = look_at_schema(store, &version, err)) < 0)
		return rc;
	if (version == 0) {
		buf_printf(&pragma, "PRAGMA application_id = %d", APPLICATION_ID);
		if ((rc = execute(store, buf_text(&pragma), err)) < 0)
			return rc;
	}
	for (size_t i = (size_t)version; i < migration_count; i++)
		if ((rc = apply_migration(store, &migrations[i], err)) < 0)
			return rc;
	return mark_schema(store, err);
}

/* Tables by their names: a statement that is added later is not forgotten. */
static bool writes_pools(const char *sql)
{
	static const char *const starts[] = { "INSERT INTO pool", "UPDATE pool", "DELETE FROM pool",
					      "REPLACE INTO pool" };

	for (size_t i = 0; i < ARRAY_LEN(starts); i++)
		if (str_starts(sql, starts[i]))
			return true;
	return false;
}

static int prepare(struct store *store, int id)
{
	return sqlite3_prepare_v3(store->db, statement_sql[id], -1, SQLITE_PREPARE_PERSISTENT,
				  &store->statements[id], NULL);
}

static int prepare_all(struct store *store, struct error *err)
{
	for (int i = 0; i < STATEMENT_COUNT; i++) {
		if (prepare(store, i) != SQLITE_OK)
			return fail(store, err, statement_names[i]);
		store->changes_pools[i] = writes_pools(statement_sql[i]);
	}
	return 0;
}

static struct store *store_new(const char *path)
{
	struct store *store = xnew(struct store);

	store->path = xstrdup(path);
	return store;
}

static int create_file(const char *path, struct error *err)
{
	OWNED_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? error_errno(err, "store %s: open", path) : 0;
}

/* Nobody asks SQLite how much memory it has; to know it costs a lock at each piece. */
static void set_engine(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	(void)wal_writes_register();	/* a handle would say that it is unknown */
}

int store_open(const char *path, struct store **out, struct error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	OWNED(store_close) struct store *store = store_new(path);
	int rc;

	pthread_once(&once, set_engine);

	if ((rc = create_file(path, err)) < 0 || (rc = refuse_unfit(path, err)) < 0 ||
	    (rc = open_db(store, SQLITE_OPEN_READWRITE, WAL_WRITES, err)) < 0 ||
	    (rc = execute(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
			   "PRAGMA cache_size = -" CACHE_KIB ";", err)) < 0 ||
	    (rc = migrate(store, err)) < 0 || (rc = prepare_all(store, err)) < 0)
		return rc;
	sqlite3_update_hook(store->db, on_write, &store->touched);
	*out = STEAL(store);
	return 0;
}

int store_open_reader(const char *path, struct store **out, struct error *err)
{
	OWNED(store_close) struct store *store = store_new(path);
	int64_t version;
	int rc;

	/* Read-write for the sake of the WAL index; query_only keeps it from writing. */
	if ((rc = open_db(store, SQLITE_OPEN_READWRITE, NULL, err)) < 0 ||
	    (rc = look_at_schema(store, &version, err)) < 0)
		return rc;
	if (version != (int64_t)migration_count)
		return error_set(err, EPROTO, "store %s: schema %lld is not current", path,
				 (long long)version);
	/* Who cannot write does not tidy up either, when it happens to be the last to close. */
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	/* Statements when they are needed: the writer has found all of them right, and few are reads. */
	if ((rc = execute(store, "PRAGMA query_only = ON; PRAGMA cache_size = -" READER_CACHE_KIB ";",
			  err)) < 0)
		return rc;
	store->reader = true;
	*out = STEAL(store);
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	for (int i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(store->statements[i]);
	for (int i = 0; i < CONTROLS; i++)
		sqlite3_finalize(store->controls[i]);
	forget(store);
	sqlite3_close(store->db);
	free(store->path);
	free(store);
}

/* ------------------------------------------------------------------------------ transactions */

void store_on_push(struct store *store, store_push_fn *fn)
{
	store->on_push = fn;
}

void store_tell_push(struct store *store, const char *pool, const struct store_push *push,
		     enum rollout_event event)
{
	if (store->on_push)
		store->on_push(pool, push, event);
}

/* BEGIN alone does nothing yet: only with the first look it is settled which state is seen. */
static int begin(struct store *store, enum control how, struct error *err)
{
	if (control(store, how) != SQLITE_OK)
		return fail(store, err, "begin");
	if (how != BEGIN_READ || control(store, LOOK) == SQLITE_OK)
		return 0;

	int rc = fail(store, err, "begin to read");
	(void)control(store, ROLLBACK);
	return rc;
}

int store_begin(struct store *store, struct error *err)
{
	assert(!store->in_group);
	int rc = begin(store, store->reader ? BEGIN_READ : BEGIN_WRITE, err);
	if (rc < 0)
		return rc;
	forget_if_changed(store);
	store->in_group = true;
	return 0;
}

int store_commit(struct store *store, struct error *err)
{
	assert(store->in_group);
	store->in_group = false;
	/* A full disk makes SQLite roll the whole group back by itself. */
	if (sqlite3_get_autocommit(store->db)) {
		forget(store);
		return error_set(err, EIO, "store %s: the transaction was lost", store->path);
	}
	if (control(store, COMMIT) == SQLITE_OK) {
		store->data_version = data_version(store); /* what we wrote, we know */
		return 0;
	}

	int rc = fail(store, err, "commit");
	store_rollback(store);
	return rc;
}

void store_rollback(struct store *store)
{
	store->in_group = false;
	forget(store);
	if (!sqlite3_get_autocommit(store->db))
		(void)control(store, ROLLBACK);
}

static int tx_start(struct store *store, struct tx *tx, enum control whole, struct error *err)
{
	/* Inside a lost group a new transaction would be durable on its own: refuse. */
	if (store->in_group && sqlite3_get_autocommit(store->db))
		return error_set(err, EIO, "store %s: the transaction was lost", store->path);

	bool step = !sqlite3_get_autocommit(store->db);
	int rc = begin(store, step ? STEP : whole, err);
	if (rc < 0)
		return rc;
	if (!step)
		forget_if_changed(store);
	*tx = (struct tx){ store, step ? TX_STEP : TX_WHOLE };
	return 0;
}

int tx_begin(struct store *store, struct tx *tx, struct error *err)
{
	return tx_start(store, tx, BEGIN_WRITE, err);
}

int tx_begin_read(struct store *store, struct tx *tx, struct error *err)
{
	return tx_start(store, tx, BEGIN_READ, err);
}

int tx_commit(struct tx *tx, struct error *err)
{
	if (control(tx->store, tx->kind == TX_STEP ? STEP_DONE : COMMIT) != SQLITE_OK)
		return fail(tx->store, err, "commit");
	tx->kind = TX_NONE;
	return 0;
}

void tx_done(struct tx *tx)
{
	if (tx->kind == TX_NONE)
		return;
	forget(tx->store);
	if (sqlite3_get_autocommit(tx->store->db))
		return;
	if (tx->kind == TX_STEP) {
		(void)control(tx->store, STEP_UNDO);
		(void)control(tx->store, STEP_DONE);
	} else {
		(void)control(tx->store, ROLLBACK);
	}
	tx->kind = TX_NONE;
}

/* ----------------------------------------------------------------------------------- queries */

static sqlite3_stmt *statement_of(const struct query *q)
{
	return q->store->statements[q->id];
}

static void bound(struct query *q, int code)
{
	if (code != SQLITE_OK && q->status == 0)
		q->status = -errno_of(code);
}

struct query query(struct store *store, enum statement id)
{
	assert(!sqlite3_stmt_busy(store->statements[id]));
	struct query q = { .store = store, .id = id };

	if (store->in_group && sqlite3_get_autocommit(store->db))
		q.status = -EIO;
	else if (!store->statements[id])
		bound(&q, prepare(store, (int)id));
	return q;
}

void query_done(struct query *q)
{
	if (!statement_of(q))
		return;
	sqlite3_reset(statement_of(q));
	sqlite3_clear_bindings(statement_of(q));
}

void query_text(struct query *q, const char *text)
{
	bound(q, sqlite3_bind_text(statement_of(q), ++q->bound, text ? text : "", -1, SQLITE_STATIC));
}

void query_int(struct query *q, int64_t value)
{
	bound(q, sqlite3_bind_int64(statement_of(q), ++q->bound, value));
}

void query_hex(struct query *q, const uint8_t *bytes, size_t len)
{
	char hex[2 * STORE_HASH_BYTES + 1];

	assert(len <= STORE_HASH_BYTES);
	hex_encode(span_of(bytes, len), hex);
	bound(q, sqlite3_bind_text(statement_of(q), ++q->bound, hex, -1, SQLITE_TRANSIENT));
}

int query_row(struct query *q, struct error *err)
{
	if (q->status)
		return error_set(err, -q->status, "store %s: %s cannot run", q->store->path,
				 statement_names[q->id]);
	assert(q->bound == sqlite3_bind_parameter_count(statement_of(q)));
	q->column = 0;
	if (q->store->changes_pools[q->id])
		store_pool_view_done(STEAL(q->store->memory.pools));
	switch (sqlite3_step(statement_of(q))) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return fail(q->store, err, statement_names[q->id]);
	}
}

int query_run(struct query *q, struct error *err)
{
	int rc = query_row(q, err);

	return rc < 0 ? rc : sqlite3_changes(q->store->db);
}

int query_sound(const struct query *q, struct error *err)
{
	if (!q->damaged)
		return 0;
	return error_set(err, EBADMSG, "store %s: %s: a row is damaged", q->store->path,
			 statement_names[q->id]);
}

int64_t get_int(struct query *q)
{
	if (sqlite3_column_type(statement_of(q), q->column) != SQLITE_INTEGER)
		q->damaged = true;
	return sqlite3_column_int64(statement_of(q), q->column++);
}

static const char *column_text(struct query *q)
{
	int column = q->column++;
	const char *text = (const char *)sqlite3_column_text(statement_of(q), column);
	size_t len = (size_t)sqlite3_column_bytes(statement_of(q), column);

	if (text && strlen(text) == len)
		return text;
	q->damaged = true;
	return "";
}

void get_text(struct query *q, char *out, size_t size)
{
	if (str_copy(out, size, column_text(q)) == 0)
		return;
	q->damaged = true;
	out[0] = '\0';
}

char *get_text_dup(struct query *q)
{
	return xstrdup(column_text(q));
}

int store_engine_check(struct store *store, struct buf *problems, struct error *err)
{
	static const char *const checks[] = { "PRAGMA integrity_check", "PRAGMA foreign_key_check" };
	int count = 0;

	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		sqlite3_stmt *st = NULL;
		int rc = sqlite3_prepare_v2(store->db, checks[i], -1, &st, NULL);

		while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
			const char *text = (const char *)sqlite3_column_text(st, 0);

			rc = SQLITE_OK;
			if (i == 0 && text && strcmp(text, "ok") == 0)
				continue;
			count++;
			buf_printf(problems, "%s: %s\n", i ? "dangling reference in table" : "file",
				   text ? text : "?");
		}
		if (rc != SQLITE_DONE) {
			count = fail(store, err, checks[i]);
			sqlite3_finalize(st);
			return count;
		}
		sqlite3_finalize(st);
	}
	return count;
}

void *store_grow(void *items, size_t count, size_t size)
{
	if (count && (count & (count - 1)))	/* grows at 0, 1, 2, 4, 8 ... */
		return items;

	size_t room = count ? 2 * count : 1;
	char *grown = xrealloc(items, room * size);
	memset(grown + count * size, 0, (room - count) * size);
	return grown;
}

void store_new_id(char out[STORE_ID_SIZE])
{
	uint8_t bytes[8];

	random_bytes(bytes, sizeof(bytes));
	hex_encode(span_of(bytes, sizeof(bytes)), out);
}
