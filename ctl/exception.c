/* SPDX-License-Identifier: Apache-2.0 */
/* Removable storage for one user for some hours: asked for by one administrator, approved by
 * another. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ctl/ctl.h"

#define MS_PER_HOUR (3600.0 * 1000)

static void row(struct table *table, const json_t *e)
{
	table_text(table, ctl_text(e, "id"));
	table_text(table, ctl_text(e, "state"));
	table_text(table, ctl_text(e, "user"));
	table_text(table, ctl_text(e, "pool"));
	table_text(table, ctl_text(e, "device"));
	table_text(table, ctl_text(e, "requested_by"));
	table_text(table, ctl_text(e, "approved_by"));
	table_time(table, ctl_int(e, "expires_at_ms"));
	table_time(table, ctl_int(e, "used_at_ms"));
	table_text(table, ctl_text(e, "reason"));
}

int exception_list(struct ctl *ctl, struct error *err)
{
	static const char *const titles[] = { "ID",	      "STATE",	     "USER",  "POOL", "DEVICE",
					      "REQUESTED BY", "APPROVED BY", "UNTIL", "USED", "REASON",
					      NULL };

	return ctl_list(ctl, ctl->args.all ? "/v1/admin/exceptions?all=1" : "/v1/admin/exceptions",
			"exceptions", titles, row, err);
}

/* "2", "0.5" */
static int read_hours(const char *text, int64_t *out_ms, struct error *err)
{
	char *end;
	double hours = strtod(text, &end);

	if (end == text || *end || !(hours > 0) || hours > 24)
		return error_set(err, EINVAL, "--hours: must be a number above 0, at most 24");
	*out_ms = (int64_t)(hours * MS_PER_HOUR);
	return 0;
}

static int missing(const char *option, struct error *err)
{
	return error_set(err, EINVAL, "%s: must be given", option);
}

/* Prints one, or the answer as it is. */
static void print(struct ctl *ctl, const json_t *answer, void (*say)(const json_t *exception))
{
	if (ctl->args.json)
		ctl_print_json(answer);
	else
		say(json_object_get(answer, "exception"));
}

static void say_requested(const json_t *e)
{
	printf("%s: requested; another administrator has to approve it within a day:\n"
	       "  genkanctl exception approve %s\n",
	       ctl_text(e, "id"), ctl_text(e, "id"));
}

int exception_grant(struct ctl *ctl, struct error *err)
{
	const struct arguments *a = &ctl->args;
	OWNED(json_decref) json_t *answer = NULL;
	int64_t duration_ms = 0;
	int rc = !a->user     ? missing("--user", err)
		 : !a->pool   ? missing("--pool", err)
		 : !a->hours  ? missing("--hours", err)
		 : !a->reason ? missing("--reason", err)
			      : read_hours(a->hours, &duration_ms, err);

	if (rc < 0)
		return rc;
	json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:I}", "user", a->user, "pool", a->pool,
				 "device", a->device ? a->device : "drive", "reason", a->reason,
				 "duration_ms", (json_int_t)duration_ms);
	if (!body)
		return error_set(err, EINVAL, "--user, --reason: must be UTF-8");
	rc = ctl_request(ctl, "POST", "/v1/admin/exceptions", body, &answer, err);
	if (rc == 0)
		print(ctl, answer, say_requested);
	return rc;
}

static void print_time(const char *title, const json_t *e, const char *key)
{
	char text[32];

	if (!ctl_int(e, key))
		return;
	ctl_time_text(ctl_int(e, key), text);
	printf("%-14s%s\n", title, text);
}

static void say_all(const json_t *e)
{
	printf("%-14s%s\n%-14s%s\n%-14s%s\n%-14s%s\n%-14s%s\n%-14s%s\n%-14s%s\n", "id:",
	       ctl_text(e, "id"), "state:", ctl_text(e, "state"), "user:", ctl_text(e, "user"),
	       "pool:", ctl_text(e, "pool"), "device:", ctl_text(e, "device"), "reason:",
	       ctl_text(e, "reason"), "requested by:", ctl_text(e, "requested_by"));
	print_time("requested at:", e, "requested_at_ms");
	if (*ctl_text(e, "approved_by"))
		printf("%-14s%s\n", "approved by:", ctl_text(e, "approved_by"));
	print_time("approved at:", e, "approved_at_ms");
	print_time("until:", e, "expires_at_ms");
	print_time("used at:", e, "used_at_ms");
	if (*ctl_text(e, "ended_by"))
		printf("%-14s%s\n", "ended by:", ctl_text(e, "ended_by"));
	print_time("ended at:", e, "ended_at_ms");
}

static int ask(struct ctl *ctl, const char *method, const char *verb,
	       void (*say)(const json_t *exception), struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	const char *id = ctl->args.values[0];
	char path[96];

	if (strlen(id) != 16 || strspn(id, "0123456789abcdef") != 16)
		return error_set(err, EINVAL, "%s: not the id of an exception", id);
	snprintf(path, sizeof(path), "/v1/admin/exceptions/%s%s", id, verb);

	int rc = ctl_request(ctl, method, path, NULL, &answer, err);
	if (rc == 0)
		print(ctl, answer, say);
	return rc;
}

static void say_approved(const json_t *e)
{
	char until[32];

	ctl_time_text(ctl_int(e, "expires_at_ms"), until);
	printf("%s: approved until %s; it counts from the user's next connection on\n",
	       ctl_text(e, "id"), until);
}

static void say_revoked(const json_t *e)
{
	printf("%s: revoked; sessions that had it have ended\n", ctl_text(e, "id"));
}

int exception_show(struct ctl *ctl, struct error *err)
{
	return ask(ctl, "GET", "", say_all, err);
}

int exception_approve(struct ctl *ctl, struct error *err)
{
	return ask(ctl, "POST", "/approve", say_approved, err);
}

int exception_revoke(struct ctl *ctl, struct error *err)
{
	return ask(ctl, "POST", "/revoke", say_revoked, err);
}
