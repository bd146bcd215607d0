/* SPDX-License-Identifier: Apache-2.0 */
/* store.h - everything the broker remembers, asked for in our words.
 *
 * Theory. One file, one writer. The writing handle belongs to one thread (the broker's store work
 * queue); readers open handles of their own. They wait for nobody and nobody waits for them: they
 * see what was durable when they began.
 *
 * Every function that writes is one transaction that is durable when it returns 0, unless it runs
 * between store_begin() and store_commit(): then it is a step that undoes only itself when it fails,
 * and everything becomes durable at the commit. So a group of unrelated requests can share one
 * flush to disk.
 *
 * Functions return 0 when the question was answered - "no" included, which is then a `reason` in
 * the output - and a negative errno when it was not: -ENOENT no such row (no text in err needed),
 * -EBUSY another process holds the file, -ENOSPC/-EIO the disk, -EBADMSG the file is damaged. After
 * -EIO the handle is not to be used again: close and reopen it. Outputs are written only on
 * success. Times are wall clock milliseconds and always given by the caller.
 *
 * Secrets are never given to the store: callers pass SHA-256 of tickets, tokens and sessions. */
#ifndef GENKAN_DB_STORE_H
#define GENKAN_DB_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include "common/base/buf.h"
#include "common/base/error.h"
#include "pool/desktop.h"
#include "pool/exception.h"
#include "pool/pool.h"
#include "pool/reason.h"
#include "pool/rollout.h"
#include "pool/stay.h"

#define STORE_ID_SIZE 17	/* 16 lowercase hex digits: desktops, RDP sessions */
#define STORE_KEY_SIZE 65	/* a user's immutable directory id (entryUUID) */
#define STORE_NAME_SIZE 65	/* names of desktops and hosts, guest accounts */
#define STORE_USER_SIZE 256	/* user names and display names, UTF-8 */
#define STORE_ADDRESS_SIZE 256	/* numeric addresses, host names */
#define STORE_SHA256_SIZE 65	/* lowercase hex */
#define STORE_TEXT_SIZE 256	/* short free text: reasons, details */
#define STORE_HASH_BYTES 32
#define STORE_LOCATOR_BYTES 16

struct store;

/* Opens or creates the file (0600) and brings its schema up to date, each migration in a
 * transaction. -EPROTO: written by a newer Genkan; -EBADMSG: not a database or damaged. In both
 * cases the file is left exactly as it was. */
int store_open(const char *path, struct store **out, struct error *err) MUST_CHECK;
/* A further handle that can only read; the schema must be current already. To it a group is one state
 * of the file: that of its beginning, whatever is committed meanwhile. */
int store_open_reader(const char *path, struct store **out, struct error *err) MUST_CHECK;
/* Closes; an open group is rolled back. NULL is fine. */
void store_close(struct store *store);
DEFINE_OWNED(store_close, struct store);

/* Group of calls that become durable together. They do not nest. After a failed commit nothing of
 * the group has happened. */
int store_begin(struct store *store, struct error *err) MUST_CHECK;
int store_commit(struct store *store, struct error *err) MUST_CHECK;
void store_rollback(struct store *store);

/* What was written to, for those who look on. A hint: it says which row is to be looked at again, never
 * what is in it, and a row that is gone has no id any more. */
enum store_kind {
	STORE_KIND_POOL,	/* or its line, or its push */
	STORE_KIND_DESKTOP,
	STORE_KIND_HOST,
	STORE_KIND_SESSION,
	STORE_KIND_DENIED,	/* a row of the audit log that says no */
	STORE_KIND_IMAGE,
	STORE_KIND_EXCEPTION,
	STORE_KINDS
};
const char *store_kind_word(enum store_kind kind);

struct store_touch {
	enum store_kind kind;
	char id[STORE_NAME_SIZE];	/* "": some, or gone */
	char pool[POOL_NAME_SIZE];	/* "" when it has none */
	char person[STORE_KEY_SIZE];	/* whose desktop it is; "" nobody's, or not known */
};
struct store_touch_list {
	struct store_touch *items;
	size_t count;
};
void store_touch_list_done(struct store_touch_list *list);
DEFINE_OWNED_VALUE(store_touch_list_done, struct store_touch_list);
/* From now on writes of this handle are noted, up to a bound. */
void store_watch(struct store *store);
/* Those since the last call, which forgets them. Inside a group, so that ids are found. */
int store_touched(struct store *store, struct store_touch_list *out, struct error *err) MUST_CHECK;

/* Numbers for the first look at a site. */
struct store_tally {		/* desktops by pool and state, running sessions by pool (state "") */
	char pool[POOL_NAME_SIZE], state[16];
	int64_t count;
};
struct store_host_tally {
	char state[16];
	int64_t count, cpus, memory_bytes, memory_free_bytes;
};
struct store_overview {
	struct {
		struct store_tally *items;
		size_t count;
	} desktops, sessions;
	struct {
		struct store_host_tally *items;
		size_t count;
	} hosts;
	int64_t denied;		/* refusals since the time asked for */
};
void store_overview_done(struct store_overview *overview);
DEFINE_OWNED_VALUE(store_overview_done, struct store_overview);
int store_overview(struct store *store, int64_t since_ms, struct store_overview *out,
		   struct error *err) MUST_CHECK;

/* Whose request is being served, until it is told again: its id goes with the tickets and orders that
 * are written meanwhile. NULL or "": nobody's. Borrowed. */
#define STORE_REQUEST_SIZE 65
void store_on_behalf(struct store *store, const char *request);
const char *store_request(const struct store *store);

/* SQLite's own check, foreign keys, our invariants (one owner, one host) and the audit chain. One
 * line per problem; 0 when there is none, -EBADMSG otherwise. Slow: reads everything. */
int store_check(struct store *store, struct buf *problems, struct error *err) MUST_CHECK;

/* The whole store as the open group sees it, as the bytes of a file. */
int store_copy(struct store *store, struct buf *out, struct error *err) MUST_CHECK;
/* -EBUSY: somebody has it open. What is in its log goes into the file; a damaged one is left as it is. */
int store_close_log(const char *path, struct error *err) MUST_CHECK;
/* The closed store `with` becomes `path`; what was there is kept as `aside`. -EBUSY: in use. */
int store_replace(const char *path, const char *with, const char *aside,
		  struct error *err) MUST_CHECK;
/* In a store that was restored: hosts follow it although they had newer orders already, and its
 * spares are thrown away, because they may have been somebody's since. */
int store_restored(struct store *store, struct error *err) MUST_CHECK;

/* ------------------------------------------------------------------------------------- users */

struct store_user {
	char key[STORE_KEY_SIZE];
	char name[STORE_USER_SIZE];		/* uid attribute */
	char display_name[STORE_USER_SIZE];
	char account[STORE_NAME_SIZE];		/* account name in the guest */
	int64_t uid;				/* user number in the guest */
};

