/* SPDX-License-Identifier: Apache-2.0 */
#include "db/store_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/base/text.h"

static const char *const action_words[] = {
	[STORE_NONE] = "none",
	[STORE_CREATE] = "create",
	[STORE_UPDATE] = "update",
	[STORE_DELETE] = "delete",
};

const char *store_action_word(enum store_action action)
{
	return action_words[action];
}

void store_pool_list_done(struct store_pool_list *list)
{
	free(list->items);
	*list = (struct store_pool_list){ 0 };
}

void store_pool_changes_done(struct store_pool_changes *changes)
{
	free(changes->items);
	*changes = (struct store_pool_changes){ 0 };
}

/* ----------------------------------------------------------------------------------- reading */

/* The lines of a schedule, kept one below the other. */
static void read_schedule(struct query *q, struct pool *out)
{
	char text[POOL_SCHEDULE_MAX * POOL_SCHEDULE_SIZE];
	char *rest = NULL;

	get_text(q, text, sizeof(text));
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (out->schedule_count == POOL_SCHEDULE_MAX ||
		    str_copy(out->schedule[out->schedule_count++], POOL_SCHEDULE_SIZE, line) < 0) {
			q->damaged = true;
			return;
		}
	}
}

static void read_life(struct query *q, struct pool *out)
{
	out->size_start = get_int(q);
	out->size_grow = get_int(q);
	read_schedule(q, out);
	out->max_per_user = get_int(q);
	get_word(q, pool_on_logoff_parse, &out->on_logoff);
	out->disconnect_timeout_ms = get_int(q);
	out->self_restart = get_int(q) != 0;
	out->self_reset = get_int(q) != 0;
	out->standard_clients = get_int(q) != 0;
	out->user_disk_bytes = get_int(q);
	out->overlay_bytes = get_int(q);
	out->idle_timeout_ms = get_int(q);
	get_word(q, pool_idle_action_parse, &out->idle_action);
	out->rollout_canary = get_int(q);
	out->rollout_window_ms = get_int(q);
	out->rollout_max_failures = get_int(q);
	get_word(q, pool_second_factor_parse, &out->second_factor);
}

static int read_pool(struct query *q, struct pool *out, bool *deleted, struct error *err)
{
	char policy[512];

	get_text(q, out->name, sizeof(out->name));
	get_text(q, out->title, sizeof(out->title));
	get_text(q, out->image, sizeof(out->image));
	get_text(q, out->channel, sizeof(out->channel));
	out->publication = get_int(q);
	get_word(q, pool_assignment_parse, &out->assignment);
	out->size_max = get_int(q);
	out->size_spare = get_int(q);
	out->desktop.cpus = get_int(q);
	out->desktop.memory_bytes = get_int(q);
	out->desktop.disk_bytes = get_int(q);
	get_text(q, policy, sizeof(policy));
	read_life(q, out);
	*deleted = get_int(q) != 0;
	/* A policy that is not understood must not become a lax one. */
	if (policy_parse(policy, &out->policy, NULL) < 0)
		q->damaged = true;
	return query_sound(q, err);
}

/* Entitlement rows come ordered, so each is simply the next of its kind. */
static void read_entitlement(struct query *q, struct pool *pool)
{
	char kind[8];

	get_text(q, kind, sizeof(kind));
	(void)get_int(q);

	bool group = strcmp(kind, "group") == 0;
	size_t *count = group ? &pool->group_count : &pool->user_count;
	if (*count == POOL_PRINCIPALS_MAX) {
		q->damaged = true;
		return;
	}
	get_text(q, group ? pool->groups[*count] : pool->users[*count], POOL_PRINCIPAL_SIZE);
	++*count;
}

static int read_entitlements(struct store *store, struct store_pool_list *list, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_ENTITLEMENTS);
	size_t at = 0;
	int rc;

	/* Both lists are ordered by pool; the one of pools may lack some (deleted ones). */
	while ((rc = query_row(&q, err)) > 0) {
		char name[POOL_NAME_SIZE];

		get_text(&q, name, sizeof(name));
		while (at < list->count && strcmp(list->items[at].name, name) < 0)
			at++;
		if (at < list->count && strcmp(list->items[at].name, name) == 0)
			read_entitlement(&q, &list->items[at]);
		if (query_sound(&q, err) < 0)
			return -EBADMSG;
	}
	return rc;
}

