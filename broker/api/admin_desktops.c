/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/admin.h"

#include "common/sys/clock.h"

static json_t *desktop_json(const struct store_desktop *d)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:s, "
			 "s:s, s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:s}",
			 "id", d->id, "name", d->name, "pool", d->pool, "assignment",
			 pool_assignment_word(d->assignment), "host", d->host, "epoch",
			 (json_int_t)d->epoch, "want", desktop_want_word(d->want), "state",
			 desktop_state_word(d->state), "stage", desktop_stage_word(d->stage),
			 "percent", (json_int_t)d->percent, "reason", d->reason, "use",
			 desktop_use_word(d->use), "user", d->user_name, "image_sha256",
			 d->image_sha256, "address", d->address, "created_at_ms",
			 (json_int_t)d->created_at_ms, "assigned_at_ms",
			 (json_int_t)d->assigned_at_ms, "logged_on", d->logged_on, "incarnation",
			 (json_int_t)d->incarnation, "use_since_ms", (json_int_t)d->use_since_ms,
			 "pss_bytes", (json_int_t)d->pss_bytes, "overlay_bytes",
			 (json_int_t)d->overlay_bytes, "overlay_max_bytes",
			 (json_int_t)d->overlay_max_bytes, "user_disk", d->home.id,
			 "user_disk_attached",
			 desktop_disk_word(d->home.held ? d->home.attached : DESKTOP_DISK_NONE));
}

/* ?limit=N&cursor=NAME&pool=NAME&host=NAME&state=WORD&text=TEXT */
static int list_run(struct store *store, struct admin_job *a, struct error *err)
{
	OWNED(store_desktop_list_done) struct store_desktop_list list = { 0 };
	const struct admin_page *page = a->input;
	struct store_desktop_query wanted = { .after = page->cursor, .pool = page->pool,
					      .host = page->host, .state = page->state,
					      .text = page->text, .limit = page->limit };
	json_t *desktops = json_array();
	int rc = store_desktops_page(store, &wanted, &list, err);

	for (size_t i = 0; i < list.count; i++)
		if (request_may_pool(a->r, list.items[i].pool))
			json_array_append_new(desktops, desktop_json(&list.items[i]));
	a->answer = json_pack("{s:o}", "desktops", desktops);
	if (list.count == page->limit)
		admin_page_next(a, list.items[list.count - 1].name);
	return rc;
}

void admin_desktops_list(struct request *r)
{
	admin_look_page(r, ADMIN_PAGE_ROWS, list_run);
}

typedef int desktop_fn(struct store *store, const char *id, int64_t now_ms, struct error *err);

static int change(struct store *store, struct admin_job *a, desktop_fn *fn, const char *what,
		  struct error *err)
{
	struct store_desktop desktop;
	int rc = store_desktop_find(store, a->r->argument, &desktop, err);

	if (rc == 0 && !request_may_pool(a->r, desktop.pool))
		return admin_refuse_scope(store, a, what, err);
	if (rc == 0)
		rc = fn(store, a->r->argument, clock_wall_ms(), err);
	if (rc < 0)
		return rc;
	a->job.touched = true;
	a->ended_sessions = true;	/* if it had any */
	return admin_audit(store, a, what, a->r->argument, NULL, err);
}

static int delete_run(struct store *store, struct admin_job *a, struct error *err)
{
	return change(store, a, store_desktop_delete, "desktop_delete", err);
}

static int restart_run(struct store *store, struct admin_job *a, struct error *err)
{
	return change(store, a, store_desktop_restart, "desktop_restart", err);
}

static int reset_run(struct store *store, struct admin_job *a, struct error *err)
{
	return change(store, a, store_desktop_reset, "desktop_reset", err);
}

void admin_desktop_delete(struct request *r)
{
	admin_ask(r, delete_run, NULL, NULL);
}

void admin_desktop_restart(struct request *r)
{
	admin_ask(r, restart_run, NULL, NULL);
}

void admin_desktop_reset(struct request *r)
{
	admin_ask(r, reset_run, NULL, NULL);
}