/* Remembers the user as the directory shows it now. The key is the identity: the same name under
 * another key is another user. Writes only when something changed. */
int store_user_upsert(struct store *store, const struct store_user *user, int64_t now_ms,
		      struct error *err) MUST_CHECK;
int store_user_find(struct store *store, const char *key, struct store_user *out,
		    struct error *err) MUST_CHECK;
/* The one of this name that was seen last. */
int store_user_find_by_name(struct store *store, const char *name, struct store_user *out,
			    struct error *err) MUST_CHECK;

/* ------------------------------------------------------------------------------------- pools */

struct store_pool_list {
	struct pool *items;	/* by name */
	size_t count;
};
void store_pool_list_done(struct store_pool_list *list);
DEFINE_OWNED_VALUE(store_pool_list_done, struct store_pool_list);

enum store_action { STORE_NONE, STORE_CREATE, STORE_UPDATE, STORE_DELETE };
const char *store_action_word(enum store_action action);	/* "none", "create" ... */

struct store_pool_change {
	char pool[POOL_NAME_SIZE];
	enum store_action action;
};
struct store_pool_changes {
	struct store_pool_change *items;
	size_t count;
};
void store_pool_changes_done(struct store_pool_changes *changes);
DEFINE_OWNED_VALUE(store_pool_changes_done, struct store_pool_changes);

/* Makes the site's pools be exactly these, in one transaction. The set must have passed
 * pool_check_set(). With dry_run nothing is written; `out` tells the same either way, one entry
 * per pool, by name. Existing desktops keep the image and size they were made with. A pool that
 * disappears loses its spares; while users still have desktops in it the whole call fails with
 * -ENOTEMPTY and a text that names it. */
int store_pools_apply(struct store *store, const struct pool *pools, size_t count, bool dry_run,
		      int64_t now_ms, struct store_pool_changes *out, struct error *err) MUST_CHECK;
int store_pools(struct store *store, struct store_pool_list *out, struct error *err) MUST_CHECK;
int store_pool_find(struct store *store, const char *name, struct pool *out,
		    struct error *err) MUST_CHECK;
/* For logins: the pools as they are now, read again only when one has changed. Inside a group.
 * To look at; let go on the store's thread. */
struct store_pool_view {
	struct store_pool_list list;
	int holders;
};
int store_pools_view(struct store *store, struct store_pool_view **out, struct error *err) MUST_CHECK;
void store_pool_view_done(struct store_pool_view *view);
DEFINE_OWNED(store_pool_view_done, struct store_pool_view);
/* The pool of that name; NULL: there is none. */
const struct pool *store_pool_view_find(const struct store_pool_view *view, const char *name);

struct store_pool_count {	/* for `pool list` */
	int64_t assigned, spare_ready, spare_coming, failed, leaving;
	int64_t starting;	/* of all: on the way up */
	int64_t waiting;	/* users in line */
};
int store_pool_count(struct store *store, const char *name, struct store_pool_count *out,
		     struct error *err) MUST_CHECK;

/* Where a pool stands with the publications of its image. */
struct store_push {
	char image[POOL_NAME_SIZE];
	struct rollout rollout;
	char current_sha256[STORE_SHA256_SIZE], next_sha256[STORE_SHA256_SIZE];
	char refused_sha256[STORE_SHA256_SIZE];
	struct rollout_health base, health;	/* of the current; of the tried or refused one */
	char detail[STORE_TEXT_SIZE];		/* the host's words for its last failure */
};
/* For the log: called with each step of a push, which is in the audit log, too. */
typedef void store_push_fn(const char *pool, const struct store_push *push,
			   enum rollout_event event);
void store_on_push(struct store *store, store_push_fn *fn);
/* -ENOENT: nothing was ever published for it. */
int store_push_find(struct store *store, const char *pool, struct store_push *out,
		    struct error *err) MUST_CHECK;

struct store_replenish {
	int64_t silent_before_ms;	/* hosts not heard of since then get nothing new */
	int week_minute;		/* local time, for schedules: pool/schedule.h */
	int64_t now_ms;
};
/* Takes pools a step towards the publications they follow, and brings every pool to its wanted number of spares (planner_plan_site): orders new ones on hosts
 * with room, lets surplus and failed ones go, and gives those that are there to the users in line.
 * `changed` counts desktops ordered, let go or given. A pool for which no host has room is simply
 * left short. A failed spare is replaced a minute after it failed, not at once. Idempotent; call
 * after logins, reports and applies. */
int store_pools_replenish(struct store *store, const struct store_replenish *replenish,
			  int64_t *changed, struct error *err) MUST_CHECK;

/* Starts of a pool's image that failed on a host. From the second failure in a row on the host is
 * spared more of them for a while that doubles; one that becomes ready ends the trouble. */
struct store_trouble {
	int64_t publication;
	char host[STORE_NAME_SIZE];
	int64_t failures, paused_until_ms;
	char reason[STORE_TEXT_SIZE];
};
struct store_trouble_list {
	struct store_trouble *items;	/* by publication and host */
	size_t count;
};
void store_trouble_list_done(struct store_trouble_list *list);
DEFINE_OWNED_VALUE(store_trouble_list_done, struct store_trouble_list);
/* Of all its publications that are in use or being tried. */
int store_pool_troubles(struct store *store, const char *pool, struct store_trouble_list *out,
			struct error *err) MUST_CHECK;

/* ------------------------------------------------------------------------------------ images */

struct store_image {		/* one publication */
	char name[POOL_NAME_SIZE];
	int64_t publication;	/* 1, 2, ... of that name */
	char sha256[STORE_SHA256_SIZE];
	int64_t size_bytes;
	int64_t published_at_ms;
	bool stable, canary;	/* the channel points here */
};
struct store_image_list {
	struct store_image *items;	/* by name, newest first */
	size_t count;
};
void store_image_list_done(struct store_image_list *list);
DEFINE_OWNED_VALUE(store_image_list_done, struct store_image_list);

/* A channel that is pointed elsewhere: by whom and why. Strings borrowed. */
struct store_move {
	const char *name, *channel;
	int64_t publication;	/* that it is to point to; not looked at by store_image_publish() */
	const char *kind;	/* "publish", "promote", "rollback" */
	const char *who, *reason;
	int64_t now_ms;
};
/* -ENOENT: no such publication. Pools that refused the publication try it again, unless it is just
 * published. */
int store_channel_move(struct store *store, const struct store_move *move,
		       struct error *err) MUST_CHECK;
/* Where it points; -ENOENT: nowhere. */
int store_channel_find(struct store *store, const char *name, const char *channel,
		       int64_t *publication, struct error *err) MUST_CHECK;
/* The newest older publication that it pointed to, or else that there is. -ENOENT: none. */
int store_channel_before(struct store *store, const char *name, const char *channel,
			 int64_t *publication, struct error *err) MUST_CHECK;