static int read_pools(struct store *store, bool with_deleted, struct store_pool_list *out,
		      struct error *err)
{
	OWNED(store_pool_list_done) struct store_pool_list list = { 0 };
	OWNED(tx_done) struct tx tx = { 0 };
	int rc;

	if ((rc = tx_begin_read(store, &tx, err)) < 0)
		return rc;
	{
		OWNED(query_done) struct query q = query(store, ST_POOLS);

		while ((rc = query_row(&q, err)) > 0) {
			bool deleted;

			if (read_pool(&q, STORE_APPEND(&list), &deleted, err) < 0)
				return -EBADMSG;
			if (deleted && !with_deleted)
				memset(&list.items[--list.count], 0, sizeof(*list.items));
		}
	}
	if (rc < 0 || (rc = read_entitlements(store, &list, err)) < 0)
		return rc;
	*out = list;
	list = (struct store_pool_list){ 0 };
	return 0;
}

int store_pools(struct store *store, struct store_pool_list *out, struct error *err)
{
	return read_pools(store, false, out, err);
}

int store_pools_view(struct store *store, struct store_pool_view **out, struct error *err)
{
	struct store_memory *memory = store_memory(store);

	assert(store_in_group(store));
	if (!memory->pools) {
		struct store_pool_view *view = xnew(struct store_pool_view);
		int rc = read_pools(store, false, &view->list, err);

		view->holders = 1;
		if (rc < 0) {
			store_pool_view_done(view);
			return rc;
		}
		memory->pools = view;
	}
	memory->pools->holders++;
	*out = memory->pools;
	return 0;
}

void store_pool_view_done(struct store_pool_view *view)
{
	if (!view || --view->holders > 0)
		return;
	store_pool_list_done(&view->list);
	free(view);
}

const struct pool *store_pool_view_find(const struct store_pool_view *view, const char *name)
{
	for (size_t i = 0; i < view->list.count; i++)
		if (strcmp(view->list.items[i].name, name) == 0)
			return &view->list.items[i];
	return NULL;
}

static int find_pool(struct store *store, const char *name, struct pool *out, bool *deleted,
		     struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_POOL_FIND);
	OWNED(query_done) struct query e = query(store, ST_ENTITLEMENTS_OF);
	int rc;

	query_text(&q, name);
	query_text(&e, name);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : error_set(err, ENOENT, "pool %s: no such pool", name);
	if ((rc = read_pool(&q, out, deleted, err)) < 0)
		return rc;
	while ((rc = query_row(&e, err)) > 0) {
		char pool[POOL_NAME_SIZE];

		get_text(&e, pool, sizeof(pool));
		read_entitlement(&e, out);
		if (query_sound(&e, err) < 0)
			return -EBADMSG;
	}
	return rc;
}

int store_pool_find(struct store *store, const char *name, struct pool *out, struct error *err)
{
	OWNED(free) struct pool *pool = xnew(struct pool);
	bool deleted;
	int rc = find_pool(store, name, pool, &deleted, err);

	if (rc < 0)
		return rc;
	if (deleted)
		return error_set(err, ENOENT, "pool %s: no such pool", name);
	*out = *pool;
	return 0;
}

int store_count_pool(struct store *store, const char *name, struct store_pool_count *out,
		     struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_POOL_COUNT);
	int rc;

	query_text(&q, name);
	if ((rc = query_row(&q, err)) < 0)
		return rc;

	struct store_pool_count count = { 0 };
	count.assigned = get_int(&q);
	count.spare_ready = get_int(&q);
	count.spare_coming = get_int(&q);
	count.failed = get_int(&q);
	count.leaving = get_int(&q);
	count.starting = get_int(&q);
	count.waiting = get_int(&q);
	if ((rc = query_sound(&q, err)) == 0)
		*out = count;
	return rc;
}

int store_pool_count(struct store *store, const char *name, struct store_pool_count *out,
		     struct error *err)
{
	return store_count_pool(store, name, out, err);
}

/* ----------------------------------------------------------------------------------- writing */

static int put_principals(struct store *store, const char *pool, const char *kind, size_t count,
			  const char names[][POOL_PRINCIPAL_SIZE], struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		OWNED(query_done) struct query q = query(store, ST_ENTITLEMENT_PUT);
		int rc;

		query_text(&q, pool);
		query_text(&q, kind);
		query_int(&q, (int64_t)i);
		query_text(&q, names[i]);
		if ((rc = query_run(&q, err)) < 0)
			return rc;
	}
	return 0;
}

