/* SPDX-License-Identifier: Apache-2.0 */
/* Emptying a host and watching it become empty; forgetting one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "common/sys/clock.h"
#include "ctl/ctl.h"
#include "pool/pool.h"

#define LOOK_MS 1000
#define WAIT_MAX_MINUTES (7 * 24 * 60)

/* `verb` NULL: what explains it. */
static int path_of(const struct ctl *ctl, const char *verb, char out[160], struct error *err)
{
	const char *name = ctl->args.values[0];

	if (!pool_name_valid(name))
		return error_set(err, EINVAL, "%s: is not a valid name of a host", name);
	if (verb)
		snprintf(out, 160, "/v1/admin/hosts/%s/%s", name, verb);
	else
		snprintf(out, 160, "/v1/admin/explain?host=%s", name);
	return 0;
}

/* ---- why it is not empty ---- */

static const char *meaning(const char *waits_for)
{
	static const struct {
		const char *word, *text;
	} words[] = {
		{ "logoff", "until its user logs off" },
		{ "admin", "kept for its user, until somebody deletes it" },
		{ "host", "being destroyed" },
		{ "nothing", "a spare" },
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(words[i].word, waits_for) == 0)
			return words[i].text;
	return waits_for;
}

static void print_host(const json_t *answer)
{
	static const char *const titles[] = { "NAME", "POOL", "USER", "USE", "STAYS", NULL };
	OWNED(table_free) struct table *table = table_new(titles);
	const json_t *drained = json_object_get(answer, "drained"), *d;
	const json_t *desktops = json_object_get(answer, "desktops");
	size_t i;

	printf("%s: %s (%s)\n", ctl_text(answer, "host"), ctl_text(answer, "state"),
	       ctl_text(answer, "code"));
	if (drained) {
		char when[32];

		ctl_time_text(ctl_int(drained, "at_ms"), when);
		printf("    drained since %s by %s%s%s\n", when, ctl_text(drained, "by"),
		       *ctl_text(drained, "reason") ? ": " : "", ctl_text(drained, "reason"));
	}
	if (json_array_size(desktops) == 0) {
		puts("    no desktops");
		return;
	}
	json_array_foreach(desktops, i, d)
	{
		table_text(table, ctl_text(d, "name"));
		table_text(table, ctl_text(d, "pool"));
		table_text(table, ctl_text(d, "user"));
		table_text(table, ctl_text(d, "use"));
		table_text(table, meaning(ctl_text(d, "waits_for")));
	}
	ctl_print_table(table);
}

int explain_host(struct ctl *ctl, struct error *err)
{
	char path[160];
	int rc = path_of(ctl, NULL, path, err);

	return rc < 0 ? rc : ctl_show(ctl, path, print_host, err);
}

/* ---- until it is empty ---- */

static int read_minutes(const char *text, int64_t *out_ms, struct error *err)
{
	char *end = NULL;
	long number = text ? strtol(text, &end, 10) : 0;

	if (text && (*end || end == text || number < 0 || number > WAIT_MAX_MINUTES))
		return error_set(err, EINVAL, "--wait: minutes, at most %d", WAIT_MAX_MINUTES);
	*out_ms = (int64_t)number * 60000;
	return 0;
}

static int desktops_left(struct ctl *ctl, size_t *out, struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	char path[160];
	int rc = path_of(ctl, NULL, path, err);

	if (rc == 0)
		rc = ctl_request(ctl, "GET", path, NULL, &answer, err);
	if (rc == 0)
		*out = json_array_size(json_object_get(answer, "desktops"));
	return rc;
}

static int wait_until_empty(struct ctl *ctl, int64_t wait_ms, struct error *err)
{
	int64_t end_ms = clock_monotonic_ms() + wait_ms;
	size_t before = SIZE_MAX, left = 0;

	for (;;) {
		int rc = desktops_left(ctl, &left, err);

		if (rc < 0)
			return rc;
		if (left != before && !ctl->args.json)
			printf("%s: %zu desktops left\n", ctl->args.values[0], left);
		fflush(stdout);
		if (left == 0)
			return 0;
		before = left;
		if (clock_monotonic_ms() >= end_ms)
			break;
		nanosleep(&(struct timespec){ .tv_sec = LOOK_MS / 1000 }, NULL);
	}
	ctl->exit_status = CTL_UNFINISHED;
	return error_set(err, ETIMEDOUT, "%zu desktops are left; see genkanctl explain host %s",
			 left, ctl->args.values[0]);
}

int host_drain(struct ctl *ctl, struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	json_t *body = NULL;
	int64_t wait_ms = 0;
	char path[160];
	int rc = read_minutes(ctl->args.wait, &wait_ms, err);

	if (rc < 0 || (rc = path_of(ctl, "drain", path, err)) < 0 ||
	    (rc = ctl_reason(ctl, &body, err)) < 0 ||
	    (rc = ctl_request(ctl, "POST", path, body, &answer, err)) < 0)
		return rc;
	if (ctl->args.json)
		ctl_print_json(answer);
	else
		printf("%s: drains; %lld spares go, desktops of users stay until they log off\n",
		       ctl->args.values[0], (long long)ctl_int(answer, "desktops"));
	return ctl->args.wait ? wait_until_empty(ctl, wait_ms, err) : 0;
}

int host_undrain(struct ctl *ctl, struct error *err)
{
	char path[160];
	int rc = path_of(ctl, "undrain", path, err);

	return rc < 0 ? rc
		      : ctl_act(ctl, path, json_object(), ctl->args.values[0], "is used again",
				err);
}

int host_remove(struct ctl *ctl, struct error *err)
{
	char path[160];
	json_t *body = NULL;
	int rc = path_of(ctl, "remove", path, err);

	if (rc < 0 || (rc = ctl_reason(ctl, &body, err)) < 0)
		return rc;
	json_object_set_new(body, "force", json_boolean(ctl->args.force));
	return ctl_act(ctl, path, body, ctl->args.values[0],
		       "is forgotten; to use the machine again it has to join again", err);
}