struct store_move_row {
	char channel[POOL_NAME_SIZE], kind[16], who[STORE_USER_SIZE], reason[STORE_TEXT_SIZE];
	int64_t from, to, at_ms;
};
struct store_move_list {
	struct store_move_row *items;	/* newest first */
	size_t count;
};
void store_move_list_done(struct store_move_list *list);
DEFINE_OWNED_VALUE(store_move_list_done, struct store_move_list);
int store_moves(struct store *store, const char *name, struct store_move_list *out,
		struct error *err) MUST_CHECK;

/* Registers the content under the name as the next publication and points the channel ("stable" or
 * "canary") at it. Content that is already there keeps its number and only the channel moves. */
int store_image_publish(struct store *store, const struct store_move *move, const char *sha256,
			int64_t size_bytes, struct store_image *out, struct error *err) MUST_CHECK;
int store_images(struct store *store, struct store_image_list *out, struct error *err) MUST_CHECK;

/* What the content with this hash consists of: hashes of its pieces as one line of hex. `held`: the
 * broker has the file, and hosts may fetch it; once said it stays said. */
int store_content_put(struct store *store, const char *sha256, int64_t size_bytes,
		      const char *pieces, bool held, struct error *err) MUST_CHECK;
/* `pieces` is malloc'ed; it and `held` may be NULL. -ENOENT: nothing is known. */
int store_content_find(struct store *store, const char *sha256, int64_t *size_bytes,
		       char **pieces, bool *held, struct error *err) MUST_CHECK;

#define STORE_IMAGE_STATE_SIZE 16
struct store_image_host {
	char host[STORE_NAME_SIZE];
	char state[STORE_IMAGE_STATE_SIZE];	/* "ready", "fetching", "missing", "bad" */
	int64_t percent;
	char reason[STORE_TEXT_SIZE];
};
struct store_image_host_list {
	struct store_image_host *items;	/* by host */
	size_t count;
};
void store_image_host_list_done(struct store_image_host_list *list);
DEFINE_OWNED_VALUE(store_image_host_list_done, struct store_image_host_list);
/* How far each host has got with this content, as it says. */
int store_image_hosts(struct store *store, const char *sha256, struct store_image_host_list *out,
		      struct error *err) MUST_CHECK;

/* ---------------------------------------------------------------------------- hosts, desktops */

enum store_host_state {
	STORE_HOST_ACTIVE,
	STORE_HOST_DRAINING,
	STORE_HOST_MAINTENANCE,
	STORE_HOST_LOST,
	STORE_HOST_FENCED,
	STORE_HOST_STATES
};
const char *store_host_state_word(enum store_host_state state);

struct store_host {
	char name[STORE_NAME_SIZE];
	enum store_host_state state;
	char accel[16];			/* "kvm", "tcg"; "" before the first report */
	int64_t cpus, memory_bytes, memory_free_bytes;
	char relay_host[STORE_ADDRESS_SIZE];
	int64_t relay_port;
	char relay_certificate_sha256[STORE_SHA256_SIZE];
	int64_t seq;			/* of the newest report taken */
	int64_t generation;		/* of what this host should have; grows with each change */
	int64_t last_seen_ms;		/* 0: never */
	int64_t desktops;		/* rows that live there; -1: store_hosts() counts them */
	int64_t disk_bytes, disk_free_bytes;	/* where overlays are; 0: not told */
	int64_t templates_bytes;		/* memory of its templates */
	int64_t pss_bytes, overlay_bytes;	/* of all its desktops, as measured */
	int64_t starts_max;		/* at a time; 0: not told */
	int64_t starts_under_way, starts_waiting;
};
struct store_host_list {
	struct store_host *items;	/* by name */
	size_t count;
};
void store_host_list_done(struct store_host_list *list);
DEFINE_OWNED_VALUE(store_host_list_done, struct store_host_list);

/* A one-time join token for this host name; replaces an unused one. */
int store_host_token_create(struct store *store, const char *host,
			    const uint8_t token_sha256[STORE_HASH_BYTES], int64_t expires_at_ms,
			    int64_t now_ms, struct error *err) MUST_CHECK;
/* Uses the token up and makes the host known. `reason`: REASON_OK or REASON_TOKEN_*. */
int store_host_join(struct store *store, const char *host,
		    const uint8_t token_sha256[STORE_HASH_BYTES], int64_t now_ms,
		    enum reason *reason, struct error *err) MUST_CHECK;
int store_host_find(struct store *store, const char *name, struct store_host *out,
		    struct error *err) MUST_CHECK;
/* By name, behind `after`; `state` and `text`, NULL or "": any. */
int store_hosts_page(struct store *store, const char *after, const char *state, const char *text,
		     size_t limit, struct store_host_list *out, struct error *err) MUST_CHECK;
int store_hosts(struct store *store, struct store_host_list *out, struct error *err) MUST_CHECK;
int store_host_set_state(struct store *store, const char *name, enum store_host_state state,
			 struct error *err) MUST_CHECK;
/* ---- a host that is emptied ---- */

struct store_drain {
	char by[STORE_USER_SIZE], why[STORE_TEXT_SIZE];
	int64_t at_ms;	/* 0: it is not */
};
/* No desktop starts there any more and its spares go (`spares` of them); those of users stay until they
 * log off. -ENOENT. */
int store_host_drain(struct store *store, const char *name, const char *by, const char *why,
		     int64_t now_ms, int64_t *spares, struct error *err) MUST_CHECK;
int store_host_undrain(struct store *store, const char *name, struct error *err) MUST_CHECK;
int store_host_drained(struct store *store, const char *name, struct store_drain *out,
		       struct error *err) MUST_CHECK;
/* The host is forgotten; it has to join again. -EBUSY while it has desktops, unless `force`: then
 * `desktops` of them are taken from their users, with what is only there. */
int store_host_remove(struct store *store, const char *name, bool force, int64_t now_ms,
		      int64_t *desktops, struct error *err) MUST_CHECK;

/* Active hosts that have not reported since `silent_before_ms` become lost; their next report makes
 * them active again. `count` = how many became lost. */
int store_hosts_lost(struct store *store, int64_t silent_before_ms, int64_t *count,
		     struct error *err) MUST_CHECK;

/* The disk of a desktop's user. */
struct store_home {
	char id[STORE_ID_SIZE];		/* "": the desktop has none */
	bool held;			/* by this desktop, not by an earlier one */
	bool fresh;			/* was never in use */
	bool broken;
	int64_t epoch, size_bytes, used_bytes;
	enum desktop_disk attached;	/* as the host says */
	char reason[STORE_TEXT_SIZE];
	char account[STORE_NAME_SIZE];	/* of the desktop's user, in the guest */
	int64_t uid;
};

