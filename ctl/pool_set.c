/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/pool_set.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/base/text.h"
#include "pool/pool_json.h"

void pool_set_done(struct pool_set *set)
{
	free(set->pools);
	free(set->versions);
	*set = (struct pool_set){ 0 };
}

int pool_set_find(const struct pool_set *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->pools[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* What is told of a pool besides its definition. */
static int definition(json_t *told, struct pool *out, struct error *err)
{
	static const char *const state[] = { "counts", "troubles", "push", "version" };

	for (size_t i = 0; i < ARRAY_LEN(state); i++)
		json_object_del(told, state[i]);
	return pool_from_json(told, out, err);
}

int pool_set_load(struct ctl *ctl, struct pool_set *out, struct error *err)
{
	OWNED(pool_set_done) struct pool_set set = { 0 };
	OWNED(json_decref) json_t *answer = NULL;
	json_t *told;
	size_t i;
	int rc = ctl_request(ctl, "GET", "/v1/admin/pools", NULL, &answer, err);

	if (rc < 0)
		return rc;
	const json_t *list = json_object_get(answer, "pools");
	set.pools = xcalloc(json_array_size(list) + 1, sizeof(set.pools[0]));
	set.versions = xcalloc(json_array_size(list) + 1, sizeof(set.versions[0]));
	json_array_foreach(list, i, told)
	{
		if (str_copy(set.versions[i], sizeof(set.versions[i]), ctl_text(told, "version")) <
		    0)
			return error_set(err, EBADMSG, "the broker's answer is not understood");
		if ((rc = definition(told, &set.pools[i], err)) < 0)
			return error_prefix(err, "a pool of the broker");
		set.count++;
	}
	if (str_copy(set.version, sizeof(set.version), ctl_text(answer, "version")) < 0)
		return error_set(err, EBADMSG, "the broker's answer is not understood");
	*out = set;
	set = (struct pool_set){ 0 };
	return 0;
}

static json_t *wishes(const struct ctl *ctl, const char *seen, bool dry_run)
{
	return json_pack("{s:s, s:s, s:b}", "seen", seen, "reason",
			 ctl->args.reason ? ctl->args.reason : "", "dry_run", dry_run);
}

int pool_set_put(struct ctl *ctl, const struct pool *pools, size_t count, const char *seen,
		 bool dry_run, json_t **answer, struct error *err)
{
	json_t *body = wishes(ctl, seen, dry_run);
	json_t *list = json_array();

	if (!body)
		return error_set(err, EINVAL, "--reason: must be UTF-8");
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, pool_to_json(&pools[i]));
	json_object_set_new(body, "pools", list);
	return ctl_request(ctl, "PUT", "/v1/admin/pools", body, answer, err);
}

int pool_set_put_one(struct ctl *ctl, const struct pool *pool, const char *seen, json_t **answer,
		     struct error *err)
{
	json_t *body = wishes(ctl, seen, false);
	char path[128];

	if (!body)
		return error_set(err, EINVAL, "--reason: must be UTF-8");
	json_object_set_new(body, "pool", pool_to_json(pool));
	snprintf(path, sizeof(path), "/v1/admin/pools/%s", pool->name);
	return ctl_request(ctl, "PUT", path, body, answer, err);
}

void pool_set_print_changes(const json_t *changes, const char *none)
{
	const json_t *change;
	size_t i, count = 0;

	json_array_foreach(changes, i, change)
	{
		if (strcmp(ctl_text(change, "action"), "none") == 0)
			continue;
		printf("%s %s\n", ctl_text(change, "action"), ctl_text(change, "pool"));
		count++;
	}
	if (count == 0)
		puts(none);
}
