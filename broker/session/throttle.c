/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/session/throttle.h"

#include <limits.h>
#include <stdio.h>
#include <uthash.h>

#define SWEEP_LEAST 10000

struct entry {
	char key[STORE_USER_SIZE + 8];	/* "user name" or "source address" */
	struct store_failures failures;
	UT_hash_handle hh;
};

struct throttle {
	struct entry *entries;
	unsigned sweep_at;		/* entries */
};

static void write_key(const char *kind, const char *subject, char out[STORE_USER_SIZE + 8])
{
	int len = snprintf(out, STORE_USER_SIZE + 8, "%s ", kind);

	store_throttle_fold(subject, out + len, (size_t)(STORE_USER_SIZE + 8 - len));
}

static struct entry *find(struct throttle *t, const char *kind, const char *subject)
{
	char key[STORE_USER_SIZE + 8];
	struct entry *entry;

	write_key(kind, subject, key);
	HASH_FIND_STR(t->entries, key, entry);
	return entry;
}

static struct entry *find_or_add(struct throttle *t, const char *kind, const char *subject)
{
	struct entry *entry = find(t, kind, subject);

	if (entry)
		return entry;
	entry = xnew(struct entry);
	write_key(kind, subject, entry->key);
	HASH_ADD_STR(t->entries, key, entry);
	return entry;
}

static void drop(struct throttle *t, struct entry *entry)
{
	HASH_DEL(t->entries, entry);
	free(entry);
}

static void on_row(void *arg, const char *kind, const char *subject,
		   const struct store_failures *failures)
{
	find_or_add(arg, kind, subject)->failures = *failures;
}

int throttle_new(const char *path, struct throttle **out, struct error *err)
{
	OWNED(store_close) struct store *store = NULL;
	OWNED(throttle_free) struct throttle *t = xnew(struct throttle);
	int rc = store_open_reader(path, &store, err);

	t->sweep_at = SWEEP_LEAST;
	if (rc == 0)
		rc = store_throttles(store, on_row, t, err);
	if (rc < 0)
		return rc;
	*out = STEAL(t);
	return 0;
}

void throttle_free(struct throttle *t)
{
	struct entry *entry, *next;

	if (!t)
		return;
	HASH_ITER(hh, t->entries, entry, next)
		drop(t, entry);
	free(t);
}

static int64_t wait_of(struct throttle *t, const char *kind, const char *subject,
		       const struct store_throttle_rule *rule, int64_t now_ms)
{
	const struct entry *entry = rule->max_failures ? find(t, kind, subject) : NULL;

	return entry ? store_failures_wait(&entry->failures, rule, now_ms) : 0;
}

int64_t throttle_wait_ms(struct throttle *t, const struct store_throttle *who, int64_t now_ms)
{
	int64_t user_ms = wait_of(t, "user", who->user, &who->per_user, now_ms);
	int64_t source_ms = wait_of(t, "source", who->source, &who->per_source, now_ms);

	return user_ms > source_ms ? user_ms : source_ms;
}

unsigned throttle_source_room(struct throttle *t, const char *source,
			      const struct store_throttle_rule *rule, int64_t now_ms)
{
	const struct entry *entry = rule->max_failures ? find(t, "source", source) : NULL;
	struct store_failures none = { 0 };

	if (rule->max_failures == 0 || wait_of(t, "source", source, rule, now_ms) > 0)
		return UINT_MAX;
	return (unsigned)store_failures_left(entry ? &entry->failures : &none, rule, now_ms);
}

/* Entries that count for nothing any more. */
static void sweep(struct throttle *t, const struct store_throttle *rules, int64_t now_ms)
{
	struct entry *entry, *next;

	if (HASH_COUNT(t->entries) < t->sweep_at)
		return;
	int64_t window_ms = rules->per_user.window_ms > rules->per_source.window_ms
				    ? rules->per_user.window_ms
				    : rules->per_source.window_ms;
	HASH_ITER(hh, t->entries, entry, next)
		if (entry->failures.blocked_until_ms < now_ms &&
		    entry->failures.window_began_at_ms + window_ms < now_ms)
			drop(t, entry);
	t->sweep_at = HASH_COUNT(t->entries) * 2 > SWEEP_LEAST ? HASH_COUNT(t->entries) * 2
								: SWEEP_LEAST;
}

void throttle_failed(struct throttle *t, const struct store_throttle *who, int64_t now_ms)
{
	if (who->per_user.max_failures)
		store_failures_add(&find_or_add(t, "user", who->user)->failures, &who->per_user,
				   now_ms);
	if (who->per_source.max_failures)
		store_failures_add(&find_or_add(t, "source", who->source)->failures,
				   &who->per_source, now_ms);
	sweep(t, who, now_ms);
}

bool throttle_has_failures(struct throttle *t, const struct store_throttle *who)
{
	return find(t, "user", who->user) != NULL;
}

void throttle_succeeded(struct throttle *t, const struct store_throttle *who)
{
	struct entry *entry = find(t, "user", who->user);

	if (entry)
		drop(t, entry);
}