static int drop_entitlements(struct store *store, const char *pool, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_ENTITLEMENTS_DROP);

	query_text(&q, pool);
	return query_run(&q, err);
}

static int put_pool(struct store *store, const struct pool *p, int64_t now_ms, struct error *err)
{
	OWNED(buf_done) struct buf policy = BUF_LIMIT(512);
	OWNED(buf_done) struct buf schedule = BUF_LIMIT(POOL_SCHEDULE_MAX * POOL_SCHEDULE_SIZE);
	int rc;

	policy_format(&p->policy, &policy);
	for (size_t i = 0; i < p->schedule_count; i++)
		buf_printf(&schedule, "%s%s", i ? "\n" : "", p->schedule[i]);
	{
		OWNED(query_done) struct query q = query(store, ST_POOL_PUT);

		query_text(&q, p->name);
		query_text(&q, p->title);
		query_text(&q, p->image);
		query_text(&q, p->channel);
		query_int(&q, p->publication);
		query_text(&q, pool_assignment_word(p->assignment));
		query_int(&q, p->size_max);
		query_int(&q, p->size_spare);
		query_int(&q, p->desktop.cpus);
		query_int(&q, p->desktop.memory_bytes);
		query_int(&q, p->desktop.disk_bytes);
		query_text(&q, buf_text(&policy));
		query_int(&q, p->size_start);
		query_int(&q, p->size_grow);
		query_text(&q, buf_text(&schedule));
		query_int(&q, p->max_per_user);
		query_text(&q, pool_on_logoff_word(p->on_logoff));
		query_int(&q, p->disconnect_timeout_ms);
		query_int(&q, p->self_restart);
		query_int(&q, p->self_reset);
		query_int(&q, p->standard_clients);
		query_int(&q, p->user_disk_bytes);
		query_int(&q, p->overlay_bytes);
		query_int(&q, p->idle_timeout_ms);
		query_text(&q, pool_idle_action_word(p->idle_action));
		query_int(&q, p->rollout_canary);
		query_int(&q, p->rollout_window_ms);
		query_int(&q, p->rollout_max_failures);
		query_text(&q, pool_second_factor_word(p->second_factor));
		query_int(&q, now_ms);
		if ((rc = query_run(&q, err)) < 0)
			return rc;
	}
	if ((rc = drop_entitlements(store, p->name, err)) < 0 ||
	    (rc = put_principals(store, p->name, "group", p->group_count, p->groups, err)) < 0)
		return rc;
	return put_principals(store, p->name, "user", p->user_count, p->users, err);
}

/* Returns how many. */
static int let_all_go(struct store *store, const struct store_desktop_list *list, int64_t now_ms,
		      struct error *err)
{
	for (size_t i = 0; i < list->count; i++) {
		int rc = store_desktop_let_go(store, list->items[i].id, list->items[i].host, now_ms,
					      err);
		if (rc < 0)
			return rc;
	}
	return (int)list->count;
}

/* Up to `limit` spares, healthy or failed ones, that have not changed since `changed_before_ms`;
 * those first that cost least. Returns how many went. */
int store_let_spares_go(struct store *store, const char *pool, bool failed,
			 int64_t changed_before_ms, int64_t limit, int64_t now_ms,
			 struct error *err)
{
	OWNED(store_desktop_list_done) struct store_desktop_list list = { 0 };
	int rc;

	if (limit <= 0)
		return 0;
	{
		OWNED(query_done) struct query q = query(store, ST_SPARES_TO_DROP);

		query_text(&q, pool);
		query_int(&q, failed);
		query_int(&q, changed_before_ms);
		query_int(&q, limit);
		if ((rc = store_read_desktops(&q, &list, err)) < 0)
			return rc;
	}
	return let_all_go(store, &list, now_ms, err);
}

int store_let_image_go(struct store *store, const char *pool, const char *sha256, bool ready,
		       int64_t limit, int64_t now_ms, struct error *err)
{
	OWNED(store_desktop_list_done) struct store_desktop_list list = { 0 };
	int rc;

	if (limit <= 0)
		return 0;
	{
		OWNED(query_done) struct query q = query(store, ST_SPARES_OF_IMAGE);

		query_text(&q, pool);
		query_text(&q, sha256);
		query_int(&q, ready);
		query_int(&q, limit);
		if ((rc = store_read_desktops(&q, &list, err)) < 0)
			return rc;
	}
	return let_all_go(store, &list, now_ms, err);
}

