/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/admin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "broker/api/pool_version.h"
#include "common/sys/clock.h"
#include "pool/pool_json.h"

#define REASON_SIZE 321

struct pools_input {
	struct pool *pools;
	size_t count;
	bool dry_run, one;            /* one: the others stay as they are */
	char seen[POOL_VERSION_SIZE]; /* "": whatever there is now is replaced */
	char reason[REASON_SIZE];
};

static void free_input(void *arg)
{
	struct pools_input *input = arg;

	free(input->pools);
	free(input);
}

static json_t *count_json(const struct store_pool_count *count)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "assigned",
			 (json_int_t)count->assigned, "spare_ready", (json_int_t)count->spare_ready,
			 "spare_coming", (json_int_t)count->spare_coming, "failed",
			 (json_int_t)count->failed, "leaving", (json_int_t)count->leaving,
			 "starting", (json_int_t)count->starting, "waiting",
			 (json_int_t)count->waiting);
}

static json_t *health_json(const struct rollout_health *h)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "ready", (json_int_t)h->ready,
			 "ready_since_ms", (json_int_t)h->ready_since_ms, "first_start_ms",
			 (json_int_t)h->first_start_ms, "failed", (json_int_t)h->failed, "crashed",
			 (json_int_t)h->crashed, "logins", (json_int_t)h->logins, "logins_failed",
			 (json_int_t)h->logins_failed);
}

json_t *admin_push_json(const struct store_push *push)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:s, s:s, s:o, s:o}", "image", push->image,
			 "current", (json_int_t)push->rollout.current, "next",
			 (json_int_t)push->rollout.next, "refused",
			 (json_int_t)push->rollout.refused, "began_at_ms",
			 (json_int_t)push->rollout.began_ms, "code", reason_word(push->rollout.why),
			 "detail", push->detail, "health", health_json(&push->health), "base",
			 health_json(&push->base));
}

static int add_push(struct store *store, const char *name, json_t *pool, struct error *err)
{
	struct store_push push;
	int rc = store_push_find(store, name, &push, err);

	if (rc < 0 && rc != -ENOENT)
		return rc;
	json_object_set_new(pool, "push", rc == 0 ? admin_push_json(&push) : json_null());
	return 0;
}

static int add_troubles(struct store *store, const char *name, json_t *pool, struct error *err)
{
	OWNED(store_trouble_list_done) struct store_trouble_list list = { 0 };
	json_t *troubles = json_array();
	int rc = store_pool_troubles(store, name, &list, err);

	for (size_t i = 0; i < list.count; i++)
		json_array_append_new(
			troubles,
			json_pack("{s:I, s:s, s:I, s:I, s:s}", "publication",
				  (json_int_t)list.items[i].publication, "host", list.items[i].host,
				  "failures", (json_int_t)list.items[i].failures, "paused_until_ms",
				  (json_int_t)list.items[i].paused_until_ms, "reason",
				  list.items[i].reason));
	json_object_set_new(pool, "troubles", troubles);
	return rc;
}

int admin_pool_state(struct store *store, const char *name, json_t *out,
		     struct store_pool_count *count, struct error *err)
{
	int rc = store_pool_count(store, name, count, err);

	json_object_set_new(out, "counts", count_json(count));
	if (rc == 0)
		rc = add_troubles(store, name, out, err);
	return rc < 0 ? rc : add_push(store, name, out, err);
}

static int list_run(struct store *store, struct admin_job *a, struct error *err)
{
	OWNED(store_pool_list_done) struct store_pool_list list = { 0 };
	OWNED(json_decref) json_t *pools = json_array();
	char version[POOL_VERSION_SIZE];
	int rc = store_pools(store, &list, err);

	for (size_t i = 0; i < list.count && rc == 0; i++) {
		struct store_pool_count count = { 0 };

		if (!request_may_pool(a->r, list.items[i].name))
			continue;
		json_t *pool = pool_to_json(&list.items[i]);

		json_array_append_new(pools, pool);
		pool_version(&list.items[i], version);
		json_object_set_new(pool, "version", json_string(version));
		rc = admin_pool_state(store, list.items[i].name, pool, &count, err);
	}
	pool_version_of_all(&list, version);
	snprintf(a->etag, sizeof(a->etag), "\"%s\"", version);
	a->answer = json_pack("{s:O, s:s}", "pools", pools, "version", version);
	return rc;
}

void admin_pools_list(struct request *r)
{
	admin_look(r, list_run, NULL, NULL);
}

