/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/pool_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "common/data/config.h"
#include "common/data/yaml_write.h"
#include "common/sys/file.h"

#define FILE_LIMIT (128 * 1024) /* the parser has its own, with a better message */

static int parse_assignment(const struct yamlf_field *field, const char *text, void *slot,
			    struct error *err)
{
	if (pool_assignment_parse(text, slot) < 0)
		return error_set(err, EINVAL, "must be floating or dedicated");
	return 0;
}

static int parse_on_logoff(const struct yamlf_field *field, const char *text, void *slot,
			   struct error *err)
{
	if (pool_on_logoff_parse(text, slot) < 0)
		return error_set(err, EINVAL, "must be refresh, keep or delete");
	return 0;
}

static int parse_timeout(const struct yamlf_field *field, const char *text, void *slot,
			 struct error *err)
{
	int64_t ms = strcmp(text, "0") == 0 ? 0 : config_parse_duration(text);

	if (ms < 0)
		return error_set(err, EINVAL, "must be a time such as 30m or 8h, or 0 for never");
	*(int64_t *)slot = ms;
	return 0;
}

static int parse_idle_action(const struct yamlf_field *field, const char *text, void *slot,
			     struct error *err)
{
	if (pool_idle_action_parse(text, slot) < 0)
		return error_set(err, EINVAL, "must be disconnect or logoff");
	return 0;
}

static int parse_second_factor(const struct yamlf_field *field, const char *text, void *slot,
			       struct error *err)
{
	if (pool_second_factor_parse(text, slot) < 0)
		return error_set(err, EINVAL, "must be none or totp");
	return 0;
}

static int parse_percent(const struct yamlf_field *field, const char *text, void *slot,
			 struct error *err)
{
	size_t digits = strspn(text, "0123456789");
	long percent = digits && digits < 4 ? strtol(text, NULL, 10) : -1;

	if (percent < 0 || percent > 100 || strcmp(text + digits, "%") != 0)
		return error_set(err, EINVAL,
				 "must be a share such as 10%%; 0%% and 100%%: all at once");
	*(int64_t *)slot = percent;
	return 0;
}

static int parse_allow(const struct yamlf_field *field, const char *text, void *slot,
		       struct error *err)
{
	*(bool *)slot = strcmp(text, "allow") == 0;
	if (!*(bool *)slot && strcmp(text, "deny") != 0)
		return error_set(err, EINVAL, "must be allow or deny");
	return 0;
}

static int parse_policy(const struct yamlf_field *field, const char *text, void *slot,
			struct error *err)
{
	return policy_set(slot, field->key, text, err);
}

/* The other way round: what stands in a file for a value. */

static void format_assignment(const struct yamlf_field *field, const void *slot, struct buf *out)
{
	buf_put_text(out, pool_assignment_word(*(const enum pool_assignment *)slot));
}

static void format_on_logoff(const struct yamlf_field *field, const void *slot, struct buf *out)
{
	buf_put_text(out, pool_on_logoff_word(*(const enum pool_on_logoff *)slot));
}

static void format_idle_action(const struct yamlf_field *field, const void *slot, struct buf *out)
{
	buf_put_text(out, pool_idle_action_word(*(const enum pool_idle_action *)slot));
}

static void format_second_factor(const struct yamlf_field *field, const void *slot,
				 struct buf *out)
{
	buf_put_text(out, pool_second_factor_word(*(const bool *)slot));
}

static void format_timeout(const struct yamlf_field *field, const void *slot, struct buf *out)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {
		{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 }
	};
	int64_t ms = *(const int64_t *)slot;
	size_t i = 0;

	if (ms == 0) {
		buf_put_u8(out, '0');
		return;
	}
	while (ms % units[i].ms)
		i++;
	buf_printf(out, "%lld%s", (long long)(ms / units[i].ms), units[i].unit);
}

static void format_percent(const struct yamlf_field *field, const void *slot, struct buf *out)
{
	buf_printf(out, "%lld%%", (long long)*(const int64_t *)slot);
}

static void format_allow(const struct yamlf_field *field, const void *slot, struct buf *out)
{
	buf_put_text(out, *(const bool *)slot ? "allow" : "deny");
}

static void format_policy(const struct yamlf_field *field, const void *slot, struct buf *out)
{
	const struct pool_policy *policy = slot;

	for (int i = 0; i < POLICY_ITEMS; i++)
		if (strcmp(policy_item_word((enum policy_item)i), field->key) == 0)
			buf_put_text(out, policy_value_word(policy->value[i]));
}