int store_purge_deleted(struct store *store, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_POOLS_PURGE);

	return query_run(&q, err);
}

static int delete_pool(struct store *store, const char *name, int64_t now_ms, struct error *err)
{
	int rc;
	{
		OWNED(query_done) struct query q = query(store, ST_POOL_MARK_DELETED);

		query_int(&q, now_ms);
		query_text(&q, name);
		if ((rc = query_run(&q, err)) < 0)
			return rc;
	}
	if ((rc = drop_entitlements(store, name, err)) < 0 ||
	    (rc = store_let_spares_go(store, name, false, INT64_MAX, POOL_DESKTOPS_MAX, now_ms, err)) < 0)
		return rc;
	return store_let_spares_go(store, name, true, INT64_MAX, POOL_DESKTOPS_MAX, now_ms, err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct store_pool_change *)a)->pool,
		      ((const struct store_pool_change *)b)->pool);
}

static const struct pool *named(const struct pool *pools, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(pools[i].name, name) == 0)
			return &pools[i];
	return NULL;
}

static void note(struct store_pool_changes *changes, const char *pool, enum store_action action)
{
	struct store_pool_change *c = STORE_APPEND(changes);

	snprintf(c->pool, sizeof(c->pool), "%s", pool);
	c->action = action;
}

static void compare(const struct pool *want, size_t count, const struct store_pool_list *have,
		    struct store_pool_changes *out)
{
	for (size_t i = 0; i < count; i++) {
		const struct pool *old = named(have->items, have->count, want[i].name);

		note(out, want[i].name,
		     !old ? STORE_CREATE : pool_equal(old, &want[i]) ? STORE_NONE : STORE_UPDATE);
	}
	for (size_t i = 0; i < have->count; i++)
		if (!named(want, count, have->items[i].name))
			note(out, have->items[i].name, STORE_DELETE);
	if (out->count)
		qsort(out->items, out->count, sizeof(*out->items), by_name);
}

static int refuse_when_used(struct store *store, const char *pool, struct error *err)
{
	struct store_pool_count count;
	int rc = store_count_pool(store, pool, &count, err);

	if (rc < 0 || count.assigned == 0)
		return rc;
	return error_set(err, ENOTEMPTY,
			 "pool %s: %lld desktops belong to users; delete those first "
			 "(genkanctl desktop delete), or keep the pool",
			 pool, (long long)count.assigned);
}

static int carry_out(struct store *store, const struct pool *pools, size_t count,
		     const struct store_pool_changes *changes, int64_t now_ms, struct error *err)
{
	bool any = false;
	int rc = 0;

	for (size_t i = 0; i < changes->count && rc >= 0; i++) {
		const struct store_pool_change *c = &changes->items[i];

		any |= c->action != STORE_NONE;
		if (c->action == STORE_DELETE)
			rc = delete_pool(store, c->pool, now_ms, err);
		else if (c->action != STORE_NONE)
			rc = put_pool(store, named(pools, count, c->pool), now_ms, err);
	}
	if (rc < 0 || !any)
		return rc;
	if ((rc = store_purge_deleted(store, err)) < 0 ||
	    (rc = store_pushes_begin(store, now_ms, err)) < 0)
		return rc;
	return store_bump_all_hosts(store, err);	/* their images may differ now */
}

int store_pools_apply(struct store *store, const struct pool *pools, size_t count, bool dry_run,
		      int64_t now_ms, struct store_pool_changes *out, struct error *err)
{
	OWNED(store_pool_list_done) struct store_pool_list have = { 0 };
	OWNED(store_pool_changes_done) struct store_pool_changes changes = { 0 };
	OWNED(tx_done) struct tx tx = { 0 };
	int rc;

	if ((rc = dry_run ? tx_begin_read(store, &tx, err) : tx_begin(store, &tx, err)) < 0 ||
	    (rc = read_pools(store, false, &have, err)) < 0)
		return rc;
	compare(pools, count, &have, &changes);
	for (size_t i = 0; i < changes.count; i++)
		if (changes.items[i].action == STORE_DELETE &&
		    (rc = refuse_when_used(store, changes.items[i].pool, err)) < 0)
			return rc;
	if (!dry_run && ((rc = carry_out(store, pools, count, &changes, now_ms, err)) < 0 ||
			 (rc = tx_commit(&tx, err)) < 0))
		return rc;
	*out = changes;
	changes = (struct store_pool_changes){ 0 };
	return 0;
}
