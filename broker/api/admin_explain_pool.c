/* SPDX-License-Identifier: Apache-2.0 */
/* Why a pool has the desktops it has: the same look at the store as the replenishing takes. */
#include "broker/api/admin.h"

#include <errno.h>
#include <string.h>
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "pool/pool_json.h"
#include "pool/schedule.h"

struct pool_input {
	char name[POOL_NAME_SIZE];
	int64_t host_silent_ms;
};

static json_t *room_json(const struct store_room *room)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "host", room->host, "code",
			 reason_word(room->reason), "memory_free_bytes",
			 (json_int_t)room->memory_free_bytes, "memory_needed_bytes",
			 (json_int_t)room->memory_needed_bytes, "disk_free_bytes",
			 (json_int_t)room->disk_free_bytes, "disk_needed_bytes",
			 (json_int_t)room->disk_needed_bytes, "cpus", (json_int_t)room->cpus,
			 "cpus_used", (json_int_t)room->cpus_used);
}

/* Hosts, and why the next desktop of this publication would not come to each. */
static int hosts_json(struct store *store, const struct pool_input *input, const struct pool *pool,
		      const char *sha256, enum reason *any, json_t **out, struct error *err)
{
	OWNED(store_room_list_done) struct store_room_list list = { 0 };
	int64_t now_ms = clock_wall_ms();
	json_t *hosts = json_array();
	int rc = store_pool_room(store, pool, sha256, now_ms - input->host_silent_ms, now_ms, &list,
				 err);

	*any = REASON_NO_HOST;
	for (size_t i = 0; i < list.count; i++) {
		if (list.items[i].reason == REASON_OK)
			*any = REASON_SPARES_COMING;
		else if (list.items[i].reason == REASON_HOST_FETCHING && *any == REASON_NO_HOST)
			*any = REASON_IMAGE_COMING;
		json_array_append_new(hosts, room_json(&list.items[i]));
	}
	*out = hosts;
	return rc;
}

/* What hosts fork, or would fork, this pool's desktops from. */
struct templates_of {
	const struct pool *pool;
	const struct store_push *push;
	json_t *list;
};

static bool is_of(const struct templates_of *t, const json_t *item)
{
	const char *image = json_string_value(json_object_get(item, "image_sha256"));

	return image &&
	       (strcmp(image, t->push->current_sha256) == 0 ||
		strcmp(image, t->push->next_sha256) == 0) &&
	       json_integer_value(json_object_get(item, "cpus")) == t->pool->desktop.cpus &&
	       json_integer_value(json_object_get(item, "memory_bytes")) ==
		       t->pool->desktop.memory_bytes;
}

static void add_templates(void *arg, const char *host, const char *json)
{
	struct templates_of *t = arg;
	OWNED(json_decref) json_t *all = json_loads(json, 0, NULL);
	json_t *item;
	size_t i;

	json_array_foreach(all, i, item) {
		if (!is_of(t, item))
			continue;
		json_object_set_new(item, "host", json_string(host));
		json_array_append(t->list, item);
	}
}

/* One word for it all, in the order in which things stand in the way. */
static enum reason judge(const struct pool *pool, const struct store_pool_count *count,
			 const struct store_push *push, enum reason any_host)
{
	int64_t wanted = schedule_spare(pool, clock_week_minute(clock_wall_ms())) + count->waiting;
	int64_t rows = count->assigned + count->spare_ready + count->spare_coming + count->failed +
		       count->leaving;

	if (!push->rollout.current)
		return REASON_NO_IMAGE;
	if (count->spare_ready >= wanted)
		return REASON_SPARES_FULL;
	if (count->spare_ready + count->spare_coming >= wanted)
		return REASON_SPARES_COMING;
	if (rows >= pool->size_max)
		return REASON_POOL_FULL;
	if (pool->size_grow && count->starting >= pool->size_grow)
		return REASON_STARTS_LIMITED;
	return any_host;
}

static int explain_run(struct store *store, struct admin_job *a, struct error *err)
{
	const struct pool_input *input = a->input;
	OWNED(free) struct pool *pool = xnew(struct pool);
	struct store_pool_count count = { 0 };
	struct store_push push = { 0 };
	json_t *hosts = NULL;
	enum reason any = REASON_NO_HOST;
	int rc = store_pool_find(store, input->name, pool, err);

	if (rc == 0)
		rc = store_push_find(store, input->name, &push, err);
	if (rc < 0 && (rc != -ENOENT || !*pool->name))
		return rc;
	a->answer = json_pack("{s:s, s:s, s:I, s:I}", "pool", pool->name, "title", pool->title, "max",
			      (json_int_t)pool->size_max, "spare",
			      (json_int_t)schedule_spare(pool, clock_week_minute(clock_wall_ms())));
	if ((rc = admin_pool_state(store, pool->name, a->answer, &count, err)) < 0 ||
	    (rc = hosts_json(store, input, pool, push.current_sha256, &any, &hosts, err)) < 0)
		return rc;
	json_object_set_new(a->answer, "hosts", hosts);
	struct templates_of templates = { pool, &push, json_array() };

	json_object_set_new(a->answer, "templates", templates.list);
	if ((rc = store_templates(store, add_templates, &templates, err)) < 0)
		return rc;
	json_object_set_new(a->answer, "code",
			    json_string(reason_word(judge(pool, &count, &push, any))));
	if (!push.next_sha256[0])
		return 0;
	rc = hosts_json(store, input, pool, push.next_sha256, &any, &hosts, err);
	json_object_set_new(a->answer, "next_hosts", hosts);
	return rc;
}

void admin_explain_pool(struct request *r, const char *name)
{
	struct pool_input *input = xnew(struct pool_input);

	input->host_silent_ms = r->broker->config->host_silent_ms;
	if (!request_may_pool(r, name)) {
		free(input);
		request_refuse(r, REASON_FORBIDDEN, -1, NULL);
		return;
	}
	if (str_copy(input->name, sizeof(input->name), name) < 0 || !pool_name_valid(name)) {
		free(input);
		request_refuse(r, REASON_NOT_FOUND, -1, "There is no such pool.");
		return;
	}
	admin_look(r, explain_run, input, free);
}