struct store_desktop {
	char id[STORE_ID_SIZE];
	char name[STORE_NAME_SIZE];	/* pool-NNN, also the guest's hostname */
	char pool[POOL_NAME_SIZE];
	char title[POOL_TITLE_SIZE];	/* of the pool */
	enum pool_assignment assignment;
	char host[STORE_NAME_SIZE];
	int64_t epoch;
	enum desktop_want want;
	enum desktop_state state;
	enum desktop_stage stage;
	int64_t percent;
	char reason[STORE_TEXT_SIZE];	/* the host's words for an error */
	enum desktop_use use;
	char user_key[STORE_KEY_SIZE];	/* "" without a user */
	char user_name[STORE_USER_SIZE];
	char image_sha256[STORE_SHA256_SIZE];
	struct desktop_size size;
	char address[STORE_ADDRESS_SIZE];
	char rdp_certificate_sha256[STORE_SHA256_SIZE];
	int64_t created_at_ms, assigned_at_ms, changed_at_ms;
	int64_t incarnation;		/* how often a restart was ordered */
	int64_t logoffs, resets;	/* as the host has counted them */
	char logged_on[STORE_NAME_SIZE];	/* account in the guest; "" nobody */
	int64_t use_since_ms;		/* when `use` became what it is */
	int64_t ready_at_ms;		/* the first time; 0: not yet */
	enum pool_on_logoff on_logoff;	/* of the pool */
	int64_t start_ms;		/* what a start takes in this pool; 0: none was seen */
	struct store_home home;
	int64_t pss_bytes, overlay_bytes;	/* as measured; 0: not yet */
	int64_t overlay_max_bytes;		/* of the pool; 0: no limit */
	char request[STORE_REQUEST_SIZE];	/* of who gave the last order; "" the broker itself */
	int64_t turn;			/* 1: the next that its host starts; 0: it does not wait */
};
/* What a new desktop of the pool meets on each host: the same numbers as when one is ordered. */
struct store_room {
	char host[STORE_NAME_SIZE];
	enum reason reason;	/* REASON_OK: it would fit */
	int64_t memory_bytes, memory_free_bytes, memory_needed_bytes;
	int64_t disk_bytes, disk_free_bytes, disk_needed_bytes;
	int64_t cpus, cpus_used;
};
struct store_room_list {
	struct store_room *items;	/* by host */
	size_t count;
};
void store_room_list_done(struct store_room_list *list);
DEFINE_OWNED_VALUE(store_room_list_done, struct store_room_list);
int store_pool_room(struct store *store, const struct pool *pool, const char *image_sha256,
		    int64_t silent_before_ms, int64_t now_ms, struct store_room_list *out,
		    struct error *err) MUST_CHECK;

struct store_desktop_list {
	struct store_desktop *items;	/* by name */
	size_t count;
};
void store_desktop_list_done(struct store_desktop_list *list);
DEFINE_OWNED_VALUE(store_desktop_list_done, struct store_desktop_list);

struct store_desktop_query {	/* zeroed: all, by name; a limit must be given */
	const char *after;		/* continue behind this name */
	const char *pool, *host, *state;	/* NULL or "": any */
	const char *text;		/* in its name or its user's, or its id */
	size_t limit;
};
int store_desktops_page(struct store *store, const struct store_desktop_query *wanted,
			struct store_desktop_list *out, struct error *err) MUST_CHECK;
int store_desktops(struct store *store, struct store_desktop_list *out,
		   struct error *err) MUST_CHECK;
int store_desktop_find(struct store *store, const char *id, struct store_desktop *out,
		       struct error *err) MUST_CHECK;
/* Takes the desktop away from its user, if any, ends its tickets and sessions and lets it be
 * destroyed. The row stays until its host confirms. -ENOENT: no such desktop. */
int store_desktop_delete(struct store *store, const char *id, int64_t now_ms,
			 struct error *err) MUST_CHECK;
/* The user's stay has ended: what pool_after_stay() says is done. A desktop without a user is left
 * alone. */
int store_desktop_stay_ended(struct store *store, const char *id, enum pool_stay_end how,
			     int64_t now_ms, struct error *err) MUST_CHECK;
/* Back to the image: its user gets a new one, first in turn for whatever is there. */
int store_desktop_reset(struct store *store, const char *id, int64_t now_ms,
			struct error *err) MUST_CHECK;
/* Restarted by its host, once, whatever happens in between: the incarnation grows. */
int store_desktop_restart(struct store *store, const char *id, int64_t now_ms,
			  struct error *err) MUST_CHECK;
/* Floating desktops nobody was connected to for longer than their pool allows, and those that
 * were assigned and never used, are given up. `count` = how many. */
int store_desktops_expire(struct store *store, int64_t now_ms, int64_t *count,
			  struct error *err) MUST_CHECK;

/* What one host should have. */
struct store_desired_image {
	char name[POOL_NAME_SIZE];
	char sha256[STORE_SHA256_SIZE];
	int64_t size_bytes;
	bool held;		/* the broker has the file */
};
struct store_desired {
	int64_t generation;
	struct store_desired_image *images;	/* of its desktops and of every pool */
	size_t image_count;
	/* Held here and needed by no pool, desktop or rollback: files of them can go. */
	char (*needless)[STORE_SHA256_SIZE];
	size_t needless_count;
	struct store_desktop *desktops; /* wanted running, and absent until confirmed */
	size_t desktop_count;
};
void store_desired_done(struct store_desired *desired);
DEFINE_OWNED_VALUE(store_desired_done, struct store_desired);

/* -ENOENT: the host never joined. */
int store_desired_for_host(struct store *store, const char *host, struct store_desired *out,
			   struct error *err) MUST_CHECK;
/* Whether a pool or a desktop of this host needs the image. */
int store_image_for_host(struct store *store, const char *host, const char *sha256, bool *needed,
			 struct error *err) MUST_CHECK;
/* Cheap: has anything changed? */
int store_host_generation(struct store *store, const char *host, int64_t *out,
			  struct error *err) MUST_CHECK;

/* What hosts say about their templates: a JSON array for each. For people to read; nothing is
 * decided by it. */
#define STORE_TEMPLATES_SIZE 8192
int store_templates_put(struct store *store, const char *host, const char *json,
			struct error *err) MUST_CHECK;
typedef void store_templates_fn(void *arg, const char *host, const char *json);
int store_templates(struct store *store, store_templates_fn *fn, void *arg,
		    struct error *err) MUST_CHECK;

