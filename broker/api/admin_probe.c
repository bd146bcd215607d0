/* SPDX-License-Identifier: Apache-2.0 */
/* What `genkanctl policy verify` needs: a desktop of a pool for nobody, and what that desktop sees of
 * a client's devices. */
#include "broker/api/admin.h"

#include <errno.h>

#include "broker/conductor/inspections.h"
#include "broker/session/connect.h"
#include "common/base/text.h"
#include "common/sys/clock.h"

/* Not a person of any directory: those have a UUID for a key. */
static const struct store_user probe_user = {
	.key = "genkan-probe", .name = "genkan-probe", .display_name = "Policy verification",
	.account = "genkan-probe", .uid = 59999,
};

static int probe_run(struct store *store, struct admin_job *a, struct error *err)
{
	const struct broker_config *config = a->r->broker->config;
	OWNED(free) struct connect_ask *ask = xnew(struct connect_ask);
	OWNED(free) struct connect_outcome *outcome = xnew(struct connect_outcome);
	int rc = store_user_upsert(store, &probe_user, clock_wall_ms(), err);

	ask->user = probe_user;
	ask->replace_failed = true;
	ask->ticket_ms = config->ticket_ms;
	ask->host_silent_ms = config->host_silent_ms;
	if (rc < 0 || str_copy(ask->pool, sizeof(ask->pool), a->r->argument) < 0 ||
	    str_copy(ask->client_address, sizeof(ask->client_address), a->r->source) < 0)
		return rc < 0 ? rc : -ENOENT;
	if ((rc = connect_run(store, ask, outcome, &a->job.touched, err)) < 0)
		return rc;
	if (outcome->reason != REASON_OK && !connect_is_wait(outcome->reason))
		return admin_refuse(a, outcome->reason, NULL);
	a->answer = connect_json(outcome);
	token_wipe(&outcome->secret);
	if (outcome->reason != REASON_OK)
		return 0;
	return admin_audit(store, a, "policy_probe", outcome->desktop.id,
			   json_pack("{s:s}", "pool", outcome->desktop.pool), err);
}

void admin_pool_probe(struct request *r)
{
	admin_ask(r, probe_run, NULL, NULL);
}

/* ---- What the desktop sees ---- */

struct looking {
	struct state_job job;	/* first: jobs are cast back */
	struct request *r;
	struct store_desktop desktop;
};

static int looking_run(struct store *store, struct state_job *job, struct error *err)
{
	struct looking *l = (struct looking *)job;

	return store_desktop_find(store, l->r->argument, &l->desktop, err);
}

static void looking_done(struct state_job *job, int rc, const struct error *err)
{
	struct looking *l = (struct looking *)job;

	if (rc < 0)
		request_store_failed(l->r, rc, err);
	else if (l->desktop.state != DESKTOP_READY)
		request_refuse(l->r, REASON_DESKTOP_SILENT, -1, "The desktop is not running.");
	else
		inspections_ask(l->r->broker->inspections, l->desktop.id, l->desktop.host, l->r);
	free(l);
}

void admin_desktop_inspect(struct request *r)
{
	struct looking *l = xnew(struct looking);

	l->r = r;
	if (request_read(r, &l->job, looking_run, looking_done) < 0)
		free(l);
}
