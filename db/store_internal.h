/* SPDX-License-Identifier: Apache-2.0 */
/* store_internal.h - between the engine (store_sqlite.c) and the files that hold one subject of the
 * store each. Those never see the engine's own types.
 *
 *	OWNED(query_done) struct query q = query(store, ST_POOL_FIND);
 *	query_text(&q, name);
 *	if ((rc = query_row(&q, err)) > 0)
 *		get_text(&q, title, sizeof(title));
 *
 * Parameters are bound and columns are read in order. */
#ifndef GENKAN_DB_STORE_INTERNAL_H
#define GENKAN_DB_STORE_INTERNAL_H

#include "db/statements.h"
#include "db/store.h"

struct migration {
	int number;
	const char *name;
	const char *sql;
};
extern const struct migration migrations[];
extern const size_t migration_count;

struct query {
	struct store *store;
	enum statement id;
	int bound, column;
	bool damaged;	/* a column did not hold what we write there */
	int status;	/* first failure while binding */
};

struct query query(struct store *store, enum statement id);
void query_done(struct query *q);
DEFINE_OWNED_VALUE(query_done, struct query);

/* Text must stay until query_done(); NULL stands for "". */
void query_text(struct query *q, const char *text);
void query_int(struct query *q, int64_t value);
void query_hex(struct query *q, const uint8_t *bytes, size_t len);

/* 1: a row, read it with get_*; 0: no more rows; or a negative errno. */
int query_row(struct query *q, struct error *err) MUST_CHECK;
/* For statements without rows: the number of rows they changed. */
int query_run(struct query *q, struct error *err) MUST_CHECK;
/* After the columns of a row were read: -EBADMSG when one was damaged. */
int query_sound(const struct query *q, struct error *err) MUST_CHECK;

int64_t get_int(struct query *q);
void get_text(struct query *q, char *out, size_t size);
char *get_text_dup(struct query *q);
/* A word through one of our parsers. */
#define get_word(q, parse, out)                                                                    \
	do {                                                                                       \
		char word_[32];                                                                    \
		get_text((q), word_, sizeof(word_));                                               \
		if ((parse)(word_, (out)) < 0)                                                     \
			(q)->damaged = true;                                                       \
	} while (0)

/* A transaction of one store function; a step when a group is open. Rolled back by tx_done unless
 * committed. Declare it before the queries that run inside. */
struct tx {
	struct store *store;
	enum { TX_NONE, TX_WHOLE, TX_STEP } kind;
};
int tx_begin(struct store *store, struct tx *tx, struct error *err) MUST_CHECK;
/* Several reads of one state of the file. */
int tx_begin_read(struct store *store, struct tx *tx, struct error *err) MUST_CHECK;
int tx_commit(struct tx *tx, struct error *err) MUST_CHECK;
void tx_done(struct tx *tx);
DEFINE_OWNED_VALUE(tx_done, struct tx);

/* What was read from the file and is still so: forgotten when a transaction is undone, when another
 * process has written, and, the pools, by every statement that writes one. Inside a group only:
 * a single call cannot know what came between two of them. */
struct store_memory {
	struct store_pool_view *pools;	/* NULL: not read */
	int64_t audit_last;		/* the newest row, 0: not read */
	char audit_sha256[STORE_SHA256_SIZE];
};
/* Of a desktop that is gone: its row, and the user's disk it held. */
int store_desktop_drop(struct store *store, const struct store_desktop *d, int64_t now_ms,
		       struct error *err) MUST_CHECK;
struct store_memory *store_memory(struct store *store);
bool store_in_group(const struct store *store);

/* Rows written since they were forgotten: told by the engine, looked up by store_touched.c. Noted once
 * each, while they are few; of a table with too many only that there were some. */
struct store_touched {
	bool on;
	size_t count;
	struct {
		uint8_t table;		/* index in store_touched_tables */
		int64_t row;
	} rows[128];
	bool many[16];
};
struct store_touched *store_touched_of(struct store *store);
void store_touched_note(struct store_touched *touched, const char *table, int64_t row);