/* What one host says it has. Strings are borrowed; NULL stands for "". */
struct store_report_image {
	const char *sha256;
	bool ready;
	const char *state;	/* the host's word; NULL: by `ready` */
	int64_t percent;
	const char *reason;
};
struct store_report_disk {	/* id NULL: nothing was said */
	const char *id, *reason;
	int64_t epoch, used_bytes;
	enum desktop_disk state;
};
struct store_report_desktop {
	const char *id;
	int64_t epoch;
	enum desktop_state state;
	enum desktop_stage stage;
	int64_t percent;
	bool blameless; /* the error says nothing about its image */
	const char *reason, *address, *rdp_certificate_sha256;
	const char *logged_on;		/* account */
	int64_t logoffs, resets;	/* so many since the desktop was made */
	struct store_report_disk disk;
	int64_t pss_bytes, overlay_bytes;
	int64_t turn;			/* 1: its start is next; 0: it does not wait */
	int64_t start_ms;		/* what its newest start took from there; 0: not told */
};
struct store_report {
	const char *host;
	const char *templates;	/* JSON array, kept as it is; NULL: says nothing about them */
	int64_t seq;		/* a report with a seq not above the newest taken is stale */
	int64_t generation;	/* last one the host applied; 0: none yet */
	const char *accel;
	int64_t cpus, memory_bytes, memory_free_bytes;
	int64_t disk_bytes, disk_free_bytes, templates_bytes;
	int64_t starts_max, starts_under_way, starts_waiting;
	const char *relay_host;
	int64_t relay_port;
	const char *relay_certificate_sha256;
	const struct store_report_image *images;
	size_t image_count;
	const struct store_report_desktop *desktops;
	size_t desktop_count;
};
struct store_report_result {
	bool stale;		/* ignored */
	bool changed;		/* some desktop is not what it was: wake who waits for one */
	int64_t generation;	/* of what the host should have */
};

/* Takes the host's view over: states, progress, addresses of desktops with the right epoch; rows of
 * desktops that should be absent and are gone (the host had applied the order) disappear. Desktops
 * of other hosts are untouched whatever the report says. */
int store_host_report(struct store *store, const struct store_report *report, int64_t now_ms,
		      struct store_report_result *out, struct error *err) MUST_CHECK;

/* -------------------------------------------------------------------------------- user disks */

/* One for each user and pool whose pool has them; made with the first assignment. */
struct store_user_disk {
	char id[STORE_ID_SIZE];
	char user_key[STORE_KEY_SIZE], user_name[STORE_USER_SIZE];
	char pool[POOL_NAME_SIZE];
	int64_t size_bytes, used_bytes;
	char state[8];			/* "new", "ready", "broken" */
	int64_t set_aside_at_ms;	/* 0: in use */
	char desktop[STORE_ID_SIZE];	/* that holds it; "" none */
	char desktop_name[STORE_NAME_SIZE];
	char host[STORE_NAME_SIZE];	/* where it was held last */
	int64_t epoch;
	enum desktop_disk attached;
	char reason[STORE_TEXT_SIZE];
	int64_t since_ms, created_at_ms;
};
struct store_user_disk_list {
	struct store_user_disk *items;	/* by user and pool, those in use first */
	size_t count;
};
void store_user_disk_list_done(struct store_user_disk_list *list);
DEFINE_OWNED_VALUE(store_user_disk_list_done, struct store_user_disk_list);

int store_user_disks(struct store *store, struct store_user_disk_list *out,
		     struct error *err) MUST_CHECK;
int store_user_disk_find(struct store *store, const char *id, struct store_user_disk *out,
			 struct error *err) MUST_CHECK;
/* The user gets a new one next time; this one is kept. `reason`: OK or USER_DISK_BUSY. */
int store_user_disk_set_aside(struct store *store, const char *id, int64_t now_ms,
			      enum reason *reason, struct error *err) MUST_CHECK;
/* Disks whose holder was on a host that is lost go to the desktops that wait for them; their hosts
 * attach them only once the storage's lock is free. */
int store_user_disks_rescue(struct store *store, int64_t now_ms, struct error *err) MUST_CHECK;

/* ------------------------------------------------------------------------------- assignments */

struct store_take {
	const char *user_key;		/* store_user_upsert() came before */
	const char *pool;
	bool replace_failed;		/* a floating desktop in error is given up for another one */
	int64_t silent_before_ms;	/* hosts not heard of since then get nothing new */
	int64_t now_ms;
};
struct store_place {
	int64_t position;    /* 1: next */
	int64_t estimate_ms; /* -1: nobody can know */
	bool joined;         /* just now */
	enum reason why;     /* POOL_FULL, HOSTS_FULL, IMAGE_COMING, STARTS_LIMITED or IN_LINE */
	int64_t percent;     /* of the image, with IMAGE_COMING */
};
struct store_taken {
	/* REASON_OK, or WAITING (look at `place`), NO_HOST, NO_IMAGE, TOO_MANY_DESKTOPS,
	 * NOT_FOUND (pool) */
	enum reason reason;
	enum reason how;	/* DESKTOP_OWN, DESKTOP_SPARE or DESKTOP_ORDERED; OK otherwise */
	struct store_desktop desktop;	/* with REASON_OK; look at its state: it may be preparing */
	struct store_place place;	/* with REASON_WAITING */
};

#define STORE_LINE_STALE_MS 30000
/* The user's desktop in the pool, in one transaction: the one they have (dedicated, or floating and
 * still assigned), else a spare (ready ones first), else a new one ordered on the best host. Who
 * cannot be served, or comes when others wait already, stands in line: who was first is first.
 * Asking again keeps the place; who has not asked for STORE_LINE_STALE_MS has left. */
int store_assignment_take(struct store *store, const struct store_take *take,
			  struct store_taken *out, struct error *err) MUST_CHECK;
/* The place of somebody who stands in line already; -ENOENT: does not. */
int store_place_find(struct store *store, const char *user_key, const char *pool,
		     struct store_place *out, struct error *err) MUST_CHECK;
/* The user waits for nothing any more. */
int store_places_leave(struct store *store, const char *user_key, struct error *err) MUST_CHECK;
/* What the user has in the pool, without changing anything; -ENOENT: nothing. */
int store_assignment_find(struct store *store, const char *user_key, const char *pool,
			  struct store_desktop *out, struct error *err) MUST_CHECK;
/* All of the user's desktops. */
int store_assignments(struct store *store, const char *user_key, struct store_desktop_list *out,
		      struct error *err) MUST_CHECK;

/* -------------------------------------------------------------------------------- exceptions */

struct store_exception {
	char id[STORE_ID_SIZE];
	char user_key[STORE_KEY_SIZE];
	char user_name[STORE_USER_SIZE];
	char pool[POOL_NAME_SIZE];
	char device[16];		/* "drive" */
	char reason[STORE_TEXT_SIZE];	/* the administrator's words */
	int64_t duration_ms;
	enum exception_state state;
	char requested_by[STORE_NAME_SIZE], approved_by[STORE_NAME_SIZE];
	char ended_by[STORE_NAME_SIZE];	/* "" when it ended by itself */
	int64_t requested_at_ms, approved_at_ms;
	int64_t expires_at_ms;		/* of the request until it is approved */
	int64_t used_at_ms, ended_at_ms;	/* 0: not */
};
struct store_exception_list {
	struct store_exception *items;	/* newest first */
	size_t count;
};
void store_exception_list_done(struct store_exception_list *list);
DEFINE_OWNED_VALUE(store_exception_list_done, struct store_exception_list);

