/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/pool_json.h"

#include <errno.h>
#include <string.h>
#include "common/base/text.h"

static json_t *names_to_json(size_t count, const char names[][POOL_PRINCIPAL_SIZE])
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_string(names[i]));
	return array;
}

static json_t *image_to_json(const struct pool *pool)
{
	if (pool->publication)
		return json_pack("{s:s, s:I}", "name", pool->image, "publication",
				 (json_int_t)pool->publication);
	return json_pack("{s:s, s:s}", "name", pool->image, "channel", pool->channel);
}

json_t *policy_to_json(const struct pool_policy *policy)
{
	json_t *object = json_object();

	for (int i = 0; i < POLICY_ITEMS; i++)
		json_object_set_new(object, policy_item_word((enum policy_item)i),
				    json_string(policy_value_word(policy->value[i])));
	return object;
}

static const char *allow_word(bool allow)
{
	return policy_value_word(allow ? POLICY_ALLOW : POLICY_DENY);
}

static json_t *schedule_to_json(const struct pool *pool)
{
	json_t *array = json_array();

	for (size_t i = 0; i < pool->schedule_count; i++)
		json_array_append_new(array, json_string(pool->schedule[i]));
	return array;
}

json_t *pool_to_json(const struct pool *pool)
{
	return json_pack(
		"{s:s, s:s, s:{s:o, s:o}, s:o, s:s, s:{s:I, s:I, s:I, s:I}, s:o, s:I, s:s, s:I, "
		"s:I, s:s, s:{s:s, s:s}, s:s, s:s, s:{s:I}, s:{s:I, s:I, s:I}, s:{s:I, s:I, s:I, s:I}, s:o}",
		"pool", pool->name, "title", pool->title,
		"entitled", "groups", names_to_json(pool->group_count, pool->groups),
		"users", names_to_json(pool->user_count, pool->users),
		"image", image_to_json(pool), "assignment", pool_assignment_word(pool->assignment),
		"size", "max", (json_int_t)pool->size_max, "spare", (json_int_t)pool->size_spare,
		"start", (json_int_t)pool->size_start, "grow", (json_int_t)pool->size_grow,
		"schedule", schedule_to_json(pool), "max_per_user", (json_int_t)pool->max_per_user,
		"on_logoff", pool_on_logoff_word(pool->on_logoff), "disconnect_timeout_ms",
		(json_int_t)pool->disconnect_timeout_ms, "idle_timeout_ms",
		(json_int_t)pool->idle_timeout_ms, "idle_action",
		pool_idle_action_word(pool->idle_action), "self_service", "restart",
		allow_word(pool->self_restart), "reset", allow_word(pool->self_reset),
		"standard_clients", allow_word(pool->standard_clients), "second_factor",
		pool_second_factor_word(pool->second_factor), "user_disk", "size_bytes",
		(json_int_t)pool->user_disk_bytes,
		"rollout", "canary", (json_int_t)pool->rollout_canary, "window_ms",
		(json_int_t)pool->rollout_window_ms, "max_failures",
		(json_int_t)pool->rollout_max_failures, "desktop", "cpus",
		(json_int_t)pool->desktop.cpus, "memory_bytes",
		(json_int_t)pool->desktop.memory_bytes, "disk_bytes",
		(json_int_t)pool->desktop.disk_bytes, "overlay_bytes",
		(json_int_t)pool->overlay_bytes, "policy", policy_to_json(&pool->policy));
}

/* `known` ends with NULL. */
static int only_known(const json_t *object, const char *const *known, struct error *err)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value) {
		const char *const *k = known;

		while (*k && strcmp(*k, key) != 0)
			k++;
		if (!*k)
			return error_set(err, EINVAL, "%s: unknown member", key);
	}
	return 0;
}

/* json_get_object, with a check for unknown members and an empty object when it is absent. */
static int optional_object(const json_t *object, const char *key, const char *const *known,
			   const json_t **out, struct error *err)
{
	*out = NULL;
	if (!json_object_get(object, key))
		return 0;
	if (json_get_object(object, key, out, err) < 0)
		return -EINVAL;
	if (only_known(*out, known, err) < 0)
		return error_prefix(err, "%s", key);
	return 0;
}

/* Short texts into an array of char[size]. */
static int texts_from_json(const json_t *object, const char *key, size_t max, size_t size,
			   char *out, size_t *count, struct error *err)
{
	const json_t *array;

	if (!json_object_get(object, key))
		return 0;
	if (json_get_array(object, key, max, &array, err) < 0)
		return -EINVAL;
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *item = json_array_get(array, i);
		const char *text = json_string_value(item);

		if (!text || strlen(text) != json_string_length(item) ||
		    str_copy(out + i * size, size, text) < 0)
			return error_set(err, EINVAL, "%s: entry %zu is not a short text", key, i + 1);
	}
	*count = json_array_size(array);
	return 0;
}

static int names_from_json(const json_t *object, const char *key,
			   char out[][POOL_PRINCIPAL_SIZE], size_t *count, struct error *err)
{
	return texts_from_json(object, key, POOL_PRINCIPALS_MAX, POOL_PRINCIPAL_SIZE, out[0], count,
			       err);
}

