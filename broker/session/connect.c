/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/session/connect.h"

#include <errno.h>

#include "broker/session/exceptions.h"
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "pool/planner.h"
#include "pool/pool_json.h"

#define RETRY_MS 500	/* for a client that cannot be held */

/* Nobody is let in before the home is there: what they save would be lost. */
static enum reason decide_home(const struct store_home *home)
{
	if (!home->id[0])
		return REASON_OK;
	if (!home->held)
		return REASON_USER_DISK_BUSY;
	switch (home->attached) {
	case DESKTOP_DISK_MOUNTED:
	case DESKTOP_DISK_BROKEN:
		return REASON_OK;
	case DESKTOP_DISK_LOCKED:
		return REASON_USER_DISK_BUSY;
	case DESKTOP_DISK_FAILED:
		return REASON_USER_DISK_FAILED;
	case DESKTOP_DISK_NONE:
	case DESKTOP_DISK_ATTACHING:
	case DESKTOP_DISK_RELEASING:
	case DESKTOP_DISKS:
		break;
	}
	return REASON_USER_DISK_ATTACHING;
}

enum reason connect_decide(const struct store_desktop *desktop, const struct store_host *host,
			   int64_t silent_before_ms)
{
	if (desktop->state == DESKTOP_ERROR)
		return REASON_DESKTOP_FAILED;
	if (!host || host->last_seen_ms < silent_before_ms)
		return REASON_NO_HOST;
	if (desktop->state == DESKTOP_SUSPENDED)
		return REASON_DESKTOP_PAUSED;
	if (desktop->want == DESKTOP_WANT_RUNNING && desktop->state == DESKTOP_READY &&
	    *desktop->address && *desktop->rdp_certificate_sha256 && *host->relay_host &&
	    host->relay_port > 0 && *host->relay_certificate_sha256)
		return decide_home(&desktop->home);
	return REASON_DESKTOP_STARTING;
}

static int make_ticket(struct store *store, const struct connect_ask *ask, int64_t now_ms,
		       struct connect_outcome *out, struct error *err)
{
	OWNED(buf_done) struct buf locator = { 0 };
	struct store_ticket ticket = {
		.user_key = ask->user.key,
		.desktop = out->desktop.id,
		.host = out->desktop.host,
		.epoch = out->desktop.epoch,
		.client_address = ask->client_address,
		.standard = ask->standard,
		.policy = out->policy,
		.expires_at_ms = now_ms + ask->ticket_ms,
	};

	token_new(&out->secret);
	random_bytes(ticket.locator, sizeof(ticket.locator));
	memcpy(ticket.secret_sha256, out->secret.hash, sizeof(ticket.secret_sha256));
	base64url_encode(span_of(ticket.locator, sizeof(ticket.locator)), &locator);
	int rc = str_copy(out->locator, sizeof(out->locator), buf_text(&locator));
	out->ticket_ms = ask->ticket_ms;
	return rc < 0 ? rc : store_ticket_create(store, &ticket, now_ms, err);
}

/* What the user has already; `without` instead of anything new. */
static int find_own(struct store *store, const struct connect_ask *ask, enum reason without,
		    struct store_taken *taken, struct error *err)
{
	int rc = store_assignment_find(store, ask->user.key, ask->pool, &taken->desktop, err);

	taken->how = REASON_DESKTOP_OWN;
	taken->reason = rc == -ENOENT ? without : REASON_OK;
	return rc == -ENOENT ? 0 : rc;
}

static int take(struct store *store, const struct connect_ask *ask, int64_t now_ms,
		struct store_taken *taken, struct error *err)
{
	struct store_take wanted = {
		.user_key = ask->user.key,
		.pool = ask->pool,
		.replace_failed = ask->replace_failed,
		.silent_before_ms = now_ms - ask->host_silent_ms,
		.now_ms = now_ms,
	};

	enum store_rebuild rebuilding;
	int rc = store_rebuilding(store, &rebuilding, err);

	if (rc < 0)
		return rc;
	if (ask->only_own)
		return find_own(store, ask, REASON_DIRECTORY_UNREACHABLE, taken, err);
	/* Their own may be among those that are still to be found. */
	if (rebuilding != STORE_REBUILD_NONE)
		return find_own(store, ask, REASON_REBUILDING, taken, err);
	return store_assignment_take(store, &wanted, taken, err);
}