/* SQLite's check of the file and of foreign keys: a line each. Count of problems. */
int store_engine_check(struct store *store, struct buf *problems, struct error *err) MUST_CHECK;

/* Room for one more element behind `count`; doubles. Zeroed tail. */
void *store_grow(void *items, size_t count, size_t size);
#define STORE_APPEND(list)                                                                         \
	((list)->items = store_grow((list)->items, (list)->count, sizeof(*(list)->items)),         \
	 &(list)->items[(list)->count++])

/* Sixteen random hex digits. */
void store_new_id(char out[STORE_ID_SIZE]);

/* Shared between subjects. */
void store_read_user(struct query *q, struct store_user *out);
int store_read_host(struct query *q, struct store_host *out, struct error *err) MUST_CHECK;
/* All rows of a query. */
int store_read_sessions(struct query *q, struct store_session_list *out,
			struct error *err) MUST_CHECK;
/* All rows of a query of desktops; written only on success. */
int store_read_desktops(struct query *q, struct store_desktop_list *out,
			struct error *err) MUST_CHECK;
int store_read_desktop(struct query *q, struct store_desktop *out, int64_t *want_generation,
		       struct error *err) MUST_CHECK;
int store_bump_host(struct store *store, const char *host, int64_t *generation,
		    struct error *err) MUST_CHECK;
int store_bump_all_hosts(struct store *store, struct error *err) MUST_CHECK;
/* What hosts have room for: read when it is first asked for, kept up by what is taken of it. Valid
 * inside one transaction, while nothing but that changes what hosts have and desktops take. */
struct store_site_room;
struct store_site_room *store_site_room_new(struct store *store, int64_t silent_before_ms,
					    int64_t now_ms);
void store_site_room_free(struct store_site_room *room);
DEFINE_OWNED(store_site_room_free, struct store_site_room);
/* What hosts may still give to desktops of a publication, all together, and what one is expected to
 * take; and whether any could take this need at all. */
int store_hosts_room(struct store_site_room *room, const struct pool *pool,
		     const char *image_sha256, int64_t *memory_free_bytes, int64_t *need_bytes,
		     bool *possible, struct error *err) MUST_CHECK;
/* The best host for one more desktop, whose room is less from now on. `reason`: OK, NO_HOST,
 * HOSTS_FULL, IMAGE_COMING. */
int store_room_take(struct store_site_room *room, const struct pool *pool, const char *image_sha256,
		    char host[STORE_NAME_SIZE], enum reason *reason, struct error *err) MUST_CHECK;
/* A new row on the best host, from this publication; "": there is none. `reason`: as above, and
 * NO_IMAGE. */
int store_desktop_order(struct store *store, struct store_site_room *room, const struct pool *pool,
			const char *image_sha256, int64_t now_ms, char id[STORE_ID_SIZE],
			enum reason *reason, struct error *err) MUST_CHECK;
/* Ends assignment, tickets and sessions; the host is told to destroy it. */
int store_desktop_let_go(struct store *store, const char *id, const char *host, int64_t now_ms,
			 struct error *err) MUST_CHECK;
/* Up to `limit` spares, healthy or failed ones, that have not changed since `changed_before_ms`;
 * those first that cost least. Returns how many went. */
int store_let_spares_go(struct store *store, const char *pool, bool failed,
			int64_t changed_before_ms, int64_t limit, int64_t now_ms,
			struct error *err) MUST_CHECK;
/* The same with spares of one publication, ready ones or those on their way; the oldest first. */
int store_let_image_go(struct store *store, const char *pool, const char *sha256, bool ready,
		       int64_t limit, int64_t now_ms, struct error *err) MUST_CHECK;
int store_purge_deleted(struct store *store, struct error *err) MUST_CHECK;
/* The id of the best spare of the pool; -ENOENT: there is none. */
int store_spare_find(struct store *store, const char *pool, int64_t silent_before_ms,
		     char id[STORE_ID_SIZE], struct error *err) MUST_CHECK;