static json_t *changes_json(const struct store_pool_changes *changes, bool with_none)
{
	json_t *list = json_array();

	for (size_t i = 0; i < changes->count; i++)
		if (with_none || changes->items[i].action != STORE_NONE)
			json_array_append_new(
				list,
				json_pack("{s:s, s:s}", "pool", changes->items[i].pool, "action",
					  store_action_word(changes->items[i].action)));
	return list;
}

static bool names(const struct pools_input *input, const char *pool)
{
	for (size_t i = 0; i < input->count; i++)
		if (strcmp(input->pools[i].name, pool) == 0)
			return true;
	return false;
}

static int lacks_others(struct store *store, struct admin_job *a, bool *out, struct error *err)
{
	OWNED(store_pool_list_done) struct store_pool_list list = { 0 };
	int rc = store_pools(store, &list, err);

	for (size_t i = 0; i < list.count; i++)
		if (!request_may_pool(a->r, list.items[i].name) &&
		    !names(a->input, list.items[i].name))
			*out = true;
	return rc;
}

/* Whether a pool would change that is not the business of who asks. */
static int touches_others(struct store *store, struct admin_job *a, bool *out, struct error *err)
{
	const struct pools_input *input = a->input;
	OWNED(store_pool_changes_done) struct store_pool_changes changes = { 0 };
	int rc = a->r->scoped ? store_pools_apply(store, input->pools, input->count, true,
						  clock_wall_ms(), &changes, err)
			      : 0;

	for (size_t i = 0; i < changes.count; i++)
		if (changes.items[i].action != STORE_NONE &&
		    !request_may_pool(a->r, changes.items[i].pool))
			*out = true;
	if (rc == -ENOTEMPTY) /* a pool with people in it is missing: whose? */
		rc = lacks_others(store, a, out, err);
	return rc;
}

/* Who changed them last, from the audit log; `pool` NULL: any. */
static int who_changed(struct store *store, const char *pool, char *out, size_t size,
		       struct error *err)
{
	OWNED(store_audit_list_done) struct store_audit_list rows = { 0 };
	struct store_audit_query wanted = { .what = "pools_apply", .pool = pool, .limit = 1 };
	int rc = store_audit_search(store, &wanted, &rows, err);

	if (rc < 0)
		return rc;
	if (rows.count == 0)
		return snprintf(out, size, "somebody");

	OWNED(json_decref) json_t *details = json_loads(rows.items[0].details, 0, NULL);
	const char *why = json_string_value(json_object_get(details, "reason"));
	char when[32];
	time_t seconds = rows.items[0].at_ms / 1000;
	struct tm tm;

	strftime(when, sizeof(when), "%Y-%m-%d %H:%M UTC", gmtime_r(&seconds, &tm));
	snprintf(out, size, "%s at %s%s%.80s", rows.items[0].who, when, why && *why ? ": " : "",
		 why ? why : "");
	return 0;
}

static int refuse_changed(struct store *store, struct admin_job *a, const char *pool,
			  struct error *err)
{
	char who[200], text[320];
	int rc = who_changed(store, pool, who, sizeof(who), err);

	if (rc < 0)
		return rc;
	snprintf(text, sizeof(text), "%s%s changed since they were looked at, by %s. Look again.",
		 pool ? "pool " : "the pools", pool ? pool : "", who);
	return admin_refuse(a, REASON_POOL_CHANGED, text);
}

static const struct pool *find(const struct store_pool_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i].name, name) == 0)
			return &list->items[i];
	return NULL;
}

/* Puts the other pools as they are now beside the one that is given. */
static void add_others(struct pools_input *input, const struct store_pool_list *list)
{
	input->pools = xrealloc(input->pools, (list->count + 1) * sizeof(input->pools[0]));
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i].name, input->pools[0].name) != 0)
			input->pools[input->count++] = list->items[i];
}

/* -ECANCELED: refused, because it is not what was looked at. */
static int compare_with_seen(struct store *store, struct admin_job *a, struct error *err)
{
	struct pools_input *input = a->input;
	OWNED(store_pool_list_done) struct store_pool_list list = { 0 };
	const char *name = input->one ? input->pools[0].name : NULL;
	char now[POOL_VERSION_SIZE] = "new";
	int rc = input->one || *input->seen ? store_pools(store, &list, err) : 0;

	if (rc < 0)
		return rc;
	if (!input->one)
		pool_version_of_all(&list, now);
	else if (find(&list, name))
		pool_version(find(&list, name), now);
	if (*input->seen && strcmp(input->seen, now) != 0)
		return (rc = refuse_changed(store, a, name, err)) < 0 ? rc : -ECANCELED;
	if (input->one)
		add_others(input, &list);
	return 0;
}

