/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/pool.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/base/text.h"
#include "pool/schedule.h"

#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)
#define TIB (INT64_C(1) << 40)

static const char *const assignment_words[] = {
	[POOL_FLOATING] = "floating",
	[POOL_DEDICATED] = "dedicated",
};

const char *pool_assignment_word(enum pool_assignment assignment)
{
	assert((unsigned)assignment < ARRAY_LEN(assignment_words));
	return assignment_words[assignment];
}

int pool_assignment_parse(const char *word, enum pool_assignment *out)
{
	for (size_t i = 0; i < ARRAY_LEN(assignment_words); i++) {
		if (strcmp(assignment_words[i], word) != 0)
			continue;
		*out = (enum pool_assignment)i;
		return 0;
	}
	return -EINVAL;
}

static const char *const idle_action_words[] = {
	[POOL_IDLE_DISCONNECT] = "disconnect",
	[POOL_IDLE_LOGOFF] = "logoff",
};

const char *pool_idle_action_word(enum pool_idle_action action)
{
	assert((unsigned)action < ARRAY_LEN(idle_action_words));
	return idle_action_words[action];
}

int pool_idle_action_parse(const char *word, enum pool_idle_action *out)
{
	for (size_t i = 0; i < ARRAY_LEN(idle_action_words); i++) {
		if (strcmp(idle_action_words[i], word) != 0)
			continue;
		*out = (enum pool_idle_action)i;
		return 0;
	}
	return -EINVAL;
}

const char *pool_second_factor_word(bool second_factor)
{
	return second_factor ? "totp" : "none";
}

int pool_second_factor_parse(const char *word, bool *out)
{
	bool totp = strcmp(word, "totp") == 0;

	if (!totp && strcmp(word, "none") != 0)
		return -EINVAL;
	*out = totp;
	return 0;
}

static const char *const on_logoff_words[] = {
	[POOL_LOGOFF_REFRESH] = "refresh",
	[POOL_LOGOFF_KEEP] = "keep",
	[POOL_LOGOFF_DELETE] = "delete",
};

const char *pool_on_logoff_word(enum pool_on_logoff on_logoff)
{
	assert((unsigned)on_logoff < ARRAY_LEN(on_logoff_words));
	return on_logoff_words[on_logoff];
}

int pool_on_logoff_parse(const char *word, enum pool_on_logoff *out)
{
	for (size_t i = 0; i < ARRAY_LEN(on_logoff_words); i++) {
		if (strcmp(on_logoff_words[i], word) != 0)
			continue;
		*out = (enum pool_on_logoff)i;
		return 0;
	}
	return -EINVAL;
}

enum pool_on_logoff pool_on_logoff_default(enum pool_assignment assignment)
{
	return assignment == POOL_FLOATING ? POOL_LOGOFF_REFRESH : POOL_LOGOFF_KEEP;
}

