/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "ctl/ctl.h"
#include "ctl/pool_diff.h"
#include "ctl/pool_file.h"
#include "ctl/pool_set.h"

static void row(struct table *table, const json_t *p)
{
	const json_t *size = json_object_get(p, "size");
	const json_t *image = json_object_get(p, "image");
	const json_t *counts = json_object_get(p, "counts");
	OWNED(buf_done) struct buf image_text = BUF_LIMIT(128);
	int64_t publication = ctl_int(image, "publication");

	if (json_is_object(json_object_get(p, "push")))
		buf_printf(&image_text, "%s/%lld", ctl_text(image, "name"),
			   (long long)ctl_int(json_object_get(p, "push"), "current"));
	else if (publication)
		buf_printf(&image_text, "%s/%lld", ctl_text(image, "name"), (long long)publication);
	else
		buf_printf(&image_text, "%s/%s", ctl_text(image, "name"),
			   ctl_text(image, "channel"));
	table_text(table, ctl_text(p, "pool"));
	table_text(table, ctl_text(p, "title"));
	table_text(table, ctl_text(p, "assignment"));
	table_text(table, buf_text(&image_text));
	table_int(table, ctl_int(counts, "assigned"));
	table_int(table, ctl_int(counts, "spare_ready"));
	table_int(table, ctl_int(counts, "spare_coming"));
	table_int(table, ctl_int(counts, "waiting"));
	table_int(table, ctl_int(counts, "failed"));
	table_int(table, ctl_int(size, "max"));
}

int pool_list(struct ctl *ctl, struct error *err)
{
	static const char *const titles[] = { "POOL",     "TITLE", "ASSIGNMENT", "IMAGE",
					      "ASSIGNED", "READY", "COMING",     "WAITING",
					      "FAILED",   "MAX",   NULL };

	return ctl_list(ctl, "/v1/admin/pools", "pools", titles, row, err);
}

/* All problems go to standard error, each on its line; the command itself then fails. */
static int load(struct ctl *ctl, struct pool_files *files, struct error *err)
{
	OWNED(buf_done) struct buf problems = { 0 };

	if (pool_files_load(ctl->args.values, ctl->args.count, files, &problems) < 0) {
		fputs(buf_text(&problems), stderr);
		return error_set(err, EINVAL, "nothing was applied");
	}
	return 0;
}

/* What `genkanctl diff` looked at is still what there is. */
static int check_seen(const struct ctl *ctl, struct error *err)
{
	if (!ctl->args.seen || strlen(ctl->args.seen) == 16)
		return 0;
	return error_set(err, EINVAL, "--seen: takes the 16 characters that genkanctl diff prints");
}

int pool_apply(struct ctl *ctl, struct error *err)
{
	OWNED(pool_files_done) struct pool_files files = { 0 };
	OWNED(json_decref) json_t *answer = NULL;

	if (check_seen(ctl, err) < 0 || load(ctl, &files, err) < 0)
		return -EINVAL;
	int rc = pool_set_put(ctl, files.pools, files.count, ctl->args.seen ? ctl->args.seen : "",
			      false, &answer, err);
	if (rc < 0)
		return rc;
	if (ctl->args.json)
		ctl_print_json(answer);
	else
		pool_set_print_changes(json_object_get(answer, "changes"), "nothing to change");
	return 0;
}

static const struct pool *named(const struct pool_files *files, const char *name)
{
	for (size_t i = 0; i < files->count; i++)
		if (strcmp(files->pools[i].name, name) == 0)
			return &files->pools[i];
	return NULL;
}

static void print_keys(const struct pool_set *now, const struct pool_files *files,
		       const json_t *changes)
{
	const json_t *change;
	size_t i;

	json_array_foreach(changes, i, change)
	{
		OWNED(buf_done) struct buf lines = { 0 };
		const char *name = ctl_text(change, "pool");
		int at = pool_set_find(now, name);

		if (strcmp(ctl_text(change, "action"), "update") != 0 || at < 0 ||
		    !named(files, name))
			continue;
		pool_diff_lines(&now->pools[at], named(files, name), &lines);
		printf("\n%s:\n%s", name, buf_text(&lines));
	}
}

int pool_diff(struct ctl *ctl, struct error *err)
{
	OWNED(pool_files_done) struct pool_files files = { 0 };
	OWNED(pool_set_done) struct pool_set now = { 0 };
	OWNED(json_decref) json_t *answer = NULL;
	int rc;

	if (load(ctl, &files, err) < 0)
		return -EINVAL;
	if ((rc = pool_set_load(ctl, &now, err)) < 0 ||
	    (rc = pool_set_put(ctl, files.pools, files.count, "", true, &answer, err)) < 0)
		return rc;
	if (ctl->args.json) {
		json_object_set_new(answer, "seen", json_string(now.version));
		ctl_print_json(answer);
		return 0;
	}
	const json_t *changes = json_object_get(answer, "changes");
	pool_set_print_changes(changes, "no differences");
	print_keys(&now, &files, changes);
	printf("\nTo apply this only as long as nobody changes a pool: "
	       "genkanctl apply --seen %s ...\n",
	       now.version);
	return 0;
}
