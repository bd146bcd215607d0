/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/roles.h"

#include <errno.h>

static struct span trimmed(struct span text)
{
	while (text.len && strchr(" \t", text.ptr[0]))
		text = span_of(text.ptr + 1, text.len - 1);
	while (text.len && strchr(" \t", text.ptr[text.len - 1]))
		text.len--;
	return text;
}

/* Cuts the next part off that ends with one of `ends`; false: there is none. */
static bool next_part(const char **rest, const char *ends, struct span *out)
{
	if (!**rest)
		return false;
	size_t len = strcspn(*rest, ends);

	*out = trimmed(span_of(*rest, len));
	*rest += len + ((*rest)[len] != '\0');
	return true;
}

/* A name, or a DN when it holds "=", as in pool files. */
static bool is_in(struct span group, const struct pool_group *groups, size_t count)
{
	bool dn = memchr(group.ptr, '=', group.len) != NULL;

	for (size_t i = 0; i < count && group.len; i++) {
		const char *text = dn ? groups[i].dn : groups[i].name;

		if (text && span_equal_fold(group, span_text(text)))
			return true;
	}
	return false;
}

bool roles_any_group(const char *list, const struct pool_group *groups, size_t count)
{
	struct span group;

	while (next_part(&list, ";", &group))
		if (is_in(group, groups, count))
			return true;
	return false;
}

/* "GROUP: POOLS" in two; the group may be a DN, which has no ":" of its own. */
static bool split_department(struct span part, struct span *group, struct span *pools)
{
	const uint8_t *colon = memchr(part.ptr, ':', part.len);

	if (!colon)
		return false;
	size_t len = (size_t)(colon - part.ptr);
	*group = trimmed(span_of(part.ptr, len));
	*pools = trimmed(span_of(colon + 1, part.len - len - 1));
	return group->len && pools->len;
}

int roles_check(const struct roles_config *config, struct error *err)
{
	const char *rest = config->pool_admin;
	struct span part, group, pools;

	while (next_part(&rest, ";", &part))
		if (part.len && !split_department(part, &group, &pools))
			return error_set(err, EINVAL, "roles.pool_admin: %.*s: must be GROUP: POOL...",
					 (int)part.len, (const char *)part.ptr);
	if (strlen(config->pool_admin) >= ROLES_SCOPE_SIZE)
		return error_set(err, EINVAL, "roles.pool_admin: too long");
	return 0;
}

struct roles roles_of(const struct roles_config *config, const struct pool_group *groups,
		      size_t count)
{
	OWNED(buf_done) struct buf scope = BUF_LIMIT(ROLES_SCOPE_SIZE - 1);
	struct roles roles = { 0 };
	const char *rest = config->pool_admin;
	struct span part, group, pools;

	if (roles_any_group(config->admin, groups, count))
		roles.set |= ROLE_ADMIN;
	if (roles_any_group(config->auditor, groups, count))
		roles.set |= ROLE_AUDITOR;
	if (roles_any_group(config->helpdesk, groups, count))
		roles.set |= ROLE_HELPDESK;
	while (next_part(&rest, ";", &part)) {
		if (!split_department(part, &group, &pools) || !is_in(group, groups, count))
			continue;
		roles.set |= ROLE_POOL_ADMIN;
		buf_put_span(&scope, pools);
		buf_put_text(&scope, " ");
	}
	if (!scope.failed)
		memcpy(roles.scope, buf_text(&scope), scope.len + 1);
	return roles;
}

bool roles_scope_has(const char *scope, const char *pool)
{
	struct span name;

	while (next_part(&scope, " \t", &name)) {
		bool open = name.len && name.ptr[name.len - 1] == '*';
		size_t len = open ? name.len - 1 : name.len;

		if (name.len && strncmp((const char *)name.ptr, pool, len) == 0 &&
		    (open || pool[len] == '\0'))
			return true;
	}
	return false;
}

static const struct {
	enum role role;
	const char *word;
} role_words[] = {
	{ ROLE_ADMIN, "admin" },
	{ ROLE_AUDITOR, "auditor" },
	{ ROLE_HELPDESK, "helpdesk" },
	{ ROLE_POOL_ADMIN, "pool-admin" },
};

void roles_words(unsigned set, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(role_words); i++)
		if (set & role_words[i].role)
			buf_printf(out, "%s%s", out->len ? " " : "", role_words[i].word);
}

int roles_parse_words(const char *words, unsigned *out, struct error *err)
{
	unsigned set = 0;
	struct span word;

	while (next_part(&words, " ,;\t", &word)) {
		size_t i = 0;

		while (i < ARRAY_LEN(role_words) && !span_equal(word, span_text(role_words[i].word)))
			i++;
		if (i < ARRAY_LEN(role_words))
			set |= role_words[i].role;
		else if (word.len)
			return error_set(err, EINVAL, "%.*s: no such role", (int)word.len,
					 (const char *)word.ptr);
	}
	*out = set;
	return 0;
}