bool pool_name_valid(const char *name)
{
	size_t len = strnlen(name, POOL_NAME_SIZE);

	return len > 0 && len < POOL_NAME_SIZE && name[0] >= 'a' && name[0] <= 'z' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/* Text for people and for directories: valid UTF-8 without control characters. */
static bool printable(const char *text)
{
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	return utf8_valid(span_text(text));
}

/* Collects what is wrong; each rule is one call. */
struct check {
	struct buf *problems;
	const char *pool;	/* prefix; NULL in pool_check */
	size_t count;
};

static void PRINTF_LIKE(3, 4) rule(struct check *c, bool holds, const char *fmt, ...)
{
	char text[320];
	va_list args;

	if (holds)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	c->count++;
	if (c->problems && c->pool)
		buf_printf(c->problems, "pool %s: ", c->pool);
	if (c->problems)
		buf_printf(c->problems, "%s\n", text);
}

static void check_principals(struct check *c, const char *key, size_t count,
			     const char names[][POOL_PRINCIPAL_SIZE])
{
	rule(c, count <= POOL_PRINCIPALS_MAX, "%s: more than %d entries", key, POOL_PRINCIPALS_MAX);
	for (size_t i = 0; i < count && i < POOL_PRINCIPALS_MAX; i++) {
		rule(c, names[i][0] && printable(names[i]), "%s: entry %zu is empty or not printable",
		     key, i + 1);
		for (size_t j = 0; j < i; j++)
			rule(c, strcmp(names[i], names[j]) != 0, "%s: \"%s\" appears twice", key,
			     names[i]);
	}
}

static void check_image(struct check *c, const struct pool *p)
{
	rule(c, pool_name_valid(p->image),
	     "image.name: must be a lowercase letter followed by letters, digits and '-', at most "
	     "32 characters");
	rule(c, p->publication >= 0, "image.publication: must be 1 or more");
	rule(c, (p->publication > 0) != (p->channel[0] != '\0'),
	     "image: needs either a channel or a publication");
	rule(c, !p->channel[0] || !strcmp(p->channel, "stable") || !strcmp(p->channel, "canary"),
	     "image.channel: must be stable or canary");
}

static void check_sizes(struct check *c, const struct pool *p)
{
	rule(c, p->size_max >= 1 && p->size_max <= POOL_DESKTOPS_MAX, "size.max: must be 1 to %d",
	     POOL_DESKTOPS_MAX);
	rule(c, p->size_spare >= 0 && p->size_spare <= p->size_max,
	     "size.spare: must be 0 to size.max");
	rule(c, p->size_start >= 0 && p->size_start <= p->size_max,
	     "size.start: must be 0 to size.max");
	rule(c, p->size_grow >= 0 && p->size_grow <= POOL_DESKTOPS_MAX, "size.grow: must be 0 to %d",
	     POOL_DESKTOPS_MAX);
	rule(c, p->desktop.cpus >= 1 && p->desktop.cpus <= 64, "desktop.cpus: must be 1 to 64");
	rule(c, p->desktop.memory_bytes >= 256 * MIB && p->desktop.memory_bytes <= 1 * TIB,
	     "desktop.memory: must be 256 MiB to 1 TiB");
	rule(c, p->desktop.memory_bytes % MIB == 0, "desktop.memory: must be whole MiB");
	rule(c,
	     p->desktop.disk_bytes == 0 ||
		     (p->desktop.disk_bytes >= 1 * GIB && p->desktop.disk_bytes <= 64 * TIB),
	     "desktop.disk: must be 1 GiB to 64 TiB");
	rule(c, p->desktop.disk_bytes % MIB == 0, "desktop.disk: must be whole MiB");
}

static void check_life(struct check *c, const struct pool *p)
{
	rule(c, p->schedule_count <= POOL_SCHEDULE_MAX, "schedule: more than %d lines",
	     POOL_SCHEDULE_MAX);
	for (size_t i = 0; i < p->schedule_count && i < POOL_SCHEDULE_MAX; i++) {
		struct schedule_line line;
		struct error err = { 0 };

		if (schedule_parse(p->schedule[i], &line, &err) < 0)
			rule(c, false, "schedule: line %zu: %s", i + 1, err.text);
		else
			rule(c, line.spare <= p->size_max,
			     "schedule: line %zu: more spares than size.max", i + 1);
	}
	rule(c, p->max_per_user >= 0 && p->max_per_user <= POOLS_MAX, "max_per_user: must be 0 to %d",
	     POOLS_MAX);
	rule(c,
	     p->on_logoff == POOL_LOGOFF_REFRESH || p->on_logoff == POOL_LOGOFF_KEEP ||
		     p->on_logoff == POOL_LOGOFF_DELETE,
	     "on_logoff: must be refresh, keep or delete");
	rule(c, p->disconnect_timeout_ms >= 0 && p->disconnect_timeout_ms <= POOL_TIMEOUT_MAX_MS,
	     "disconnect_timeout: must be at most 365d");
	rule(c,
	     p->idle_timeout_ms == 0 || (p->idle_timeout_ms >= POOL_IDLE_MIN_MS &&
					 p->idle_timeout_ms <= POOL_TIMEOUT_MAX_MS),
	     "idle_timeout: must be 0 or 1m to 365d");
	rule(c, p->idle_action != POOL_IDLE_LOGOFF || p->on_logoff != POOL_LOGOFF_KEEP,
	     "idle_action: logoff needs on_logoff refresh or delete");
}

static void check_user_disk(struct check *c, const struct pool *p)
{
	rule(c,
	     p->user_disk_bytes == 0 ||
		     (p->user_disk_bytes >= 64 * MIB && p->user_disk_bytes <= 64 * TIB),
	     "user_disk.size: must be 64 MiB to 64 TiB");
	rule(c, p->user_disk_bytes % MIB == 0, "user_disk.size: must be whole MiB");
	rule(c, p->overlay_bytes == 0 || p->overlay_bytes >= 16 * MIB,
	     "desktop.overlay: must be at least 16 MiB");
}

static void check_policy(struct check *c, const struct pool_policy *policy)
{
	for (int i = 0; i < POLICY_ITEMS; i++) {
		struct pool_policy scratch;
		struct error err = { 0 };
		const char *item = policy_item_word((enum policy_item)i);
		bool known = (unsigned)policy->value[i] < POLICY_VALUES;

		rule(c, known, "policy.%s: must be allow or deny", item);
		if (known && policy_set(&scratch, item, policy_value_word(policy->value[i]), &err))
			rule(c, false, "policy.%s: %s", item, err.text);
	}
}

static void check_pool(struct check *c, const struct pool *p)
{
	rule(c, pool_name_valid(p->name),
	     "pool: must be a lowercase letter followed by letters, digits and '-', at most 32 "
	     "characters");
	rule(c, p->title[0] && printable(p->title), "title: is empty or not printable");
	check_principals(c, "entitled.groups", p->group_count, p->groups);
	check_principals(c, "entitled.users", p->user_count, p->users);
	check_image(c, p);
	rule(c, p->assignment == POOL_FLOATING || p->assignment == POOL_DEDICATED,
	     "assignment: must be floating or dedicated");
	check_sizes(c, p);
	check_life(c, p);
	check_user_disk(c, p);
	rule(c, p->rollout_canary >= 0 && p->rollout_canary <= 100,
	     "rollout.canary: must be 0 to 100 percent");
	rule(c, p->rollout_window_ms >= 0 && p->rollout_window_ms <= POOL_TIMEOUT_MAX_MS,
	     "rollout.window: must be at most a year");
	rule(c, p->rollout_max_failures >= 0 && p->rollout_max_failures <= 1000,
	     "rollout.max_failures: must be 0 to 1000");
	check_policy(c, &p->policy);
}

int pool_check(const struct pool *pool, struct buf *problems)
{
	struct check c = { .problems = problems };

	check_pool(&c, pool);
	return c.count ? -EINVAL : 0;
}

int pool_check_set(const struct pool *pools, size_t count, struct buf *problems)
{
	struct check c = { .problems = problems };

	rule(&c, count <= POOLS_MAX, "more than %d pools", POOLS_MAX);
	for (size_t i = 0; i < count; i++) {
		c.pool = pools[i].name;
		check_pool(&c, &pools[i]);
		for (size_t j = 0; j < i; j++)
			rule(&c, strcmp(pools[i].name, pools[j].name) != 0, "is defined twice");
	}
	return c.count ? -EINVAL : 0;
}

static bool same_names(size_t count, const char a[][POOL_PRINCIPAL_SIZE],
		       const char b[][POOL_PRINCIPAL_SIZE])
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

static bool same_schedule(const struct pool *a, const struct pool *b)
{
	for (size_t i = 0; i < a->schedule_count && i < b->schedule_count; i++)
		if (strcmp(a->schedule[i], b->schedule[i]) != 0)
			return false;
	return a->schedule_count == b->schedule_count;
}

static bool same_life(const struct pool *a, const struct pool *b)
{
	return a->size_start == b->size_start && a->size_grow == b->size_grow &&
	       same_schedule(a, b) && a->max_per_user == b->max_per_user &&
	       a->on_logoff == b->on_logoff &&
	       a->disconnect_timeout_ms == b->disconnect_timeout_ms &&
	       a->self_restart == b->self_restart && a->self_reset == b->self_reset &&
	       a->standard_clients == b->standard_clients &&
	       a->second_factor == b->second_factor &&
	       a->idle_timeout_ms == b->idle_timeout_ms && a->idle_action == b->idle_action &&
	       a->user_disk_bytes == b->user_disk_bytes && a->overlay_bytes == b->overlay_bytes &&
	       a->rollout_canary == b->rollout_canary &&
	       a->rollout_window_ms == b->rollout_window_ms &&
	       a->rollout_max_failures == b->rollout_max_failures;
}

bool pool_equal(const struct pool *a, const struct pool *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->title, b->title) &&
	       a->group_count == b->group_count && a->user_count == b->user_count &&
	       same_names(a->group_count, a->groups, b->groups) &&
	       same_names(a->user_count, a->users, b->users) && !strcmp(a->image, b->image) &&
	       !strcmp(a->channel, b->channel) && a->publication == b->publication &&
	       a->assignment == b->assignment && a->size_max == b->size_max &&
	       a->size_spare == b->size_spare && same_life(a, b) &&
	       a->desktop.cpus == b->desktop.cpus &&
	       a->desktop.memory_bytes == b->desktop.memory_bytes &&
	       a->desktop.disk_bytes == b->desktop.disk_bytes &&
	       !memcmp(a->policy.value, b->policy.value, sizeof(a->policy.value));
}
