/* SPDX-License-Identifier: Apache-2.0 */
/* gate.h - at most so many at a time per key; the others wait their turn. Pure of I/O, loop thread.
 *
 * Counting failed logins in the store cannot stop a hundred attempts that are all under way before
 * the first has failed; letting one per user in at a time can, and no more of a source than failures
 * are left to it. */
#ifndef GENKAN_SESSION_GATE_H
#define GENKAN_SESSION_GATE_H

#include "common/base/cleanup.h"
#include "common/base/list.h"

struct gate;
struct gate_key;

typedef void gate_fn(void *arg);

struct gate_pass {	/* embedded in whoever wants in */
	struct list link;
	struct gate_key *key;	/* NULL: neither in nor waiting */
	gate_fn *fn;
	void *arg;
};

struct gate *gate_new(unsigned inside_max, unsigned waiting_max);
/* How many may be inside now, instead of always `inside_max`. Asked when one comes and when one
 * leaves; at least 1, or those who wait would wait for ever. */
typedef unsigned gate_room_fn(void *arg, const char *key);
void gate_set_room(struct gate *gate, gate_room_fn *fn, void *arg);
void gate_free(struct gate *gate);

/* 0: in, go on. 1: `fn` will be called when it is in. -EAGAIN: too many wait for this key. */
int gate_enter(struct gate *gate, const char *key, struct gate_pass *pass, gate_fn *fn,
	       void *arg) MUST_CHECK;
/* Lets as many in as there is room for, whose `fn` is called from here. Nothing happens for a pass not inside. */
void gate_leave(struct gate *gate, struct gate_pass *pass);

#endif