static int entitled_from_json(const json_t *object, struct pool *p, struct error *err)
{
	static const char *const known[] = { "groups", "users", NULL };
	const json_t *entitled;

	if (optional_object(object, "entitled", known, &entitled, err) < 0)
		return -EINVAL;
	if (!entitled)
		return 0;
	if (names_from_json(entitled, "groups", p->groups, &p->group_count, err) < 0 ||
	    names_from_json(entitled, "users", p->users, &p->user_count, err) < 0)
		return error_prefix(err, "entitled");
	return 0;
}

static int image_from_json(const json_t *object, struct pool *p, struct error *err)
{
	static const char *const known[] = { "name", "channel", "publication", NULL };
	const json_t *image;

	if (json_get_object(object, "image", &image, err) < 0)
		return -EINVAL;
	if (only_known(image, known, err) < 0 ||
	    json_get_text(image, "name", p->image, sizeof(p->image), err) < 0 ||
	    json_get_text_or(image, "channel", "", p->channel, sizeof(p->channel), err) < 0 ||
	    json_get_int_or(image, "publication", 0, 1, INT64_MAX, &p->publication, err) < 0)
		return error_prefix(err, "image");
	return 0;
}

static int sizes_from_json(const json_t *object, struct pool *p, struct error *err)
{
	static const char *const size_known[] = { "max", "spare", "start", "grow", NULL };
	static const char *const desktop_known[] = { "cpus", "memory_bytes", "disk_bytes",
						     "overlay_bytes", NULL };
	const json_t *size, *desktop;

	if (json_get_object(object, "size", &size, err) < 0 ||
	    json_get_object(object, "desktop", &desktop, err) < 0)
		return -EINVAL;
	if (only_known(size, size_known, err) < 0 ||
	    json_get_int(size, "max", 1, POOL_DESKTOPS_MAX, &p->size_max, err) < 0 ||
	    json_get_int_or(size, "spare", 0, 0, POOL_DESKTOPS_MAX, &p->size_spare, err) < 0 ||
	    json_get_int_or(size, "start", 0, 0, POOL_DESKTOPS_MAX, &p->size_start, err) < 0 ||
	    json_get_int_or(size, "grow", 0, 0, POOL_DESKTOPS_MAX, &p->size_grow, err) < 0)
		return error_prefix(err, "size");
	if (only_known(desktop, desktop_known, err) < 0 ||
	    json_get_int(desktop, "cpus", 1, INT64_MAX, &p->desktop.cpus, err) < 0 ||
	    json_get_int(desktop, "memory_bytes", 1, INT64_MAX, &p->desktop.memory_bytes, err) < 0 ||
	    json_get_int_or(desktop, "disk_bytes", 0, 0, INT64_MAX, &p->desktop.disk_bytes, err) < 0 ||
	    json_get_int_or(desktop, "overlay_bytes", 0, 0, INT64_MAX, &p->overlay_bytes, err) < 0)
		return error_prefix(err, "desktop");
	return 0;
}

static int allow_from_json(const json_t *object, const char *key, bool *out, struct error *err)
{
	char word[8];

	if (json_get_text_or(object, key, "deny", word, sizeof(word), err) < 0)
		return -EINVAL;
	*out = strcmp(word, "allow") == 0;
	if (!*out && strcmp(word, "deny") != 0)
		return error_set(err, EINVAL, "%s: must be allow or deny", key);
	return 0;
}

static int self_service_from_json(const json_t *object, struct pool *p, struct error *err)
{
	static const char *const known[] = { "restart", "reset", NULL };
	const json_t *service;

	if (optional_object(object, "self_service", known, &service, err) < 0)
		return -EINVAL;
	if (service && (allow_from_json(service, "restart", &p->self_restart, err) < 0 ||
			allow_from_json(service, "reset", &p->self_reset, err) < 0))
		return error_prefix(err, "self_service");
	return 0;
}

static int user_disk_from_json(const json_t *object, struct pool *p, struct error *err)
{
	static const char *const known[] = { "size_bytes", NULL };
	const json_t *disk;

	if (optional_object(object, "user_disk", known, &disk, err) < 0)
		return -EINVAL;
	if (disk && json_get_int_or(disk, "size_bytes", 0, 0, INT64_MAX, &p->user_disk_bytes, err) < 0)
		return error_prefix(err, "user_disk");
	return 0;
}

static int rollout_from_json(const json_t *object, struct pool *p, struct error *err)
{
	static const char *const known[] = { "canary", "window_ms", "max_failures", NULL };
	const json_t *rollout;

	if (optional_object(object, "rollout", known, &rollout, err) < 0)
		return -EINVAL;
	if (json_get_int_or(rollout, "canary", POOL_CANARY_DEFAULT, 0, 100, &p->rollout_canary,
			    err) < 0 ||
	    json_get_int_or(rollout, "window_ms", POOL_WINDOW_DEFAULT_MS, 0, POOL_TIMEOUT_MAX_MS,
			    &p->rollout_window_ms, err) < 0 ||
	    json_get_int_or(rollout, "max_failures", POOL_FAILURES_DEFAULT, 0, 1000,
			    &p->rollout_max_failures, err) < 0)
		return error_prefix(err, "rollout");
	return 0;
}

