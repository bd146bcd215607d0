/* SPDX-License-Identifier: Apache-2.0 */
/* Whose groups, and theirs. A person's own groups are asked at every login; parents of groups come
 * from the cache while it knows them. */
#include <errno.h>
#include <stdio.h>

#include "broker/directory/directory_query.h"
#include "broker/directory/escape.h"
#include "broker/directory/ldap_entry.h"
#include "broker/directory/ldap_link.h"
#include "common/sys/clock.h"

#define GROUP_DEPTH_MAX 16
#define SEARCHES_AT_ONCE 32

struct found { /* entries of one search */
	struct pool_group *items;
	size_t count;
};

static void found_done(struct found *found)
{
	for (size_t i = 0; i < found->count; i++) {
		free((char *)(uintptr_t)found->items[i].name);
		free((char *)(uintptr_t)found->items[i].dn);
	}
	free(found->items);
}
DEFINE_OWNED_VALUE(found_done, struct found);

static void add(struct directory_query *q, const char *name, const char *dn)
{
	if (!directory_person_add_group(&q->answer->person, name, dn))
		q->answer->groups_cut = true;
}

static void read_found(struct directory_query *q, LDAPMessage *result, struct found *out)
{
	LDAP *ld = ldap_link_handle(q->links->searcher);

	out->items = xcalloc((size_t)ldap_count_entries(ld, result) + 1, sizeof(out->items[0]));
	for (LDAPMessage *e = ldap_first_entry(ld, result); e; e = ldap_next_entry(ld, e)) {
		OWNED(ldap_memfree) char *dn = NULL;
		char name[256];

		if (ldap_entry_group(ld, e, q->config->attr_group, &dn, name) == 0)
			out->items[out->count++] =
				(struct pool_group){ xstrdup(name), xstrdup(dn) };
	}
}

static int send_search(struct directory_query *q, struct buf *filter, int *id)
{
	const struct directory_config *config = q->config;
	char *attributes[] = { config->attr_group, NULL };
	const char *base = *config->group_base_dn ? config->group_base_dn : config->base_dn;

	return ldap_link_search_send(q->links->searcher, base, LDAP_SCOPE_SUBTREE, buf_text(filter),
				     attributes, DIRECTORY_MAX_GROUPS, q->deadline_ms, id,
				     &q->answer->reason);
}

static int await_search(struct directory_query *q, int id, struct found *out)
{
	OWNED(ldap_msgfree) LDAPMessage *result = NULL;
	int rc = ldap_link_search_await(q->links->searcher, id, q->deadline_ms, &result,
					&q->answer->reason);

	if (rc == -E2BIG)
		q->answer->groups_cut = true;
	else if (rc < 0)
		return rc == -ENOENT ? -EINVAL : rc; /* the base is wrong */
	read_found(q, result, out);
	return 0;
}

static int search(struct directory_query *q, const char *what, struct buf *filter,
		  struct found *out)
{
	int64_t since_us = clock_monotonic_us();
	int id = 0, rc = send_search(q, filter, &id);

	if (rc == 0)
		rc = await_search(q, id, out);
	for (size_t i = 0; i < out->count; i++)
		add(q, out->items[i].name, out->items[i].dn);
	directory_query_step(q, what, &since_us, buf_text(filter), rc < 0);
	return rc;
}

static int find_own(struct directory_query *q, const char *dn)
{
	OWNED(buf_done) struct buf filter = BUF_LIMIT(8192);
	OWNED(found_done) struct found found = { 0 };
	struct template_value values[] = { { "dn", dn }, { "user", q->answer->person.user } };

	/* An entry that names its groups saves the search for them. */
	if (!*q->config->group_filter || q->answer->person.group_count)
		return 0;
	int rc = template_expand(q->config->group_filter, values, ARRAY_LEN(values), filter_escape,
				 &filter, &q->answer->reason);
	return rc < 0 ? rc : search(q, "own groups", &filter, &found);
}

static void on_cached(void *arg, const char *name, const char *dn)
{
	add(arg, name, dn);
}