struct store_exception_request {
	const char *user;	/* name of somebody who has logged in before: it is for the person */
	const char *pool, *device, *reason, *by;
	int64_t duration_ms, now_ms;
};
/* -ENOENT with a text: no such pool, or nobody of that name has logged in yet. */
int store_exception_request(struct store *store, const struct store_exception_request *request,
			    struct store_exception *out, struct error *err) MUST_CHECK;
/* `reason`: what exception_may_approve() or exception_may_revoke() said; `out` is how it stands
 * now. Revoking ends the sessions that have it. -ENOENT: no such exception. */
int store_exception_approve(struct store *store, const char *id, const char *by, int64_t now_ms,
			    enum reason *reason, struct store_exception *out,
			    struct error *err) MUST_CHECK;
int store_exception_revoke(struct store *store, const char *id, const char *by, int64_t now_ms,
			   enum reason *reason, struct store_exception *out,
			   struct error *err) MUST_CHECK;
int store_exception_find(struct store *store, const char *id, struct store_exception *out,
			 struct error *err) MUST_CHECK;
/* Those that are requested or in force, or all. */
int store_exceptions(struct store *store, bool all, struct store_exception_list *out,
		     struct error *err) MUST_CHECK;
/* The one in force that lasts longest; -ENOENT: none. */
int store_exception_in_force(struct store *store, const char *user_key, const char *pool,
			     int64_t now_ms, struct store_exception *out,
			     struct error *err) MUST_CHECK;
/* Those whose time is over become expired, and the sessions that have them end. `out`: them. */
int store_exceptions_expire(struct store *store, int64_t now_ms, struct store_exception_list *out,
			    struct error *err) MUST_CHECK;

/* ---------------------------------------------------------------------- tickets, RDP sessions */

#define STORE_TICKET_WRONG_MAX 3	/* so many wrong secrets burn the locator */

struct store_ticket {
	uint8_t locator[STORE_LOCATOR_BYTES];
	uint8_t secret_sha256[STORE_HASH_BYTES];
	const char *user_key, *desktop, *host;
	int64_t epoch;
	const char *client_address;
	bool standard;		/* for a standard client at that address, and for nobody else */
	struct pool_policy policy;
	int64_t expires_at_ms;
};
/* -ESTALE: the desktop is not (any more) this user's, on this host, at this epoch. */
int store_ticket_create(struct store *store, const struct store_ticket *ticket, int64_t now_ms,
			struct error *err) MUST_CHECK;

struct store_redeem {
	uint8_t locator[STORE_LOCATOR_BYTES];
	uint8_t secret_sha256[STORE_HASH_BYTES];
	const char *host;		/* who asks: the CN of its certificate */
	const char *client_address;	/* as the relay saw it */
	bool standard;			/* it came as those of standard clients do */
	int64_t now_ms;
};
struct store_redeemed {
	enum reason reason;		/* REASON_OK or REASON_TICKET_* (for the audit row only) */
	char session[STORE_ID_SIZE];	/* "" unless OK */
	struct store_user user;		/* also with a refusal when the locator was known; else "" */
	struct store_desktop desktop;	/* the same */
	struct pool_policy policy;
	char request[STORE_REQUEST_SIZE];	/* that the ticket was made for */
	struct store_exception exception;	/* in force for this session; id "" without one */
};
/* Uses the ticket up and begins an RDP session, atomically: of any number of callers one wins.
 * An earlier session of the same desktop that was never reported as ended counts as ended. */
int store_ticket_redeem(struct store *store, const struct store_redeem *redeem,
			struct store_redeemed *out, struct error *err) MUST_CHECK;

struct store_session {
	char id[STORE_ID_SIZE];
	char user_name[STORE_USER_SIZE];
	char desktop[STORE_ID_SIZE];
	char desktop_name[STORE_NAME_SIZE];
	char pool[POOL_NAME_SIZE];
	char host[STORE_NAME_SIZE];
	char client_address[STORE_ADDRESS_SIZE];
	int64_t began_at_ms, active_at_ms, ended_at_ms;	/* 0: not yet */
	char exception[STORE_ID_SIZE];	/* that it was given; "" none */
};
struct store_session_list {
	struct store_session *items;	/* newest first */
	size_t count;
};
void store_session_list_done(struct store_session_list *list);
DEFINE_OWNED_VALUE(store_session_list_done, struct store_session_list);

/* The relay of `host` says so. -ENOENT: no such session on that host. Repeats change nothing. */
int store_session_active(struct store *store, const char *session, const char *host,
			 int64_t now_ms, struct error *err) MUST_CHECK;
int store_session_end(struct store *store, const char *session, const char *host, int64_t now_ms,
		      struct error *err) MUST_CHECK;
int store_session_find(struct store *store, const char *session, struct store_session *out,
		       struct error *err) MUST_CHECK;
/* What a session does that has had no input for `idle_ms`, by the rule of its pool: ended here when it
 * was too long, and with idle_action logoff its user's stay as well. `over` and `user` say so. */
int store_session_idle(struct store *store, const char *session, const char *host, int64_t idle_ms,
		       int64_t now_ms, bool *over, char user[STORE_USER_SIZE],
		       struct error *err) MUST_CHECK;
enum store_session_verdict {
	STORE_SESSION_GOES_ON,
	STORE_SESSION_OVER,	/* ended here, or not known on this host */
	STORE_SESSION_MOVED,	/* ended because a newer one took its desktop */
	STORE_SESSION_EXCEPTION,	/* ended with the exception it was given: its user may come back */
};
/* What the relay of `host` is to do with a session it carries. */
int store_session_verdict(struct store *store, const char *session, const char *host,
			  enum store_session_verdict *out, struct error *err) MUST_CHECK;
struct store_session_query {	/* zeroed: those that run, from the newest; a limit must be given */
	bool all;
	int64_t before_ms;		/* continue behind the session with this beginning and id */
	const char *after_id;
	const char *pool, *text;	/* NULL or "": any; the text is in the user's or desktop's name */
	size_t limit;
};
int store_sessions_page(struct store *store, const struct store_session_query *wanted,
			struct store_session_list *out, struct error *err) MUST_CHECK;
/* Those that have not ended, or the newest `limit` of all. */
int store_sessions(struct store *store, bool all, size_t limit, struct store_session_list *out,
		   struct error *err) MUST_CHECK;

/* --------------------------------------------------------------------- notices and log-offs */

#define STORE_NOTICE_SIZE 1001	/* bytes of UTF-8 and the NUL */

enum store_notice_kind { STORE_NOTICE_MESSAGE, STORE_NOTICE_REFUSED };
const char *store_notice_kind_word(enum store_notice_kind kind);

