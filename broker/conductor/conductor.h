/* SPDX-License-Identifier: Apache-2.0 */
/* conductor.h - keeps hosts at what they should be, and tells whoever waits for them.
 *
 * Theory. The store knows what each host should have, under a generation that grows with each
 * change. An agent asks with the generation it has applied and is held here until there is a newer
 * one; nothing is queued, so nothing can be lost: after any restart, of either side, the next sync
 * carries the whole truth again. Clients that wait for their desktop are held under its host and
 * woken by the host's reports. A timer declares silent hosts lost and keeps up the spares. */
#ifndef GENKAN_CONDUCTOR_CONDUCTOR_H
#define GENKAN_CONDUCTOR_CONDUCTOR_H

#include "broker/api/request.h"

struct conductor *conductor_new(struct broker *broker);
void conductor_free(struct conductor *conductor);
DEFINE_OWNED(conductor_free, struct conductor);

/* Desired state or desktops may have changed: looks whether a held agent has something new, and, when
 * people in line may have moved, has them look in a moment. */
/* The host is given what it should have at once, whether or not that has changed. */
void conductor_poke_host(struct conductor *conductor, const char *host);
void conductor_changed(struct conductor *conductor, bool moved);
/* A host reported something new about its desktops. */
void conductor_host_reported(struct conductor *conductor, const char *host);

/* POST /agent/v1/sync, from the host whose certificate the request carries. */
void conductor_sync(struct request *r);

typedef void conductor_fn(void *arg);
struct conductor_waiter {	/* embedded in whoever waits; zeroed before its first use */
	struct list link;
	struct conductor *conductor;
	char host[STORE_NAME_SIZE];
	struct loop_timer *timer;
	conductor_fn *on_change, *on_timeout;
	void *arg;
};
/* `on_change` for each report of the host until the end - with the host "", who stands in line: soon
 * after whatever changed that may concern desktops; `on_timeout` once after `wait_ms`. A
 * repeated call moves the waiter. */
void conductor_wait(struct conductor *conductor, struct conductor_waiter *waiter, const char *host,
		    int64_t wait_ms, conductor_fn *on_change, conductor_fn *on_timeout, void *arg);
void conductor_wait_end(struct conductor_waiter *waiter);

#endif
