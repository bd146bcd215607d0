/* SPDX-License-Identifier: Apache-2.0 */
/* spawner.h - genkan-relay's handle on genkan-relay-sessions, the program that forks one process
 * per session. Loop thread only. */
#ifndef GENKAN_RELAY_SPAWNER_H
#define GENKAN_RELAY_SPAWNER_H

#include "common/sys/loop.h"

struct spawner;

struct spawner_events {
	void (*started)(void *arg, uint64_t number, pid_t pid);
	void (*failed)(void *arg, uint64_t number, int code);
	void (*exited)(void *arg, pid_t pid, int status);
	void (*gone)(void *arg);	/* nothing can be spawned any more */
};

/* Starts the program and waits until it is ready. Sessions run as `user`, or with user ids of their
 * own from `uid_first` on when that is "". To be called before any thread exists. */
int spawner_new(struct loop *loop, const char *certificate, const char *key, const char *user,
		int64_t uid_first, const struct spawner_events *events, void *arg, struct spawner **out,
		struct error *err) MUST_CHECK;
void spawner_free(struct spawner *s);
DEFINE_OWNED(spawner_free, struct spawner);

/* Asks for a session process that owns copies of both descriptors; the caller closes its own.
 * `answered`: see lobby.h. `started` or `failed` follows with the same number. */
int spawner_begin(struct spawner *s, uint64_t number, int client, int parent,
		  bool answered) MUST_CHECK;

#endif