#define NAME_PATTERN "^[a-z][a-z0-9-]{0,31}$"
#define TIMEOUT_PATTERN "^(0|[0-9]{1,12}(ms|s|m|h|d))$"
#define SECOND_FACTOR_WORDS                                                                        \
	.parse = parse_second_factor, .format = format_second_factor, .words = "none|totp"
#define ALLOW_WORDS .parse = parse_allow, .format = format_allow, .words = "allow|deny"
#define TIMEOUT .parse = parse_timeout, .format = format_timeout, .pattern = TIMEOUT_PATTERN

#define ON_LOGOFF_NOT_SAID ((enum pool_on_logoff)99)
#define AT(member) offsetof(struct pool, member)

static const struct yamlf_field entitled_fields[] = {
	{ "groups", YAMLF_TEXTS, AT(groups), .size = POOL_PRINCIPAL_SIZE,
	  .max = POOL_PRINCIPALS_MAX, .count_offset = AT(group_count),
	  .help = "directory groups, by name or DN" },
	{ "users", YAMLF_TEXTS, AT(users), .size = POOL_PRINCIPAL_SIZE, .max = POOL_PRINCIPALS_MAX,
	  .count_offset = AT(user_count), .help = "user names" },
	{ 0 },
};

static const struct yamlf_field image_fields[] = {
	{ "name", YAMLF_TEXT, AT(image), .size = POOL_NAME_SIZE, .required = true,
	  .pattern = NAME_PATTERN, .help = "name the image was published under" },
	{ "channel", YAMLF_TEXT, AT(channel), .size = POOL_NAME_SIZE, .words = "stable|canary",
	  .help = "stable or canary" },
	{ "publication", YAMLF_INT, AT(publication), .min = 1, .max = 1000000000,
	  .help = "fixed number instead of a channel" },
	{ 0 },
};

static const struct yamlf_field size_fields[] = {
	{ "max", YAMLF_INT, AT(size_max), .min = 1, .max = POOL_DESKTOPS_MAX, .required = true,
	  .help = "most desktops, spares included" },
	{ "spare", YAMLF_INT, AT(size_spare), .min = 0, .max = POOL_DESKTOPS_MAX,
	  .help = "desktops kept ready ahead of users" },
	{ "start", YAMLF_INT, AT(size_start), .min = 0, .max = POOL_DESKTOPS_MAX,
	  .help = "fewest desktops there are, used ones included" },
	{ "grow", YAMLF_INT, AT(size_grow), .min = 0, .max = POOL_DESKTOPS_MAX,
	  .help = "most starts under way at one time" },
	{ 0 },
};

static const struct yamlf_field self_service_fields[] = {
	{ "restart", YAMLF_WORD, AT(self_restart), ALLOW_WORDS, .help = "allow or deny" },
	{ "reset", YAMLF_WORD, AT(self_reset), ALLOW_WORDS, .help = "allow or deny" },
	{ 0 },
};

static const struct yamlf_field user_disk_fields[] = {
	{ "size", YAMLF_BYTES, AT(user_disk_bytes), .required = true,
	  .help = "quota of each user" },
	{ 0 },
};

static const struct yamlf_field rollout_fields[] = {
	{ "canary", YAMLF_WORD, AT(rollout_canary), .parse = parse_percent,
	  .format = format_percent, .pattern = "^(100|[0-9]{1,2}|0[0-9]{2})%$",
	  .help = "share that gets a new publication first" },
	{ "window", YAMLF_WORD, AT(rollout_window_ms), TIMEOUT,
	  .help = "how long that share is watched" },
	{ "max_failures", YAMLF_INT, AT(rollout_max_failures), .min = 0, .max = 1000,
	  .help = "so many failures of a kind are chance" },
	{ 0 },
};

static const struct yamlf_field desktop_fields[] = {
	{ "cpus", YAMLF_INT, AT(desktop.cpus), .min = 1, .max = 64, .required = true,
	  .help = "virtual processors" },
	{ "memory", YAMLF_BYTES, AT(desktop.memory_bytes), .required = true, .help = "memory" },
	{ "overlay", YAMLF_BYTES, AT(overlay_bytes),
	  .help = "most that may be written beside the image" },
	{ "disk", YAMLF_BYTES, AT(desktop.disk_bytes), .help = "disk, when larger than the image" },
	{ 0 },
};

