/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/session/self_service.h"

#include <errno.h>

#include "broker/audit/audit.h"
#include "broker/session/bearer.h"
#include "common/base/text.h"
#include "common/sys/clock.h"

enum deed { DEED_RESTART, DEED_RESET, DEEDS };

static const struct {
	const char *what;	/* in the audit log */
	int (*run)(struct store *store, const char *id, int64_t now_ms, struct error *err);
} deeds[DEEDS] = {
	[DEED_RESTART] = { "desktop_restart", store_desktop_restart },
	[DEED_RESET] = { "desktop_reset", store_desktop_reset },
};

struct wish {
	struct state_job job;	/* first: jobs are cast back */
	struct request *r;
	struct bearer *bearer;
	enum deed deed;
	enum reason reason;
	struct store_desktop desktop;
};

/* The user's own desktop, named by its id or its pool; -ENOENT: none. */
static int find_own(struct store *store, struct wish *w, struct error *err)
{
	OWNED(store_desktop_list_done) struct store_desktop_list own = { 0 };
	const char *id = w->r->argument;
	int rc = store_assignments(store, w->bearer->user.key, &own, err);

	for (size_t i = 0; i < own.count && rc == 0; i++) {
		if (strcmp(own.items[i].id, id) != 0 && strcmp(own.items[i].pool, id) != 0)
			continue;
		w->desktop = own.items[i];
		return 0;
	}
	return rc < 0 ? rc : -ENOENT;
}

static int is_allowed(struct store *store, const struct wish *w, bool *out, struct error *err)
{
	OWNED(free) struct pool *pool = xnew(struct pool);
	int rc = store_pool_find(store, w->desktop.pool, pool, err);

	*out = w->deed == DEED_RESTART ? pool->self_restart : pool->self_reset;
	return rc;
}

static int audit_wish(struct store *store, const struct wish *w, struct error *err)
{
	struct audit row = {
		.who = w->bearer->user.name,
		.source = w->r->source,
		.what = deeds[w->deed].what,
		.reason = w->reason,
		.denied = w->reason != REASON_OK,
		.subject = *w->desktop.id ? w->desktop.id : w->r->argument,
	};

	return audit_append(store, &row, err);
}

static int wish_run(struct store *store, struct state_job *job, struct error *err)
{
	struct wish *w = (struct wish *)job;
	bool allowed = false;
	int rc = find_own(store, w, err);

	if (rc == 0)
		rc = is_allowed(store, w, &allowed, err);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	w->reason = rc == -ENOENT ? REASON_NOT_FOUND : allowed ? REASON_OK : REASON_FORBIDDEN;
	if (w->reason == REASON_OK) {
		rc = deeds[w->deed].run(store, w->desktop.id, clock_wall_ms(), err);
		if (rc < 0)
			return rc;
		job->touched = true;
	}
	return audit_wish(store, w, err);
}

static void wish_done(struct state_job *job, int rc, const struct error *err)
{
	struct wish *w = (struct wish *)job;

	if (rc < 0)
		request_store_failed(w->r, rc, err);
	else if (w->reason == REASON_FORBIDDEN)
		request_refuse(w->r, w->reason, -1, "The pool does not let users do this.");
	else if (w->reason != REASON_OK)
		request_refuse(w->r, w->reason, -1, NULL);
	else
		request_reply_empty(w->r);
	bearer_free(w->bearer);
	free(w);
}

static void wish_for(struct request *r, struct bearer *bearer, enum deed deed)
{
	struct wish *w = xnew(struct wish);

	w->r = r;
	w->bearer = bearer;
	w->deed = deed;
	if (request_submit(r, &w->job, wish_run, wish_done) < 0) {
		bearer_free(bearer);
		free(w);
	}
}

static void restart_for(struct request *r, struct bearer *bearer, void *arg)
{
	(void)arg;
	wish_for(r, bearer, DEED_RESTART);
}

static void reset_for(struct request *r, struct bearer *bearer, void *arg)
{
	(void)arg;
	wish_for(r, bearer, DEED_RESET);
}

void self_service_restart(struct request *r)
{
	bearer_find(r, BEARER_CLIENT_NOW, restart_for, NULL, NULL);
}

void self_service_reset(struct request *r)
{
	bearer_find(r, BEARER_CLIENT_NOW, reset_for, NULL, NULL);
}