static bool changes_something(const struct store_pool_changes *changes)
{
	for (size_t i = 0; i < changes->count; i++)
		if (changes->items[i].action != STORE_NONE)
			return true;
	return false;
}

static int apply_run(struct store *store, struct admin_job *a, struct error *err)
{
	const struct pools_input *input = a->input;
	OWNED(store_pool_changes_done) struct store_pool_changes changes = { 0 };
	bool others = input->one && !request_may_pool(a->r, input->pools[0].name);
	int rc = others ? 0 : compare_with_seen(store, a, err);

	if (rc < 0)
		return rc == -ECANCELED ? 0 : rc;
	if (!others)
		rc = touches_others(store, a, &others, err);
	if (rc == 0 && others)
		return admin_refuse_scope(store, a, "pools_apply", err);
	if (rc == 0)
		rc = store_pools_apply(store, input->pools, input->count, input->dry_run,
				       clock_wall_ms(), &changes, err);
	if (rc == -ENOTEMPTY)
		return admin_refuse(a, REASON_BAD_REQUEST, err->text);
	if (rc < 0)
		return rc;
	a->answer = json_pack("{s:o}", "changes", changes_json(&changes, !input->one));
	if (input->dry_run || !changes_something(&changes))
		return 0;
	a->job.touched = true;
	return admin_audit(store, a, "pools_apply", input->one ? input->pools[0].name : "",
			   json_pack("{s:o, s:s}", "changes", changes_json(&changes, false),
				     "reason", input->reason),
			   err);
}

static int read_wishes(const json_t *body, struct pools_input *input, struct error *err)
{
	int rc = json_get_bool_or(body, "dry_run", false, &input->dry_run, err);

	if (rc == 0)
		rc = json_get_text_or(body, "seen", "", input->seen, sizeof(input->seen), err);
	return rc < 0 ? rc
		      : json_get_text_or(body, "reason", "", input->reason, sizeof(input->reason),
					 err);
}

static int read_pools(const json_t *body, struct pools_input *input, struct error *err)
{
	OWNED(buf_done) struct buf problems = BUF_LIMIT(64 * 1024);
	const json_t *list = NULL;
	int rc = json_get_array(body, "pools", POOLS_MAX, &list, err);

	if (rc == 0)
		rc = read_wishes(body, input, err);
	if (rc < 0)
		return rc;
	input->pools = xcalloc(json_array_size(list) + 1, sizeof(input->pools[0]));
	for (; input->count < json_array_size(list) && rc == 0; input->count++)
		rc = pool_from_json(json_array_get(list, input->count), &input->pools[input->count],
				    err);
	if (rc == 0 && pool_check_set(input->pools, input->count, &problems) < 0)
		rc = error_set(err, EINVAL, "%.300s", buf_text(&problems));
	return rc;
}

static int read_pool(const json_t *body, const char *name, struct pools_input *input,
		     struct error *err)
{
	const json_t *pool = NULL;
	int rc = json_get_object(body, "pool", &pool, err);

	if (rc == 0)
		rc = read_wishes(body, input, err);
	if (rc < 0)
		return rc;
	input->one = true;
	input->pools = xcalloc(1, sizeof(input->pools[0]));
	input->count = 1;
	rc = pool_from_json(pool, &input->pools[0], err);
	if (rc == 0 && strcmp(input->pools[0].name, name) != 0)
		rc = error_set(err, EINVAL, "pool: is not the one of the address");
	return rc;
}

/* What a client of HTTP says in its own way: If-Match with the ETag of the list. */
static void read_if_match(struct request *r, struct pools_input *input)
{
	const char *etag = http_header(request_exchange(r), "If-Match");

	if (!etag || *input->seen)
		return;
	if (sscanf(etag, "\"%16[0-9a-f]\"", input->seen) != 1)
		strcpy(input->seen, "-");	/* nothing is called that */
}

static void apply(struct request *r, bool one)
{
	const json_t *body = request_body(r);
	struct error err = { 0 };

	if (!body)
		return;
	struct pools_input *input = xnew(struct pools_input);
	if ((one ? read_pool(body, r->argument, input, &err) : read_pools(body, input, &err)) < 0) {
		free_input(input);
		request_refuse(r, REASON_BAD_REQUEST, -1, err.text);
		return;
	}
	if (!one)
		read_if_match(r, input);
	admin_ask(r, apply_run, input, free_input);
}

void admin_pools_apply(struct request *r)
{
	apply(r, false);
}

void admin_pool_put(struct request *r)
{
	apply(r, true);
}
