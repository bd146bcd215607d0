/* SPDX-License-Identifier: Apache-2.0 */
/* After the store was lost: what has been found again, and the end of looking for more. */
#include "broker/api/admin.h"

static const char *const words[STORE_REBUILDS] = {
	[STORE_REBUILD_NONE] = "none",
	[STORE_REBUILD_KNOWN] = "known_hosts",
	[STORE_REBUILD_ALL] = "all_hosts",
};

static void add(void *arg, const struct store_unknown *u)
{
	json_array_append_new(arg, json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "id", u->id, "host",
					     u->host, "name", u->name, "account", u->account, "why",
					     u->why, "at_ms", (json_int_t)u->at_ms));
}

static int show_run(struct store *store, struct admin_job *a, struct error *err)
{
	OWNED(json_decref) json_t *unknown = json_array();
	enum store_rebuild how;
	int rc = store_rebuilding(store, &how, err);

	if (rc == 0)
		rc = store_unknowns(store, add, unknown, err);
	if (rc < 0)
		return rc;
	a->answer = json_pack("{s:s, s:O}", "rebuilding", words[how], "unknown", unknown);
	return 0;
}

static int begin_run(struct store *store, struct admin_job *a, struct error *err)
{
	int rc = store_rebuild_begin(store, STORE_REBUILD_ALL, err);

	a->job.touched = true;
	return rc < 0 ? rc : admin_audit(store, a, "rebuild_begin", "", NULL, err);
}

static int finish_run(struct store *store, struct admin_job *a, struct error *err)
{
	int rc = store_rebuild_finish(store, err);

	a->job.touched = true;
	return rc < 0 ? rc : admin_audit(store, a, "rebuild_finish", "", NULL, err);
}

void admin_rebuild_show(struct request *r)
{
	admin_look(r, show_run, NULL, NULL);
}

void admin_rebuild_begin(struct request *r)
{
	admin_ask(r, begin_run, NULL, NULL);
}

void admin_rebuild_finish(struct request *r)
{
	admin_ask(r, finish_run, NULL, NULL);
}