int store_assign(struct store *store, const char *desktop, const char *user_key, const char *pool,
		 int64_t now_ms, struct error *err) MUST_CHECK;
/* The one in force for a session that begins now, marked as used; id "" without one. */
int store_exception_take(struct store *store, const char *user_key, const char *pool,
			 int64_t now_ms, struct store_exception *out, struct error *err) MUST_CHECK;
/* Those that go on with it. */
int store_sessions_of_exception(struct store *store, const char *exception,
				struct store_session_list *out, struct error *err) MUST_CHECK;
/* The line of a pool. Joining: 1 when the user is new there, 0 when the place was kept. */
int store_line_join(struct store *store, const char *user_key, const char *pool, int64_t now_ms,
		    int64_t seen_ms, struct error *err) MUST_CHECK;
int store_line_ahead(struct store *store, const char *user_key, const char *pool, int64_t *out,
		     struct error *err) MUST_CHECK;
int store_line_leave(struct store *store, const char *user_key, const char *pool,
		     struct error *err) MUST_CHECK;
/* Whose turn it is; -ENOENT: nobody waits. */
int store_line_next(struct store *store, const char *pool, char user_key[STORE_KEY_SIZE],
		    struct error *err) MUST_CHECK;
int store_line_purge(struct store *store, int64_t now_ms, struct error *err) MUST_CHECK;
/* A start failed, or succeeded in `start_ms`. */
int store_start_failed(struct store *store, const char *host, const char *image_sha256,
		       const char *reason, int64_t now_ms, struct error *err) MUST_CHECK;
int store_start_succeeded(struct store *store, const char *host, const char *image_sha256,
			  const char *pool, int64_t start_ms, struct error *err) MUST_CHECK;
int store_next_epoch(struct store *store, int64_t *out, struct error *err) MUST_CHECK;
/* The disk of a new assignment: found or made, and given unless another desktop holds it. */
int store_user_disk_assign(struct store *store, const char *desktop, const char *user_key,
			   const char *pool, int64_t now_ms, struct error *err) MUST_CHECK;
/* The desktop is gone for certain: its disk goes to the one that waits for it. */
int store_user_disk_let_go(struct store *store, const char *disk, const char *desktop,
			   int64_t now_ms, struct error *err) MUST_CHECK;
bool store_user_disk_same(const struct store_home *home, const struct store_report_disk *said);
int store_user_disk_report(struct store *store, const struct store_desktop *d,
			   const struct store_report_disk *said, int64_t now_ms,
			   struct error *err) MUST_CHECK;
/* One step of the pool's push; see pool/rollout.h. */
int store_push_step(struct store *store, const struct pool *pool, int64_t now_ms,
		    struct store_push *out, enum rollout_event *event, struct error *err) MUST_CHECK;
void store_tell_push(struct store *store, const char *pool, const struct store_push *push,
		     enum rollout_event event);
/* Pools that have an image now and had none. */
int store_pushes_begin(struct store *store, int64_t now_ms, struct error *err) MUST_CHECK;
/* Adds what was seen of a publication in a pool; counts in `seen` are added. */
int store_health_add(struct store *store, const char *pool, const char *sha256,
		     const struct rollout_health *seen, const char *reason,
		     struct error *err) MUST_CHECK;
/* Desktops of a pool that are wanted and have not failed, by content. */
struct store_image_count {
	char sha256[STORE_SHA256_SIZE];
	int64_t assigned, up, coming;	/* the last two: spares */
};
struct store_image_counts {
	struct store_image_count *items;
	size_t count;
};
void store_image_counts_done(struct store_image_counts *counts);
DEFINE_OWNED_VALUE(store_image_counts_done, struct store_image_counts);
int store_image_counts(struct store *store, const char *pool, struct store_image_counts *out,
		       struct error *err) MUST_CHECK;
int store_image_of_pool(struct store *store, const char *pool, char out[STORE_SHA256_SIZE],
			struct error *err) MUST_CHECK;
int store_count_pool(struct store *store, const char *name, struct store_pool_count *out,
		     struct error *err) MUST_CHECK;

#endif
