/* SPDX-License-Identifier: Apache-2.0 */
/* pool.h - a pool: desktops of one kind for one department, as its file defines it.
 * A plain value of fixed size without pointers: copied by assignment, freed by free(). Pure. */
#ifndef GENKAN_POOL_POOL_H
#define GENKAN_POOL_POOL_H

#include <stdbool.h>
#include <stdint.h>
#include "common/base/buf.h"
#include "common/base/error.h"
#include "pool/policy.h"

#define POOL_NAME_SIZE 33		/* [a-z][a-z0-9-]{0,31} and the NUL */
#define POOL_TITLE_SIZE 129		/* UTF-8 */
#define POOL_PRINCIPAL_SIZE 256		/* a group's or user's name, or a group's DN */
#define POOL_PRINCIPALS_MAX 32		/* groups, and as many users, of one pool */
#define POOLS_MAX 256			/* of one site */
#define POOL_DESKTOPS_MAX 10000		/* of one pool */
#define POOL_SCHEDULE_MAX 16		/* lines of one pool */
#define POOL_SCHEDULE_SIZE 64		/* text of one line */
#define POOL_IDLE_MIN_MS INT64_C(60000)
#define POOL_TIMEOUT_MAX_MS (INT64_C(365) * 86400000)

enum pool_assignment {
	POOL_FLOATING,	/* any spare; back to the image after logoff */
	POOL_DEDICATED,	/* kept for its owner */
};

enum pool_on_logoff {	/* what becomes of a desktop when its user logs off */
	POOL_LOGOFF_REFRESH,	/* destroyed; a new one from the image takes its place */
	POOL_LOGOFF_KEEP,	/* stays as it is, for the same user */
	POOL_LOGOFF_DELETE,	/* destroyed; the user has none until the next login */
};

enum pool_idle_action {	/* what becomes of a session that nobody uses */
	POOL_IDLE_DISCONNECT,	/* the desktop goes on */
	POOL_IDLE_LOGOFF,	/* as if the user had logged off */
};

struct desktop_size {
	int64_t cpus;
	int64_t memory_bytes;
	int64_t disk_bytes;	/* 0: as large as the image */
};

struct pool {
	char name[POOL_NAME_SIZE];
	char title[POOL_TITLE_SIZE];

	size_t group_count, user_count;
	char groups[POOL_PRINCIPALS_MAX][POOL_PRINCIPAL_SIZE];	/* names, or DNs when they hold '=' */
	char users[POOL_PRINCIPALS_MAX][POOL_PRINCIPAL_SIZE];	/* user names */

	char image[POOL_NAME_SIZE];
	char channel[POOL_NAME_SIZE];	/* "stable", "canary"; "" when a publication is pinned */
	int64_t publication;		/* >= 1 pinned; 0: follow the channel */

	enum pool_assignment assignment;
	int64_t size_max;		/* most desktops, spares included */
	int64_t size_spare;		/* kept ready ahead of users */
	int64_t size_start;		/* fewest desktops there are, used ones included */
	int64_t size_grow;		/* most starts under way at one time; 0: no limit */
	size_t schedule_count;		/* other numbers of spares at some hours: pool/schedule.h */
	char schedule[POOL_SCHEDULE_MAX][POOL_SCHEDULE_SIZE];
	int64_t max_per_user;		/* who has so many, in all pools, gets no more; 0: no limit */
	enum pool_on_logoff on_logoff;
	int64_t disconnect_timeout_ms;	/* a floating desktop nobody is connected to; 0: for ever */
	int64_t idle_timeout_ms;	/* a session without a key or a pointer; 0: for ever */
	enum pool_idle_action idle_action;
	bool self_restart, self_reset;	/* what a user may do with the own desktop */
	bool standard_clients;	/* clients that are not ours, with a signed .rdp file */
	bool second_factor;	/* its users give a code besides their password (TOTP) */
	int64_t overlay_bytes;		/* a desktop whose overlay is larger pauses; 0: no limit */
	int64_t user_disk_bytes;	/* quota of each user's own disk; 0: users have none */
	int64_t rollout_canary;		/* percent that gets a new publication first; 0, 100: all */
	int64_t rollout_window_ms;	/* how long that share is watched */
	int64_t rollout_max_failures;	/* one more of a kind stops */
	struct desktop_size desktop;
	struct pool_policy policy;
};

const char *pool_assignment_word(enum pool_assignment assignment);
int pool_assignment_parse(const char *word, enum pool_assignment *out);

const char *pool_on_logoff_word(enum pool_on_logoff on_logoff);
int pool_on_logoff_parse(const char *word, enum pool_on_logoff *out);
const char *pool_idle_action_word(enum pool_idle_action action);
int pool_idle_action_parse(const char *word, enum pool_idle_action *out);
/* "none", "totp" */
const char *pool_second_factor_word(bool second_factor);
int pool_second_factor_parse(const char *word, bool *out);
/* What a pool has that does not say: refresh and eight hours when floating, else keep. */
enum pool_on_logoff pool_on_logoff_default(enum pool_assignment assignment);
#define POOL_DISCONNECT_DEFAULT_MS (INT64_C(8) * 3600000)
#define POOL_CANARY_DEFAULT 10
#define POOL_WINDOW_DEFAULT_MS (INT64_C(30) * 60000)
#define POOL_FAILURES_DEFAULT 1

/* [a-z][a-z0-9-]{0,31}: the rule for names of pools, hosts, images and channels. */
bool pool_name_valid(const char *name);

/* What a value must fulfil wherever it came from. -EINVAL; `problems` gets one line for each rule
 * broken: "KEY: text\n", where KEY is the dotted key of the pool file ("desktop.memory"). */
int pool_check(const struct pool *pool, struct buf *problems) MUST_CHECK;
/* A whole set: each pool by pool_check, and no name twice. Lines begin with "pool NAME: ". */
int pool_check_set(const struct pool *pools, size_t count, struct buf *problems) MUST_CHECK;

bool pool_equal(const struct pool *a, const struct pool *b);

#endif
