/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/factor/challenges.h"

#include <errno.h>
#include <uthash.h>

#define PER_PERSON 4
#define ALL_MAX 65536

struct entry {
	uint8_t hash[TOKEN_HASH_BYTES];
	struct challenge challenge;
	int64_t expires_at_ms;
	UT_hash_handle hh; /* in the order they came, which is the order they end */
};

struct challenges {
	struct entry *entries;
	int64_t life_ms;
};

struct challenges *challenges_new(int64_t life_ms)
{
	struct challenges *c = xnew(struct challenges);

	c->life_ms = life_ms;
	return c;
}

static void drop(struct challenges *c, struct entry *entry)
{
	HASH_DEL(c->entries, entry);
	memory_wipe(entry, sizeof(*entry));
	free(entry);
}

void challenges_free(struct challenges *c)
{
	if (!c)
		return;
	while (c->entries)
		drop(c, c->entries);
	free(c);
}

static void make_room(struct challenges *c, const struct challenge *wanted, int64_t now_ms)
{
	struct entry *entry, *next, *oldest = NULL;
	int same = 0;

	while (c->entries &&
	       (c->entries->expires_at_ms <= now_ms || HASH_COUNT(c->entries) >= ALL_MAX))
		drop(c, c->entries);
	HASH_ITER(hh, c->entries, entry, next)
	{
		if (strcmp(entry->challenge.user_key, wanted->user_key) != 0)
			continue;
		oldest = oldest ? oldest : entry;
		same++;
	}
	if (same >= PER_PERSON)
		drop(c, oldest);
}

void challenges_add(struct challenges *c, const struct challenge *challenge, int64_t now_ms,
		    struct token *out)
{
	struct entry *entry = xnew(struct entry);

	make_room(c, challenge, now_ms);
	token_new(out);
	memcpy(entry->hash, out->hash, sizeof(entry->hash));
	entry->challenge = *challenge;
	entry->expires_at_ms = now_ms + c->life_ms;
	HASH_ADD(hh, c->entries, hash, sizeof(entry->hash), entry);
}

static struct entry *find(struct challenges *c, const char *text)
{
	uint8_t hash[TOKEN_HASH_BYTES];
	struct entry *entry = NULL;

	if (token_hash(text, hash) == 0)
		HASH_FIND(hh, c->entries, hash, sizeof(hash), entry);
	return entry;
}

static bool is_same_client(const struct challenge *a, const struct challenge *b)
{
	if (a->staff != b->staff || strcmp(a->peer_key, b->peer_key) != 0)
		return false;
	return *a->peer_key || strcmp(a->source, b->source) == 0;
}

int challenges_find(struct challenges *c, const char *text, const struct challenge *from,
		    int64_t now_ms, struct challenge *out)
{
	struct entry *entry = find(c, text);

	if (!entry || !is_same_client(&entry->challenge, from))
		return -ENOENT;
	if (entry->expires_at_ms <= now_ms) {
		drop(c, entry);
		return -ENOENT;
	}
	*out = entry->challenge;
	return 0;
}

void challenges_drop(struct challenges *c, const char *text)
{
	struct entry *entry = find(c, text);

	if (entry)
		drop(c, entry);
}