/* Borrowed from `view`, which the caller lets go. */
static int see_pool(struct store *store, const char *name, struct store_pool_view **view,
		    const struct pool **out, struct error *err)
{
	int rc = store_pools_view(store, view, err);

	if (rc < 0)
		return rc;
	*out = store_pool_view_find(*view, name);
	return *out ? 0 : error_set(err, ENOENT, "pool %s: no such pool", name);
}

static int read_pool(struct store *store, struct connect_outcome *out, struct error *err)
{
	OWNED(store_pool_view_done) struct store_pool_view *view = NULL;
	const struct pool *pool;
	int rc = see_pool(store, out->desktop.pool, &view, &pool, err);

	if (rc < 0)
		return rc;
	out->policy = pool->policy;
	out->self_restart = pool->self_restart;
	out->self_reset = pool->self_reset;
	return 0;
}

/* By the rules of the pool, before anything is taken or ordered. */
static int refuse_early(struct store *store, const struct connect_ask *ask, enum reason *out,
			struct error *err)
{
	OWNED(store_pool_view_done) struct store_pool_view *view = NULL;
	const struct pool *pool = NULL;
	int rc = see_pool(store, ask->pool, &view, &pool, err);

	*out = REASON_OK;
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	if (ask->standard && !pool->standard_clients)
		*out = REASON_STANDARD_CLIENTS_DENIED;
	else if (pool->second_factor && !ask->second_factor)
		*out = REASON_SECOND_FACTOR_MISSING;
	return 0;
}

/* For the client's screen; what counts is what is in force when the ticket is redeemed. */
static int find_exception(struct store *store, const struct connect_ask *ask, int64_t now_ms,
			  struct connect_outcome *out, struct error *err)
{
	int rc = store_exception_in_force(store, ask->user.key, out->desktop.pool, now_ms,
					  &out->exception, err);

	return rc == -ENOENT ? 0 : rc;
}

/* There is no desktop to name yet, but the pool is known. */
static int name_pool(struct store *store, const char *name, struct store_desktop *out,
		     struct error *err)
{
	OWNED(store_pool_view_done) struct store_pool_view *view = NULL;
	const struct pool *pool;
	int rc = see_pool(store, name, &view, &pool, err);

	if (rc < 0)
		return rc;
	memcpy(out->pool, pool->name, sizeof(out->pool));
	memcpy(out->title, pool->title, sizeof(out->title));
	return rc;
}

int connect_run(struct store *store, const struct connect_ask *ask, struct connect_outcome *out,
		bool *touched, struct error *err)
{
	int64_t now_ms = clock_wall_ms();
	struct store_taken taken = { 0 };
	int rc = refuse_early(store, ask, &out->reason, err);

	if (rc < 0 || out->reason != REASON_OK)
		return rc;
	if ((rc = take(store, ask, now_ms, &taken, err)) < 0)
		return rc;
	out->reason = taken.reason;
	out->how = taken.how;
	if (taken.reason == REASON_WAITING) {
		out->place = taken.place;
		*touched |= taken.place.joined;
		return name_pool(store, ask->pool, &out->desktop, err);
	}
	if (taken.reason != REASON_OK)
		return 0;
	*touched |= taken.how != REASON_DESKTOP_OWN;
	out->desktop = taken.desktop;

	rc = store_host_find(store, out->desktop.host, &out->host, err);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	out->reason = connect_decide(&out->desktop, rc == 0 ? &out->host : NULL,
				     now_ms - ask->host_silent_ms);
	if (out->reason != REASON_OK)
		return 0;

	rc = read_pool(store, out, err);
	if (rc == 0)
		rc = find_exception(store, ask, now_ms, out, err);
	if (rc == 0)
		rc = make_ticket(store, ask, now_ms, out, err);
	if (rc == -ESTALE) {	/* it changed hands between the two steps' reports: look again */
		out->reason = REASON_DESKTOP_STARTING;
		return 0;
	}
	return rc;
}

static json_t *desktop_json(const struct store_desktop *desktop)
{
	const char *id = *desktop->id ? desktop->id : desktop->pool;	/* in line: none yet */

	return json_pack("{s:s, s:s, s:s, s:s}", "id", id, "name", desktop->name, "pool",
			 desktop->pool, "title", desktop->title);
}

