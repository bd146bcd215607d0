/* SPDX-License-Identifier: Apache-2.0 */
/* connect.h - from "this user wants this pool" to a ticket, or to the reason why not yet.
 *
 * connect_decide() is pure. connect_run() is a step of a state job: it takes the assignment and,
 * when the desktop is ready, makes the ticket, all inside the job's transaction. */
#ifndef GENKAN_SESSION_CONNECT_H
#define GENKAN_SESSION_CONNECT_H

#include "broker/session/token.h"
#include "common/data/json.h"
#include "db/store.h"

struct connect_ask {
	struct store_user user;
	char pool[POOL_NAME_SIZE];
	bool replace_failed;
	bool second_factor;	/* its login gave one; else pools that ask for it refuse */
	bool standard;		/* for a standard client: refused unless the pool allows them */
	bool only_own;		/* nothing new: the directory could not confirm the entitlement */
	char client_address[64];
	int64_t ticket_ms, host_silent_ms;
};

struct connect_outcome {
	enum reason reason;	/* OK: ready; DESKTOP_STARTING, WAITING: wait; else refused */
	enum reason how;	/* where the desktop came from */
	struct store_desktop desktop;	/* "" ids when there is none; WAITING: pool and title */
	struct store_place place;	/* WAITING */
	struct store_host host;		/* of the desktop */
	struct pool_policy policy;
	bool self_restart, self_reset;	/* what the pool lets its users do */
	struct store_exception exception;	/* in force now; id "" without one */
	int64_t ticket_ms;
	char locator[24];
	struct token secret;
};

/* OK, DESKTOP_STARTING, DESKTOP_FAILED or NO_HOST. `host` NULL: the host is not known. */
enum reason connect_decide(const struct store_desktop *desktop, const struct store_host *host,
			   int64_t silent_before_ms);

/* `touched` is set when hosts or spares are concerned. */
int connect_run(struct store *store, const struct connect_ask *ask, struct connect_outcome *out,
		bool *touched, struct error *err) MUST_CHECK;

/* Whether the client is to wait. */
bool connect_is_wait(enum reason reason);
/* How far it has come, as clients are told: "waiting", "queued" ... */
const char *connect_stage(const struct connect_outcome *outcome);
/* Its place among those that wait, in the pool's line or for their host; 0: nobody is before it. */
int64_t connect_position(const struct connect_outcome *outcome);
/* The CONNECT object of the API for OK, DESKTOP_STARTING and WAITING. A new reference. */
json_t *connect_json(const struct connect_outcome *outcome);
/* ENTRY: `desktop` NULL when the user has none in the pool. A new reference. */
json_t *desktop_entry_json(const struct pool *pool, const struct store_desktop *desktop);

#endif