#define POLICY(item, values)                                                                       \
	{                                                                                          \
		item, YAMLF_WORD, AT(policy), .parse = parse_policy, .format = format_policy,      \
					      .words = values                                      \
	}

static const struct yamlf_field policy_fields[] = {
	POLICY("sound", "allow|deny"),
	POLICY("microphone", "allow|deny"),
	POLICY("camera", "allow|deny"),
	POLICY("clipboard", "deny|text-to-desktop|text-from-desktop|text-both"),
	POLICY("printers", "allow|deny"),
	POLICY("smart_cards", "allow|deny"),
	POLICY("webauthn", "allow|deny"),
	POLICY("video", "allow|deny"),
	POLICY("removable_storage", "deny"),
	{ 0 },
};

const struct yamlf_field pool_fields[] = {
	{ "pool", YAMLF_TEXT, AT(name), .size = POOL_NAME_SIZE, .required = true,
	  .pattern = NAME_PATTERN, .help = "name; desktops are called NAME-001 and so on" },
	{ "title", YAMLF_TEXT, AT(title), .size = POOL_TITLE_SIZE, .required = true,
	  .help = "what employees see" },
	{ "entitled", YAMLF_MAP, .fields = entitled_fields, .required = true,
	  .help = "who may use it" },
	{ "image", YAMLF_MAP, .fields = image_fields, .required = true, .help = "golden image" },
	{ "assignment", YAMLF_WORD, AT(assignment), .parse = parse_assignment,
	  .format = format_assignment, .words = "floating|dedicated", .required = true,
	  .help = "floating or dedicated" },
	{ "size", YAMLF_MAP, .fields = size_fields, .required = true, .help = "how many" },
	{ "schedule", YAMLF_TEXTS, AT(schedule), .size = POOL_SCHEDULE_SIZE,
	  .max = POOL_SCHEDULE_MAX, .count_offset = AT(schedule_count),
	  .help = "other numbers of spares at some hours" },
	{ "max_per_user", YAMLF_INT, AT(max_per_user), .min = 0, .max = POOLS_MAX,
	  .help = "who has so many desktops gets no more" },
	{ "on_logoff", YAMLF_WORD, AT(on_logoff), .parse = parse_on_logoff,
	  .format = format_on_logoff, .words = "refresh|keep|delete",
	  .help = "refresh, keep or delete" },
	{ "disconnect_timeout", YAMLF_WORD, AT(disconnect_timeout_ms), TIMEOUT,
	  .help = "how long a desktop waits for its disconnected user" },
	{ "idle_timeout", YAMLF_WORD, AT(idle_timeout_ms), TIMEOUT,
	  .help = "how long a session may go without input" },
	{ "idle_action", YAMLF_WORD, AT(idle_action), .parse = parse_idle_action,
	  .format = format_idle_action, .words = "disconnect|logoff",
	  .help = "disconnect or logoff" },
	{ "self_service", YAMLF_MAP, .fields = self_service_fields,
	  .help = "what users may do with their own desktop" },
	{ "standard_clients", YAMLF_WORD, AT(standard_clients), ALLOW_WORDS,
	  .help = "allow or deny: clients other than Genkan's" },
	{ "second_factor", YAMLF_WORD, AT(second_factor), SECOND_FACTOR_WORDS,
	  .help = "none or totp: a code besides the password" },
	{ "user_disk", YAMLF_MAP, .fields = user_disk_fields,
	  .help = "a home of their own for users" },
	{ "rollout", YAMLF_MAP, .fields = rollout_fields,
	  .help = "how a new publication comes into the pool" },
	{ "desktop", YAMLF_MAP, .fields = desktop_fields, .required = true,
	  .help = "hardware of each desktop" },
	{ "policy", YAMLF_MAP, .fields = policy_fields, .help = "what a session may redirect" },
	{ 0 },
};

/* The rules of pool_check, put at their lines. */
static int check(struct yamlf_doc *doc, const struct pool *pool, struct buf *problems)
{
	OWNED(buf_done) struct buf lines = BUF_LIMIT(16384);
	char *rest = NULL;

	if (pool_check(pool, &lines) == 0)
		return 0;

	OWNED(free) char *text = buf_steal_text(&lines);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *colon = strstr(line, ": ");

		if (colon)
			*colon = '\0';
		yamlf_problem(doc, line, colon ? colon + 2 : "is not valid", problems);
	}
	return -EINVAL;
}