static json_t *ready_json(const struct connect_outcome *o)
{
	json_t *body = json_pack("{s:s, s:o, s:{s:s, s:I}, s:s, s:s, s:s, s:I, s:o, "
			 "s:{s:b, s:b}}", "status", "ready",
			 "desktop", desktop_json(&o->desktop), "endpoint", "host",
			 o->host.relay_host, "port", (json_int_t)o->host.relay_port, "locator",
			 o->locator, "secret", o->secret.text, "certificate_sha256",
			 o->host.relay_certificate_sha256, "expires_in_ms",
			 (json_int_t)o->ticket_ms, "policy", policy_to_json(&o->policy),
			 "self_service", "restart", o->self_restart, "reset", o->self_reset);

	if (*o->exception.id)
		json_object_set_new(body, "exception", exceptions_for_client(&o->exception));
	if (o->desktop.home.held && o->desktop.home.attached == DESKTOP_DISK_BROKEN)
		json_object_set_new(body, "notice",
				    json_pack("{s:s, s:s}", "code",
					      reason_word(REASON_USER_DISK_BROKEN), "text",
					      reason_text(REASON_USER_DISK_BROKEN)));
	return body;
}

/* The host reports "ready" a moment before its relay's certificate or the address: for the client
 * that is still the last stage of the way. */
static const char *client_stage(enum desktop_stage stage)
{
	return desktop_stage_word(stage == DESKTOP_STAGE_READY ? DESKTOP_STAGE_IDENTITY : stage);
}

bool connect_is_wait(enum reason reason)
{
	return reason == REASON_DESKTOP_STARTING || reason == REASON_WAITING ||
	       reason == REASON_USER_DISK_ATTACHING || reason == REASON_USER_DISK_BUSY;
}

const char *connect_stage(const struct connect_outcome *o)
{
	if (o->reason == REASON_USER_DISK_ATTACHING || o->reason == REASON_USER_DISK_BUSY)
		return "user_disk";
	return o->reason == REASON_WAITING ? "waiting" : client_stage(o->desktop.stage);
}

/* What is left of a usual start; -1 when none was seen yet. */
static int64_t start_estimate_ms(const struct store_desktop *d)
{
	return d->start_ms > 0 ? d->start_ms * (100 - d->percent) / 100 : -1;
}

int64_t connect_position(const struct connect_outcome *o)
{
	if (o->reason == REASON_WAITING)
		return o->place.position;
	return o->reason == REASON_DESKTOP_STARTING ? o->desktop.turn : 0;
}

static int64_t estimate_ms(const struct connect_outcome *o)
{
	if (o->reason == REASON_WAITING)
		return o->place.estimate_ms;
	/* Its host starts others first: so many rounds, and then its own. */
	if (connect_position(o))
		return planner_estimate_ms(o->desktop.turn, o->host.starts_max,
					   o->desktop.start_ms);
	return start_estimate_ms(&o->desktop);
}

static json_t *preparing_json(const struct connect_outcome *o)
{
	bool waiting = o->reason == REASON_WAITING;
	int64_t percent = waiting && o->place.why == REASON_IMAGE_COMING ? o->place.percent
									 : o->desktop.percent;
	int64_t left_ms = estimate_ms(o);
	json_t *body =
		json_pack("{s:s, s:o, s:s, s:I, s:s, s:s, s:I}", "status", "preparing", "desktop",
			  desktop_json(&o->desktop), "stage", connect_stage(o), "percent",
			  (json_int_t)percent, "code", reason_word(o->reason), "detail",
			  reason_text(o->reason), "retry_after_ms", (json_int_t)RETRY_MS);

	if (left_ms >= 0)
		json_object_set_new(body, "estimate_ms", json_integer(left_ms));
	if (connect_position(o)) {
		enum reason why = waiting ? o->place.why : REASON_STARTS_LIMITED;

		json_object_set_new(body, "position", json_integer(connect_position(o)));
		json_object_set_new(body, "why", json_string(reason_word(why)));
	}
	return body;
}

json_t *connect_json(const struct connect_outcome *outcome)
{
	return outcome->reason == REASON_OK ? ready_json(outcome) : preparing_json(outcome);
}

static const char *entry_state(const struct store_desktop *desktop)
{
	if (!desktop)
		return "none";
	if (desktop->state == DESKTOP_READY)
		return "ready";
	return desktop->state == DESKTOP_ERROR ? "error" : "preparing";
}

json_t *desktop_entry_json(const struct pool *pool, const struct store_desktop *desktop)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:{s:b, s:b, s:b}}", "id",
			 desktop ? desktop->id : pool->name, "pool", pool->name, "title",
			 pool->title, "state", entry_state(desktop), "may", "restart",
			 pool->self_restart, "reset", pool->self_reset, "rdp",
			 pool->standard_clients);
}
