/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/admin.h"

#include "common/sys/clock.h"

static json_t *disk_json(const struct store_user_disk *d)
{
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:I, s:I, s:I}",
			 "id", d->id, "user", d->user_name, "pool", d->pool, "size_bytes",
			 (json_int_t)d->size_bytes, "used_bytes", (json_int_t)d->used_bytes, "state",
			 d->set_aside_at_ms ? "set_aside" : d->state, "attached",
			 desktop_disk_word(d->attached), "desktop", d->desktop, "desktop_name",
			 d->desktop_name, "host", d->host, "epoch", (json_int_t)d->epoch, "reason",
			 d->reason, "since_ms", (json_int_t)d->since_ms, "created_at_ms",
			 (json_int_t)d->created_at_ms, "set_aside_at_ms",
			 (json_int_t)d->set_aside_at_ms);
}

static int list_run(struct store *store, struct admin_job *a, struct error *err)
{
	OWNED(store_user_disk_list_done) struct store_user_disk_list list = { 0 };
	json_t *disks = json_array();
	int rc = store_user_disks(store, &list, err);

	for (size_t i = 0; i < list.count; i++)
		json_array_append_new(disks, disk_json(&list.items[i]));
	a->answer = json_pack("{s:o}", "user_disks", disks);
	return rc;
}

void admin_user_disks_list(struct request *r)
{
	admin_look(r, list_run, NULL, NULL);
}

static int set_aside_run(struct store *store, struct admin_job *a, struct error *err)
{
	enum reason reason = REASON_OK;
	int rc = store_user_disk_set_aside(store, a->r->argument, clock_wall_ms(), &reason, err);

	if (rc < 0)
		return rc;
	if (reason != REASON_OK)
		return admin_refuse(a, reason, "It is attached to a desktop; its user must log off "
					       "first (genkanctl user-disk list).");
	return admin_audit(store, a, "user_disk_set_aside", a->r->argument, NULL, err);
}

void admin_user_disk_set_aside(struct request *r)
{
	admin_ask(r, set_aside_run, NULL, NULL);
}