/* What a file has that says nothing. */
static void put_usual(struct pool *pool)
{
	pool->disconnect_timeout_ms = POOL_DISCONNECT_DEFAULT_MS;
	pool->rollout_canary = POOL_CANARY_DEFAULT;
	pool->rollout_window_ms = POOL_WINDOW_DEFAULT_MS;
	pool->rollout_max_failures = POOL_FAILURES_DEFAULT;
}

void pool_file_write(const struct pool *pool, struct buf *out)
{
	OWNED(free) struct pool *usual = xnew(struct pool);

	put_usual(usual);
	usual->on_logoff = pool_on_logoff_default(pool->assignment);
	yamlf_write(pool_fields, pool, usual, out);
}

int pool_file_parse(const char *name, struct span text, struct pool *out, struct buf *problems)
{
	OWNED(yamlf_free) struct yamlf_doc *doc = NULL;
	OWNED(free) struct pool *pool = xnew(struct pool);

	put_usual(pool);
	pool->on_logoff = ON_LOGOFF_NOT_SAID;
	if (yamlf_parse(name, text, &doc, problems) < 0 ||
	    yamlf_fill(doc, pool_fields, pool, problems) < 0)
		return -EINVAL;
	if (!pool->channel[0] && !pool->publication)
		strcpy(pool->channel, "stable");
	if (pool->on_logoff == ON_LOGOFF_NOT_SAID)
		pool->on_logoff = pool_on_logoff_default(pool->assignment);
	if (check(doc, pool, problems) < 0)
		return -EINVAL;
	*out = *pool;
	return 0;
}

/* -------------------------------------------------------------------------------- many files */

void pool_files_done(struct pool_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->paths[i]);
	free(files->paths);
	free(files->pools);
	*files = (struct pool_files){ 0 };
}

static void add_pool(struct pool_files *files, const struct pool *pool, const char *path)
{
	size_t n = files->count;

	files->pools = xrealloc(files->pools, (n + 1) * sizeof(*files->pools));
	files->paths = xrealloc(files->paths, (n + 1) * sizeof(*files->paths));
	files->pools[n] = *pool;
	files->paths[n] = xstrdup(path);
	files->count = n + 1;
}

static int load_file(const char *path, struct pool_files *files, struct buf *problems)
{
	OWNED(buf_done) struct buf text = { 0 };
	OWNED(free) struct pool *pool = xnew(struct pool);
	struct error err = { 0 };

	if (file_read(path, FILE_LIMIT, &text, &err) < 0) {
		buf_printf(problems, "%s\n", err.text);
		return -EINVAL;
	}
	if (pool_file_parse(path, buf_span(&text), pool, problems) < 0)
		return -EINVAL;
	for (size_t i = 0; i < files->count; i++) {
		if (strcmp(files->pools[i].name, pool->name) != 0)
			continue;
		buf_printf(problems, "%s:1:1: pool: %s is already defined in %s\n", path,
			   pool->name, files->paths[i]);
		return -EINVAL;
	}
	add_pool(files, pool, path);
	return 0;
}

static int is_pool_file(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"));
}

static int load_folder(const char *path, struct pool_files *files, struct buf *problems)
{
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, is_pool_file, alphasort);
	int rc = 0;

	if (count < 0) {
		buf_printf(problems, "%s: %s\n", path, strerror(errno));
		return -EINVAL;
	}
	if (count == 0) {
		buf_printf(problems, "%s: holds no *.yaml files\n", path);
		rc = -EINVAL;
	}
	for (int i = 0; i < count; i++) {
		OWNED(buf_done) struct buf file = BUF_LIMIT(8192);

		buf_printf(&file, "%s/%s", path, entries[i]->d_name);
		if (load_file(buf_text(&file), files, problems) < 0)
			rc = -EINVAL;
		free(entries[i]);
	}
	free(entries);
	return rc;
}

int pool_files_load(const char *const *paths, size_t count, struct pool_files *out,
		    struct buf *problems)
{
	OWNED(pool_files_done) struct pool_files files = { 0 };
	int rc = 0;

	for (size_t i = 0; i < count; i++) {
		struct stat st;
		bool folder = stat(paths[i], &st) == 0 && S_ISDIR(st.st_mode);

		if ((folder ? load_folder : load_file)(paths[i], &files, problems) < 0)
			rc = -EINVAL;
	}
	if (rc < 0)
		return rc;
	*out = files;
	files = (struct pool_files){ 0 };
	return 0;
}