/* What becomes of desktops over the day. The kind of assignment is known already. */
static int life_from_json(const json_t *object, struct pool *p, struct error *err)
{
	const char *usual = pool_on_logoff_word(pool_on_logoff_default(p->assignment));
	char on_logoff[16], idle_action[16], second_factor[8];

	if (texts_from_json(object, "schedule", POOL_SCHEDULE_MAX, POOL_SCHEDULE_SIZE,
			    p->schedule[0], &p->schedule_count, err) < 0 ||
	    json_get_int_or(object, "max_per_user", 0, 0, POOLS_MAX, &p->max_per_user, err) < 0 ||
	    json_get_text_or(object, "on_logoff", usual, on_logoff, sizeof(on_logoff), err) < 0 ||
	    json_get_int_or(object, "disconnect_timeout_ms", POOL_DISCONNECT_DEFAULT_MS, 0,
			    POOL_TIMEOUT_MAX_MS, &p->disconnect_timeout_ms, err) < 0 ||
	    json_get_int_or(object, "idle_timeout_ms", 0, 0, POOL_TIMEOUT_MAX_MS, &p->idle_timeout_ms,
			    err) < 0 ||
	    json_get_text_or(object, "idle_action", "disconnect", idle_action, sizeof(idle_action),
			     err) < 0 ||
	    json_get_text_or(object, "second_factor", "none", second_factor, sizeof(second_factor),
			     err) < 0)
		return -EINVAL;
	if (pool_second_factor_parse(second_factor, &p->second_factor) < 0)
		return error_set(err, EINVAL, "second_factor: must be none or totp");
	if (pool_idle_action_parse(idle_action, &p->idle_action) < 0)
		return error_set(err, EINVAL, "idle_action: must be disconnect or logoff");
	if (pool_on_logoff_parse(on_logoff, &p->on_logoff) < 0)
		return error_set(err, EINVAL, "on_logoff: must be refresh, keep or delete");
	if (allow_from_json(object, "standard_clients", &p->standard_clients, err) < 0 ||
	    rollout_from_json(object, p, err) < 0)
		return -EINVAL;
	return self_service_from_json(object, p, err);
}

int policy_from_json(const json_t *object, struct pool_policy *out, struct error *err)
{
	struct pool_policy policy = { 0 };
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value) {
		const char *word = json_string_value(value);

		if (policy_set(&policy, key, word ? word : "", err) < 0) {
			error_prefix(err, "%s", key);
			return -EINVAL;
		}
	}
	*out = policy;
	return 0;
}

static int members_from_json(const json_t *object, struct pool *p, struct error *err)
{
	static const char *const known[] = { "pool",   "title", "entitled", "image", "assignment",
					     "size", "schedule", "max_per_user", "on_logoff",
					     "disconnect_timeout_ms", "idle_timeout_ms", "idle_action",
					     "self_service", "standard_clients", "second_factor",
					     "user_disk",
					     "rollout", "desktop", "policy", NULL };
	const json_t *policy = json_object_get(object, "policy");
	char assignment[16];

	if (only_known(object, known, err) < 0 ||
	    json_get_text(object, "pool", p->name, sizeof(p->name), err) < 0 ||
	    json_get_text(object, "title", p->title, sizeof(p->title), err) < 0 ||
	    entitled_from_json(object, p, err) < 0 || image_from_json(object, p, err) < 0 ||
	    json_get_text(object, "assignment", assignment, sizeof(assignment), err) < 0 ||
	    sizes_from_json(object, p, err) < 0)
		return -EINVAL;
	if (pool_assignment_parse(assignment, &p->assignment) < 0)
		return error_set(err, EINVAL, "assignment: must be floating or dedicated");
	if (life_from_json(object, p, err) < 0 || user_disk_from_json(object, p, err) < 0)
		return -EINVAL;
	if (policy && (json_get_object(object, "policy", &policy, err) < 0))
		return -EINVAL;
	if (policy && policy_from_json(policy, &p->policy, err) < 0)
		return error_prefix(err, "policy");
	return 0;
}

int pool_from_json(const json_t *object, struct pool *out, struct error *err)
{
	OWNED(free) struct pool *p = xnew(struct pool);
	OWNED(buf_done) struct buf problems = BUF_LIMIT(8192);

	if (!json_is_object(object))
		return error_set(err, EINVAL, "a pool must be an object");
	if (members_from_json(object, p, err) < 0)
		return -EINVAL;
	if (pool_check(p, &problems) < 0)	/* the first line says enough here */
		return error_set(err, EINVAL, "%.*s",
				 (int)strcspn(buf_text(&problems), "\n"), buf_text(&problems));
	*out = *p;
	return 0;
}
