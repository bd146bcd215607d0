/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/session/gate.h"

#include <errno.h>
#include <uthash.h>

struct gate_key {
	char *name;
	unsigned inside, waiting_count;
	bool letting_in;
	struct list waiting;
	UT_hash_handle hh;
};

struct gate {
	unsigned inside_max, waiting_max;
	gate_room_fn *room;
	void *room_arg;
	struct gate_key *keys;
};

struct gate *gate_new(unsigned inside_max, unsigned waiting_max)
{
	struct gate *gate = xnew(struct gate);

	gate->inside_max = inside_max;
	gate->waiting_max = waiting_max;
	return gate;
}

void gate_set_room(struct gate *gate, gate_room_fn *fn, void *arg)
{
	gate->room = fn;
	gate->room_arg = arg;
}

static bool has_room(struct gate *gate, const struct gate_key *key)
{
	unsigned room = gate->room ? gate->room(gate->room_arg, key->name) : gate->inside_max;

	return key->inside < room;
}

static void key_free(struct gate *gate, struct gate_key *key)
{
	HASH_DEL(gate->keys, key);
	free(key->name);
	free(key);
}

void gate_free(struct gate *gate)
{
	struct gate_key *key, *next;

	if (!gate)
		return;
	HASH_ITER(hh, gate->keys, key, next)
	key_free(gate, key);
	free(gate);
}

static struct gate_key *key_of(struct gate *gate, const char *name)
{
	struct gate_key *key;

	HASH_FIND_STR(gate->keys, name, key);
	if (key)
		return key;
	key = xnew(struct gate_key);
	key->name = xstrdup(name);
	list_init(&key->waiting);
	HASH_ADD_KEYPTR(hh, gate->keys, key->name, strlen(key->name), key);
	return key;
}

int gate_enter(struct gate *gate, const char *name, struct gate_pass *pass, gate_fn *fn, void *arg)
{
	struct gate_key *key = key_of(gate, name);
	bool room = has_room(gate, key);

	if (!room && key->waiting_count >= gate->waiting_max)
		return -EAGAIN;
	pass->key = key;
	pass->fn = fn;
	pass->arg = arg;
	if (room) {
		key->inside++;
		return 0;
	}
	list_append(&key->waiting, &pass->link);
	key->waiting_count++;
	return 1;
}

/* One that is let in may leave at once: then this goes on, not another round of it within. */
static void let_in(struct gate *gate, struct gate_key *key)
{
	key->letting_in = true;
	while (!list_empty(&key->waiting) && has_room(gate, key)) {
		struct gate_pass *next = LIST_OF(key->waiting.next, struct gate_pass, link);

		list_remove(&next->link);
		key->waiting_count--;
		key->inside++;
		next->fn(next->arg);
	}
	key->letting_in = false;
}

void gate_leave(struct gate *gate, struct gate_pass *pass)
{
	struct gate_key *key = pass->key;

	if (!key)
		return;
	pass->key = NULL;
	key->inside--;
	if (key->letting_in)
		return;
	let_in(gate, key);
	if (key->inside == 0 && list_empty(&key->waiting))
		key_free(gate, key);
}
