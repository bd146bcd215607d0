/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "ctl/ctl.h"

static void row(struct table *table, const json_t *d)
{
	const char *desktop = ctl_text(d, "desktop_name");

	table_text(table, ctl_text(d, "user"));
	table_text(table, ctl_text(d, "pool"));
	table_bytes(table, ctl_int(d, "size_bytes"));
	table_bytes(table, ctl_int(d, "used_bytes"));
	table_text(table, ctl_text(d, "state"));
	table_text(table, ctl_text(d, "attached"));
	table_text(table, *desktop ? desktop : ctl_text(d, "desktop"));
	table_text(table, ctl_text(d, "host"));
	table_time(table, ctl_int(d, "since_ms"));
	table_text(table, ctl_text(d, "id"));
	table_text(table, ctl_text(d, "reason"));
}

int user_disk_list(struct ctl *ctl, struct error *err)
{
	static const char *const titles[] = { "USER",	 "POOL",    "SIZE", "FILE",  "STATE", "ATTACHED",
					      "DESKTOP", "HOST",    "SINCE", "ID", "REASON", NULL };

	return ctl_list(ctl, "/v1/admin/user-disks", "user_disks", titles, row, err);
}

static bool is_meant(const json_t *d, const char *wanted, const char *pool)
{
	if (strcmp(ctl_text(d, "id"), wanted) == 0)
		return true;
	return strcmp(ctl_text(d, "user"), wanted) == 0 && !ctl_int(d, "set_aside_at_ms") &&
	       (!pool || strcmp(ctl_text(d, "pool"), pool) == 0);
}

/* By id, or by user, and pool where the user has several. The answer owns what `out` points to. */
static int find(struct ctl *ctl, json_t **answer, const json_t **out, struct error *err)
{
	const char *wanted = ctl->args.values[0];
	const char *pool = ctl->args.pool;
	const json_t *d;
	size_t i;
	int rc = ctl_request(ctl, "GET", "/v1/admin/user-disks", NULL, answer, err);

	*out = NULL;
	if (rc < 0)
		return rc;
	json_array_foreach(json_object_get(*answer, "user_disks"), i, d) {
		if (!is_meant(d, wanted, pool))
			continue;
		if (*out)
			return error_set(err, EINVAL, "%s has disks in several pools: say which with --pool",
					 wanted);
		*out = d;
	}
	return *out ? 0 : error_set(err, ENOENT, "%s: no such user disk", wanted);
}

int user_disk_show(struct ctl *ctl, struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	const json_t *d, *value;
	const char *key;
	int rc = find(ctl, &answer, &d, err);

	if (rc < 0)
		return rc;
	if (ctl->args.json) {
		ctl_print_json(d);
		return 0;
	}
	json_object_foreach((json_t *)d, key, value) {
		if (json_is_integer(value))
			printf("%-16s %lld\n", key, (long long)json_integer_value(value));
		else
			printf("%-16s %s\n", key, json_string_value(value));
	}
	return 0;
}

int user_disk_set_aside(struct ctl *ctl, struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	OWNED(json_decref) json_t *done = NULL;
	const json_t *d;
	char path[96];
	int rc = find(ctl, &answer, &d, err);

	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "/v1/admin/user-disks/%s/set-aside", ctl_text(d, "id"));
	if ((rc = ctl_request(ctl, "POST", path, NULL, &done, err)) < 0)
		return rc;
	if (ctl->args.json)
		ctl_print_json(d);
	else
		printf("%s: kept as %s.qcow2; the user gets a new one at the next login\n",
		       ctl_text(d, "user"), ctl_text(d, "id"));
	return 0;
}
