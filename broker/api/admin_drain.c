/* SPDX-License-Identifier: Apache-2.0 */
/* Emptying a host, taking that back, forgetting a host; and why one is not empty yet. */
#include "broker/api/admin.h"

#include <errno.h>

#include "common/base/text.h"
#include "common/sys/clock.h"

struct drain_input {
	char name[STORE_NAME_SIZE];
	char reason[STORE_TEXT_SIZE];
	bool force;
};

static int audit(struct store *store, struct admin_job *a, const char *what, int64_t desktops,
		 struct error *err)
{
	const struct drain_input *input = a->input;

	a->job.touched = true;
	a->answer = json_pack("{s:s, s:I}", "host", input->name, "desktops", (json_int_t)desktops);
	return admin_audit(store, a, what, input->name,
			   json_pack("{s:s, s:b, s:I}", "reason", input->reason, "force",
				     input->force, "desktops", (json_int_t)desktops),
			   err);
}

static int drain_run(struct store *store, struct admin_job *a, struct error *err)
{
	const struct drain_input *input = a->input;
	int64_t spares = 0;
	int rc = store_host_drain(store, input->name, a->r->peer, input->reason, clock_wall_ms(),
				  &spares, err);

	return rc < 0 ? rc : audit(store, a, "host_drain", spares, err);
}

static int undrain_run(struct store *store, struct admin_job *a, struct error *err)
{
	const struct drain_input *input = a->input;
	int rc = store_host_undrain(store, input->name, err);

	return rc < 0 ? rc : audit(store, a, "host_undrain", 0, err);
}

static int remove_run(struct store *store, struct admin_job *a, struct error *err)
{
	const struct drain_input *input = a->input;
	int64_t desktops = 0;
	int rc;

	if (input->force && !*input->reason)
		return admin_refuse(a, REASON_BAD_REQUEST, "reason: must be given with force");
	rc = store_host_remove(store, input->name, input->force, clock_wall_ms(), &desktops, err);
	if (rc == -EBUSY && desktops)
		return admin_refuse(a, REASON_HOST_NOT_EMPTY, err->text);
	a->ended_sessions = desktops > 0;
	return rc < 0 ? rc : audit(store, a, "host_remove", desktops, err);
}

static void ask(struct request *r, admin_run_fn *run)
{
	const json_t *body = request_body(r);
	struct error err = { 0 };

	if (!body)
		return;
	struct drain_input *input = xnew(struct drain_input);
	int rc = json_get_text_or(body, "reason", "", input->reason, sizeof(input->reason), &err);
	if (rc == 0)
		rc = json_get_bool_or(body, "force", false, &input->force, &err);
	if (rc < 0 || str_copy(input->name, sizeof(input->name), r->argument) < 0) {
		free(input);
		request_refuse(r, rc < 0 ? REASON_BAD_REQUEST : REASON_NOT_FOUND, -1,
			       rc < 0 ? err.text : NULL);
		return;
	}
	admin_ask(r, run, input, free);
}

void admin_host_drain(struct request *r)
{
	ask(r, drain_run);
}

void admin_host_undrain(struct request *r)
{
	ask(r, undrain_run);
}

void admin_host_remove(struct request *r)
{
	ask(r, remove_run);
}

/* ---- explain ---- */

/* What has to happen before the desktop is gone from there. */
static const char *waits_for(const struct store_desktop *d)
{
	if (d->want == DESKTOP_WANT_ABSENT)
		return "host"; /* it is being destroyed */
	if (!d->user_key[0])
		return "nothing";
	return d->assignment == POOL_DEDICATED && d->on_logoff == POOL_LOGOFF_KEEP ? "admin"
										   : "logoff";
}

static json_t *desktops_json(const struct store_desktop_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->count; i++) {
		const struct store_desktop *d = &list->items[i];

		json_array_append_new(
			array, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "id", d->id, "name",
					 d->name, "pool", d->pool, "user", d->user_name, "use",
					 desktop_use_word(d->use), "state",
					 desktop_state_word(d->state), "waits_for", waits_for(d)));
	}
	return array;
}

static enum reason judge(const struct store_host *host, int64_t silent_before_ms)
{
	if (host->state == STORE_HOST_LOST || host->last_seen_ms < silent_before_ms)
		return REASON_HOST_SILENT;
	return host->state == STORE_HOST_ACTIVE ? REASON_OK : REASON_HOST_NOT_ACTIVE;
}

static int explain_run(struct store *store, struct admin_job *a, struct error *err)
{
	OWNED(store_desktop_list_done) struct store_desktop_list list = { 0 };
	const struct drain_input *input = a->input;
	struct store_desktop_query wanted = { .host = input->name, .limit = ADMIN_PAGE_MAX };
	int64_t silent_before_ms = clock_wall_ms() - a->r->broker->config->host_silent_ms;
	struct store_drain drain = { 0 };
	struct store_host host;
	int rc = store_host_find(store, input->name, &host, err);

	if (rc < 0 || (rc = store_host_drained(store, input->name, &drain, err)) < 0 ||
	    (rc = store_desktops_page(store, &wanted, &list, err)) < 0)
		return rc;
	a->answer = json_pack("{s:s, s:s, s:s, s:I, s:o}", "host", host.name, "state",
			      store_host_state_word(host.state), "code",
			      reason_word(judge(&host, silent_before_ms)), "last_seen_ms",
			      (json_int_t)host.last_seen_ms, "desktops", desktops_json(&list));
	if (drain.at_ms)
		json_object_set_new(a->answer, "drained",
				    json_pack("{s:s, s:s, s:I}", "by", drain.by, "reason",
					      drain.why, "at_ms", (json_int_t)drain.at_ms));
	return 0;
}

void admin_explain_host(struct request *r, const char *name)
{
	struct drain_input *input = xnew(struct drain_input);

	if (r->scoped || str_copy(input->name, sizeof(input->name), name) < 0) {
		free(input);
		request_refuse(r, r->scoped ? REASON_FORBIDDEN : REASON_NOT_FOUND, -1, NULL);
		return;
	}
	admin_look(r, explain_run, input, free);
}