struct store_notice {
	int64_t seq;		/* grows; of the whole site */
	char desktop[STORE_ID_SIZE];
	char user_key[STORE_KEY_SIZE];	/* filled in by store_notice_put() */
	enum store_notice_kind kind;
	char what[32];		/* REFUSED: the kind of device, pool/notice.h */
	char text[STORE_NOTICE_SIZE];
	bool in_desktop;	/* a window in the user's session */
	bool in_client;		/* a line in our client */
	int64_t at_ms, expires_at_ms;
};
struct store_notice_list {
	struct store_notice *items;	/* oldest first */
	size_t count;
};
void store_notice_list_done(struct store_notice_list *list);
DEFINE_OWNED_VALUE(store_notice_list_done, struct store_notice_list);

/* For the user of the desktop; fills in seq and user_key. The host of an in_desktop one is told.
 * -ENOENT: no such desktop; -ESRCH: nobody has it. */
int store_notice_put(struct store *store, struct store_notice *notice, struct error *err) MUST_CHECK;
/* Has a window show it after all. Nothing happens when it is gone. */
int store_notice_to_desktop(struct store *store, const char *desktop, int64_t seq,
			    struct error *err) MUST_CHECK;
/* Whether the desktop's user was told of a refusal of this kind since then. */
int store_notice_known(struct store *store, const char *desktop, const char *what,
		       int64_t since_ms, bool *out, struct error *err) MUST_CHECK;
/* What the user's client is to show: above `after`, and not older than `since_ms`. */
int store_notices_of_user(struct store *store, const char *user_key, int64_t after,
			  int64_t since_ms, int64_t now_ms, struct store_notice_list *out,
			  struct error *err) MUST_CHECK;
/* The desktop on this host has shown all up to `seq`. Unknown ones change nothing. */
int store_notices_shown(struct store *store, const char *desktop, const char *host, int64_t seq,
			struct error *err) MUST_CHECK;
/* Has the guest end its user's stay. -ENOENT: no such desktop; -ESRCH: nobody is logged on. */
int store_desktop_log_off(struct store *store, const char *id, struct error *err) MUST_CHECK;
/* Takes back the orders of a host whose stays are over; to be called behind its report. */
int store_log_offs_settle(struct store *store, const char *host, struct error *err) MUST_CHECK;

/* What a host is to do inside of its desktops. */
struct store_log_off {
	char desktop[STORE_ID_SIZE];
	int64_t stay;
};
struct store_orders {
	struct store_notice_list notices;	/* with in_desktop: desktop, seq and text */
	struct store_log_off *log_offs;
	size_t log_off_count;
};
void store_orders_done(struct store_orders *orders);
DEFINE_OWNED_VALUE(store_orders_done, struct store_orders);
int store_orders_of_host(struct store *store, const char *host, int64_t now_ms,
			 struct store_orders *out, struct error *err) MUST_CHECK;

/* ------------------------------------------------------------------ login sessions, throttle */

struct store_login {
	uint8_t token_sha256[STORE_HASH_BYTES];
	char user_key[STORE_KEY_SIZE];
	char client_address[STORE_ADDRESS_SIZE];
	bool staff;		/* of the admin side */
	bool second_factor;	/* a code was given besides the password */
	char client_key_sha256[STORE_SHA256_SIZE];	/* who may use it; "": whoever has the token */
	int64_t created_at_ms, expires_at_ms;
};
int store_login_session_create(struct store *store, const struct store_login *login,
			       struct error *err) MUST_CHECK;
/* With its user; -ENOENT: unknown or expired. `user` may be NULL. */
int store_login_session_find(struct store *store, const uint8_t token_sha256[STORE_HASH_BYTES],
			     int64_t now_ms, struct store_login *out, struct store_user *user,
			     struct error *err) MUST_CHECK;
/* Ended sessions are forgotten; unknown ones are fine. */
int store_login_session_end(struct store *store, const uint8_t token_sha256[STORE_HASH_BYTES],
			    struct error *err) MUST_CHECK;

struct store_revoked {
	int64_t logins, tickets, tokens;
};
/* Ends every login session, unused ticket and unused join token at once. */
int store_revoke_all(struct store *store, int64_t now_ms, struct store_revoked *out,
		     struct error *err) MUST_CHECK;

/* ----------------------------------------------------------------------------- second factors */

#define STORE_SEALED_SIZE 193	/* hex of a sealed secret */
#define STORE_KEY_ID_SIZE 17
#define STORE_RECOVERY_MAX 16

/* The secret is sealed by the caller with a key the store never sees. */
struct store_factor {
	char key_id[STORE_KEY_ID_SIZE];
	char sealed[STORE_SEALED_SIZE];
	int64_t last_step;	/* no code of this step or an older one is taken again */
	int64_t wrong_count;	/* in a row */
	int64_t enrolled_at_ms, used_at_ms;
	int64_t recovery_left;
};
/* -ENOENT: has none. */
int store_factor_find(struct store *store, const char *user_key, struct store_factor *out,
		      struct error *err) MUST_CHECK;
/* A new one with its recovery codes. -EEXIST: there is one already, and it stays. */
int store_factor_enrol(struct store *store, const char *user_key, const struct store_factor *factor,
		       const uint8_t recovery[][STORE_HASH_BYTES], size_t recovery_count,
		       struct error *err) MUST_CHECK;
int store_factor_reseal(struct store *store, const char *user_key, const char *key_id,
			const char *sealed, struct error *err) MUST_CHECK;
/* A right code of that step. -EALREADY: one of it or of a later one was used before. */
int store_factor_used(struct store *store, const char *user_key, int64_t step, int64_t now_ms,
		      struct error *err) MUST_CHECK;
/* -EALREADY: not one of this user's, or used before. */
int store_factor_recover(struct store *store, const char *user_key,
			 const uint8_t code_sha256[STORE_HASH_BYTES], int64_t now_ms,
			 struct error *err) MUST_CHECK;
int store_factor_wrong(struct store *store, const char *user_key, struct error *err) MUST_CHECK;
/* Forgets it, the recovery codes, and every login session of the user. -ENOENT: had none. */
int store_factor_reset(struct store *store, const char *user_key, struct error *err) MUST_CHECK;

/* Failed logins, per user name and per source address; kept across restarts. */
struct store_throttle_rule {
	int64_t max_failures;	/* within window_ms; 0: no limit */
	int64_t window_ms;
	int64_t block_ms;
};
struct store_throttle {
	const char *user;	/* as typed; compared without ASCII letter case */
	const char *source;
	struct store_throttle_rule per_user, per_source;
};
struct store_failures {		/* zeroed: none */
	int64_t count, window_began_at_ms, blocked_until_ms;
};
/* Pure. One more; and how long to wait, 0 = go on. */
void store_failures_add(struct store_failures *failures, const struct store_throttle_rule *rule,
			int64_t now_ms);
int64_t store_failures_wait(const struct store_failures *failures,
			    const struct store_throttle_rule *rule, int64_t now_ms);