/* The group that a number of the entry stands for: the same for many people, so it is remembered
 * like a parent, by the filter that finds it. */
static int find_primary(struct directory_query *q, const char *gid, const char *sid)
{
	OWNED(buf_done) struct buf filter = BUF_LIMIT(8192);
	OWNED(found_done) struct found found = { 0 };
	struct template_value values[] = { { "gid", gid }, { "sid", sid } };
	const char *pattern = q->config->primary_filter;

	if (!*pattern || (!*gid && strstr(pattern, "{gid}")) || (!*sid && strstr(pattern, "{sid}")))
		return 0;
	int rc = template_expand(pattern, values, ARRAY_LEN(values), filter_escape, &filter,
				 &q->answer->reason);
	if (rc < 0 ||
	    group_cache_parents(q->groups, buf_text(&filter), clock_monotonic_ms(), on_cached, q))
		return rc;
	rc = search(q, "primary group", &filter, &found);
	if (rc == 0 && q->config->group_cache_ms)
		group_cache_put(q->groups, buf_text(&filter), found.items, found.count,
				clock_monotonic_ms());
	return rc;
}

static int send_parents(struct directory_query *q, const char *dn, int *id)
{
	OWNED(buf_done) struct buf filter = BUF_LIMIT(8192);
	struct template_value value = { "dn", dn };
	int rc = template_expand(q->config->parent_filter, &value, 1, filter_escape, &filter,
				 &q->answer->reason);

	return rc < 0 ? rc : send_search(q, &filter, id);
}

/* Groups [first..last) that the cache does not know: their searches are under way together. */
static int ask_parents(struct directory_query *q, const size_t *unknown, size_t count)
{
	const struct directory_person *person = &q->answer->person;
	int ids[SEARCHES_AT_ONCE], rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++)
		rc = send_parents(q, person->groups[unknown[i]].dn, &ids[i]);
	for (size_t i = 0; i < count && rc == 0; i++) {
		OWNED(found_done) struct found found = { 0 };

		rc = await_search(q, ids[i], &found);
		if (rc < 0)
			break;
		if (q->config->group_cache_ms)
			group_cache_put(q->groups, person->groups[unknown[i]].dn, found.items,
					found.count, clock_monotonic_ms());
		for (size_t j = 0; j < found.count; j++)
			add(q, found.items[j].name, found.items[j].dn);
	}
	return rc;
}

static int find_level(struct directory_query *q, size_t first, size_t last, size_t *asked)
{
	size_t unknown[SEARCHES_AT_ONCE], count = 0;
	int rc = 0;

	for (size_t i = first; i < last && rc == 0; i++) {
		OWNED(free) char *dn = xstrdup(q->answer->person.groups[i].dn);

		if (group_cache_parents(q->groups, dn, clock_monotonic_ms(), on_cached, q))
			continue;
		unknown[count++] = i;
		if (count < SEARCHES_AT_ONCE)
			continue;
		rc = ask_parents(q, unknown, count);
		*asked += count;
		count = 0;
	}
	*asked += count;
	return rc == 0 && count ? ask_parents(q, unknown, count) : rc;
}

int directory_query_groups(struct directory_query *q, const char *dn, const char *gid,
			   const char *sid)
{
	struct directory_person *person = &q->answer->person;
	int64_t since_us = clock_monotonic_us();
	size_t known = 0;
	int rc = find_own(q, dn);

	if (rc == 0)
		rc = find_primary(q, gid, sid);

	if (!*q->config->parent_filter)
		return rc;
	/* Level by level; each group counts once, so loops end. */
	for (int depth = 0; rc == 0 && known < person->group_count; depth++) {
		size_t level_end = person->group_count, asked = 0;
		char detail[80];

		if (depth == GROUP_DEPTH_MAX) {
			q->answer->groups_cut = true;
			break;
		}
		rc = find_level(q, known, level_end, &asked);
		snprintf(detail, sizeof(detail), "of %zu groups, %zu asked, %zu are new",
			 level_end - known, asked, person->group_count - level_end);
		directory_query_step(q, "parents", &since_us, detail, rc < 0);
		known = level_end;
	}
	return rc;
}
