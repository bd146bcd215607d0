/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "ctl/ctl.h"
#include "ctl/pool_diff.h"
#include "ctl/pool_file.h"
#include "pool/pool_json.h"

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
		buf_printf(&image_text, "%s/%s", ctl_text(image, "name"), ctl_text(image, "channel"));
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
	static const char *const titles[] = { "POOL",  "TITLE",	   "ASSIGNMENT", "IMAGE", "ASSIGNED",
					      "READY", "COMING", "WAITING", "FAILED",	"MAX", NULL };

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

static int put(struct ctl *ctl, const struct pool_files *files, bool dry_run, json_t **answer,
	       struct error *err)
{
	json_t *pools = json_array();

	for (size_t i = 0; i < files->count; i++)
		json_array_append_new(pools, pool_to_json(&files->pools[i]));
	return ctl_request(ctl, "PUT", "/v1/admin/pools",
			   json_pack("{s:o, s:b}", "pools", pools, "dry_run", dry_run), answer, err);
}

static const struct pool *named(const struct pool_files *files, const char *name)
{
	for (size_t i = 0; i < files->count; i++)
		if (strcmp(files->pools[i].name, name) == 0)
			return &files->pools[i];
	return NULL;
}

static json_t *present(const json_t *answer, const char *name)
{
	json_t *pool;
	size_t i;

	json_array_foreach(json_object_get(answer, "pools"), i, pool)
		if (strcmp(ctl_text(pool, "pool"), name) == 0)
			return pool;
	return NULL;
}

static void print_changes(const json_t *changes, const char *none)
{
	const json_t *change;
	size_t i, count = 0;

	json_array_foreach(changes, i, change) {
		if (strcmp(ctl_text(change, "action"), "none") == 0)
			continue;
		printf("%s %s\n", ctl_text(change, "action"), ctl_text(change, "pool"));
		count++;
	}
	if (count == 0)
		puts(none);
}

int pool_apply(struct ctl *ctl, struct error *err)
{
	OWNED(pool_files_done) struct pool_files files = { 0 };
	OWNED(json_decref) json_t *answer = NULL;

	if (load(ctl, &files, err) < 0)
		return -EINVAL;
	int rc = put(ctl, &files, false, &answer, err);
	if (rc < 0)
		return rc;
	if (ctl->args.json)
		ctl_print_json(answer);
	else
		print_changes(json_object_get(answer, "changes"), "nothing to change");
	return 0;
}

/* Which keys of a pool would change, one line each. */
static void print_keys(const json_t *before, const struct pool *after)
{
	OWNED(json_decref) json_t *wanted = pool_to_json(after);
	OWNED(buf_done) struct buf lines = { 0 };

	pool_diff_lines(before, wanted, &lines);
	fputs(buf_text(&lines), stdout);
}

int pool_diff(struct ctl *ctl, struct error *err)
{
	OWNED(pool_files_done) struct pool_files files = { 0 };
	OWNED(json_decref) json_t *now = NULL;
	OWNED(json_decref) json_t *answer = NULL;
	const json_t *change;
	size_t i;
	int rc;

	if (load(ctl, &files, err) < 0)
		return -EINVAL;
	if ((rc = ctl_request(ctl, "GET", "/v1/admin/pools", NULL, &now, err)) < 0 ||
	    (rc = put(ctl, &files, true, &answer, err)) < 0)
		return rc;
	if (ctl->args.json) {
		ctl_print_json(answer);
		return 0;
	}
	print_changes(json_object_get(answer, "changes"), "no differences");
	json_array_foreach(json_object_get(answer, "changes"), i, change) {
		const char *name = ctl_text(change, "pool");

		if (strcmp(ctl_text(change, "action"), "update") != 0 || !named(&files, name))
			continue;
		printf("\n%s:\n", name);
		print_keys(present(now, name), named(&files, name));
	}
	return 0;
}