/* Pure. How many more may fail before that means to wait; at least 1. */
int64_t store_failures_left(const struct store_failures *failures,
			    const struct store_throttle_rule *rule, int64_t now_ms);
/* Names as they are counted: without ASCII letter case, and cut when they are too long. */
void store_throttle_fold(const char *text, char *out, size_t size);
/* All that are counted now; kind is "user" or "source". */
typedef void store_throttle_fn(void *arg, const char *kind, const char *subject,
			       const struct store_failures *failures);
int store_throttles(struct store *store, store_throttle_fn *fn, void *arg,
		    struct error *err) MUST_CHECK;
/* A wrong password. */
int store_throttle_fail(struct store *store, const struct store_throttle *throttle, int64_t now_ms,
			struct error *err) MUST_CHECK;
/* A right one: forgets the user's failures (the source's stay). */
int store_throttle_success(struct store *store, const struct store_throttle *throttle,
			   struct error *err) MUST_CHECK;

/* Forgets what has run out: tickets, login sessions, join tokens, throttles. */
int store_housekeep(struct store *store, int64_t now_ms, struct error *err) MUST_CHECK;

/* ------------------------------------------------------------------------------- rebuilding */

/* After the store was lost, or an older one was restored: hosts are asked what they run before anything
 * new is started, and destroy nothing that is not known. */
enum store_rebuild {
	STORE_REBUILD_NONE,
	STORE_REBUILD_KNOWN,	/* until all hosts of the store have told */
	STORE_REBUILD_ALL,	/* hosts are taken by their certificates; until somebody says so */
	STORE_REBUILDS
};
/* Above what hosts have seen of the store that was lost. */
#define STORE_REBUILD_AHEAD INT64_C(1000000000)

int store_rebuilding(struct store *store, enum store_rebuild *out, struct error *err) MUST_CHECK;
int store_rebuild_begin(struct store *store, enum store_rebuild how, struct error *err) MUST_CHECK;
/* Hosts destroy what is still unknown. */
int store_rebuild_finish(struct store *store, struct error *err) MUST_CHECK;
/* A host the store does not know. */
int store_rebuild_host(struct store *store, const char *host, int64_t generation, int64_t now_ms,
		       struct error *err) MUST_CHECK;
/* It has told; `all`: every host that can be reached. */
int store_rebuild_told(struct store *store, const char *host, bool *all,
		       struct error *err) MUST_CHECK;

/* One whose owner is known by its deed. */
struct store_adoption {
	const struct store_report_desktop *report;
	const char *host;
	char name[STORE_NAME_SIZE], pool[POOL_NAME_SIZE], image_sha256[STORE_SHA256_SIZE];
	int64_t cpus, memory_bytes, incarnation;
	struct store_user user;
};
/* `why`: NULL, or why it cannot be; then nothing was changed. */
int store_adopt(struct store *store, const struct store_adoption *adoption, int64_t now_ms,
		const char **why, struct error *err) MUST_CHECK;

/* One that runs and is not known: nobody's, and given to nobody. */
struct store_unknown {
	char id[STORE_ID_SIZE], host[STORE_NAME_SIZE], name[STORE_NAME_SIZE], account[STORE_NAME_SIZE];
	char why[80];
	int64_t at_ms;
};
typedef void store_unknown_fn(void *arg, const struct store_unknown *unknown);
int store_unknown_put(struct store *store, const struct store_unknown *unknown,
		      struct error *err) MUST_CHECK;
int store_unknowns(struct store *store, store_unknown_fn *fn, void *arg,
		   struct error *err) MUST_CHECK;

/* ----------------------------------------------------------------------------- orders, kept */

#define STORE_KEPT_MS (INT64_C(24) * 3600 * 1000)
#define STORE_KEPT_EACH 1000	/* of one person; the oldest go */

/* The answer to an order that came with a key. */
struct store_kept {
	char request_sha256[STORE_SHA256_SIZE];
	char *answer;	/* JSON; "" for one without a body */
};
void store_kept_done(struct store_kept *kept);
DEFINE_OWNED_VALUE(store_kept_done, struct store_kept);
/* -ENOENT: none, or it is too old. */
int store_kept_find(struct store *store, const char *who, const char *key_sha256, int64_t now_ms,
		    struct store_kept *out, struct error *err) MUST_CHECK;
/* There was none. */
int store_kept_put(struct store *store, const char *who, const char *key_sha256,
		   const char *request_sha256, const char *answer, int64_t now_ms,
		   struct error *err) MUST_CHECK;

/* ------------------------------------------------------------------------------------- audit */

struct store_audit {		/* strings borrowed; NULL stands for "" */
	int64_t at_ms;
	const char *who;	/* user, admin or host */
	const char *source;	/* address */
	const char *what;	/* "login", "connect", "redeem", "static_channel", "pools_apply" ... */
	const char *code;	/* reason code */
	bool denied;
	const char *subject;	/* desktop, session, pool, device name ... */
	const char *details;	/* a JSON object, "" = {} */
};
/* Rows are only ever added; each holds the SHA-256 of the one before. Rows that belong to a change
 * are appended inside the same store_begin/store_commit. */
int store_audit_append(struct store *store, const struct store_audit *row,
		       struct error *err) MUST_CHECK;

struct store_audit_row {
	int64_t id, at_ms;
	bool denied;
	char *who, *source, *what, *code, *subject, *details;
	char previous_sha256[STORE_SHA256_SIZE], sha256[STORE_SHA256_SIZE];	/* of export only */
};
struct store_audit_list {
	struct store_audit_row *items;	/* newest first */
	size_t count;
};
void store_audit_list_done(struct store_audit_list *list);
DEFINE_OWNED_VALUE(store_audit_list_done, struct store_audit_list);

struct store_audit_query {	/* zeroed: all rows; a limit must be given */
	bool denied_only;
	int64_t since_ms;
	const char *who, *what, *pool;	/* NULL or "": any */
	int64_t before;			/* rows older than that one; 0: from the newest */
	size_t limit;
};
int store_audit_search(struct store *store, const struct store_audit_query *wanted,
		       struct store_audit_list *out, struct error *err) MUST_CHECK;
int store_audit_rows(struct store *store, bool denied_only, size_t limit,
		     struct store_audit_list *out, struct error *err) MUST_CHECK;
/* The rows behind that one, the oldest first, with their hashes. */
int store_audit_after(struct store *store, int64_t after, size_t limit,
		      struct store_audit_list *out, struct error *err) MUST_CHECK;
/* The newest row that the system's log was given; 0: none. */
int store_audit_sent(struct store *store, int64_t *out, struct error *err) MUST_CHECK;
int store_audit_set_sent(struct store *store, int64_t id, struct error *err) MUST_CHECK;
/* Recomputes the chain; `rows` counts them. -EBADMSG names the first row that does not fit. */
int store_audit_verify(struct store *store, int64_t *rows, struct error *err) MUST_CHECK;

#endif
