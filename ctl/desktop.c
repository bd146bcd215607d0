/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "ctl/ctl.h"

static void row(struct table *table, const json_t *d)
{
	const char *reason = ctl_text(d, "reason");

	table_text(table, ctl_text(d, "name"));
	table_text(table, ctl_text(d, "pool"));
	table_text(table, ctl_text(d, "user"));
	table_text(table, ctl_text(d, "use"));
	table_text(table, ctl_text(d, "state"));
	table_text(table, ctl_text(d, "want"));
	table_text(table, ctl_text(d, "host"));
	table_text(table, ctl_text(d, "address"));
	table_text(table, ctl_text(d, "id"));
	table_text(table, reason);
}

int desktop_list(struct ctl *ctl, struct error *err)
{
	static const char *const titles[] = { "NAME",  "POOL", "USER",	  "USE", "STATE",
					      "WANTED", "HOST", "ADDRESS", "ID",  "REASON",
					      NULL };

	return ctl_list(ctl, "/v1/admin/desktops", "desktops", titles, row, err);
}

/* People name desktops, the API wants ids. */
static int id_of(struct ctl *ctl, const char *wanted, char *id, size_t size, struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	const json_t *d;
	size_t i;
	int rc = ctl_get_list(ctl, "/v1/admin/desktops", "desktops", &answer, err);

	if (rc < 0)
		return rc;
	json_array_foreach(json_object_get(answer, "desktops"), i, d) {
		if (strcmp(ctl_text(d, "id"), wanted) && strcmp(ctl_text(d, "name"), wanted))
			continue;
		snprintf(id, size, "%s", ctl_text(d, "id"));
		return 0;
	}
	return error_set(err, ENOENT, "%s: no such desktop", wanted);
}

/* POST /v1/admin/desktops/{id}/VERB */
static int change_with(struct ctl *ctl, const char *verb, json_t *body, const char *said,
		       struct error *err)
{
	OWNED(json_decref) json_t *request = body;
	char id[32], path[96];
	int rc = id_of(ctl, ctl->args.values[0], id, sizeof(id), err);

	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "/v1/admin/desktops/%s/%s", id, verb);
	return ctl_act(ctl, path, STEAL(request), ctl->args.values[0], said, err);
}

static int change(struct ctl *ctl, const char *verb, const char *said, struct error *err)
{
	return change_with(ctl, verb, NULL, said, err);
}

int desktop_log_off(struct ctl *ctl, struct error *err)
{
	OWNED(json_decref) json_t *body = NULL;
	int rc = ctl_reason(ctl, &body, err);

	return rc < 0 ? rc : change_with(ctl, "logoff", STEAL(body), "its user is being logged off", err);
}

int desktop_message(struct ctl *ctl, struct error *err)
{
	OWNED(json_decref) json_t *body = NULL;
	int rc = ctl_message(ctl, &body, err);

	if (rc < 0)
		return rc;
	return change_with(ctl, "message", STEAL(body), "will be shown to its user", err);
}

int desktop_delete(struct ctl *ctl, struct error *err)
{
	return change(ctl, "delete", "will be destroyed by its host", err);
}

int desktop_restart(struct ctl *ctl, struct error *err)
{
	return change(ctl, "restart", "will be restarted by its host", err);
}

int desktop_reset(struct ctl *ctl, struct error *err)
{
	return change(ctl, "reset", "will be exchanged for a new one", err);
}
