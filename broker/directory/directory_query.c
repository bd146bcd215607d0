/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/directory/directory_query.h"

#include <ctype.h>
#include <errno.h>

#include "broker/directory/escape.h"
#include "broker/directory/ldap_entry.h"
#include "broker/directory/ldap_link.h"
#include "common/sys/clock.h"

#define SUSPECT_MS 10000	/* a server that failed is asked last for so long */
#define GROUP_DEPTH_MAX 16
#define PARENTS_PER_SEARCH 64

struct query {	/* one question to one server */
	const struct directory_config *config;
	const struct secret *service_password;
	const char *uri;
	struct directory_links *links;
	const struct directory_question *question;
	int64_t deadline_ms;
	struct directory_answer *answer;
};

void directory_links_close(struct directory_links *links)
{
	ldap_link_free(links->searcher);
	ldap_link_free(links->binder);
	links->searcher = links->binder = NULL;
}

bool directory_password_usable(const struct secret *password)
{
	bool visible = false;

	for (size_t i = 0; i < password->len; i++) {
		if (password->bytes[i] == '\0')
			return false;
		visible |= !isspace(password->bytes[i]);
	}
	return visible;
}

static int refuse(struct query *q, enum directory_verdict verdict)
{
	q->answer->verdict = verdict;
	return 0;
}

static int open_link(struct query *q, struct ldap_link **out)
{
	struct ldap_link_config link = {
		.uri = q->uri,
		.start_tls = q->config->start_tls,
		.ca_file = q->config->ca_file,
	};

	return ldap_link_open(&link, q->deadline_ms, out, &q->answer->reason);
}

/* The connection for searches, bound as the service account. */
static int need_searcher(struct query *q)
{
	OWNED(ldap_link_free) struct ldap_link *fresh = NULL;

	if (q->links->searcher)
		return 0;
	int rc = open_link(q, &fresh);
	if (rc == 0 && *q->config->bind_dn)
		rc = ldap_link_bind(fresh, q->config->bind_dn, secret_span(q->service_password),
				    q->deadline_ms, &q->answer->reason);
	if (rc == -EACCES)
		rc = error_prefix(&q->answer->reason, "service account %s", q->config->bind_dn);
	if (rc < 0)
		return rc;
	q->links->searcher = STEAL(fresh);
	return 0;
}

/* Where and for what to look. A lookup by id always searches: the name may have changed. */
static int write_target(struct query *q, struct buf *base, struct buf *filter, int *scope)
{
	const struct directory_config *config = q->config;
	struct error *err = &q->answer->reason;
	struct template_value by_name = { "user", q->question->text };
	struct template_value by_id = { "id", q->question->text };

	*scope = LDAP_SCOPE_SUBTREE;
	buf_put_text(base, config->base_dn);
	if (q->question->what == DIRECTORY_ASK_ID) {
		buf_printf(filter, "(%s=", config->attr_id);
		return template_expand("{id})", &by_id, 1, filter_escape, filter, err);
	}
	if (*config->user_dn) {
		*scope = LDAP_SCOPE_BASE;
		buf_reset(base);
		int rc = template_expand(config->user_dn, &by_name, 1, dn_escape, base, err);
		if (rc < 0)
			return rc;
	}
	return template_expand(config->user_filter, &by_name, 1, filter_escape, filter, err);
}

/* The one entry, or 0 with a verdict in the answer and *entry NULL. */
static int find_entry(struct query *q, LDAPMessage **result, LDAPMessage **entry)
{
	const struct directory_config *config = q->config;
	OWNED(buf_done) struct buf base = BUF_LIMIT(4096);
	OWNED(buf_done) struct buf filter = BUF_LIMIT(4096);
	char *attributes[16];
	size_t count = 0;
	int scope;

	int rc = write_target(q, &base, &filter, &scope);
	if (rc < 0)
		return rc == -EMSGSIZE ? refuse(q, DIRECTORY_REFUSED) : rc;

	attributes[count++] = config->attr_id;
	attributes[count++] = config->attr_user;
	attributes[count++] = config->attr_name;
	attributes[count++] = (char *)"cn";
	if (*config->attr_uid_number)
		attributes[count++] = config->attr_uid_number;
	if (*config->member_of)
		attributes[count++] = config->member_of;
	for (size_t i = 0; ldap_entry_state_attributes[i]; i++)
		attributes[count++] = (char *)(uintptr_t)ldap_entry_state_attributes[i];
	attributes[count] = NULL;

	rc = ldap_link_search(q->links->searcher, buf_text(&base), scope, buf_text(&filter),
			      attributes, 2, q->deadline_ms, result, &q->answer->reason);
	if (rc == -E2BIG || rc == -ENOENT)
		return refuse(q, DIRECTORY_REFUSED);
	if (rc < 0)
		return rc;

	LDAP *ld = ldap_link_handle(q->links->searcher);
	int found = ldap_count_entries(ld, *result);
	if (found != 1) {
		error_set(&q->answer->reason, ENOENT, "%d entries match", found);
		return refuse(q, DIRECTORY_REFUSED);
	}
	*entry = ldap_first_entry(ld, *result);
	return 0;
}

/* Whether the password opens this DN: on the other connection, so that a search is never made with
 * a user's rights. 0 with a verdict when it does not. */
static int bind_as(struct query *q, const char *dn, bool *accepted)
{
	struct error *err = &q->answer->reason;
	struct span password = secret_span(&q->question->password);
	int rc = q->links->binder ? 0 : open_link(q, &q->links->binder);

	if (rc == 0)
		rc = ldap_link_bind(q->links->binder, dn, password, q->deadline_ms, err);
	if (rc == 0)
		rc = ldap_link_is_bound_as(q->links->binder, dn, q->deadline_ms, err);
	*accepted = rc == 0;
	if (rc == -EACCES || rc == -ENOENT)
		return refuse(q, DIRECTORY_REFUSED);
	return rc;
}

static int search_groups(struct query *q, struct buf *filter)
{
	const struct directory_config *config = q->config;
	OWNED(ldap_msgfree) LDAPMessage *result = NULL;
	char *attributes[] = { config->attr_group, NULL };
	const char *base = *config->group_base_dn ? config->group_base_dn : config->base_dn;
	int rc = ldap_link_search(q->links->searcher, base, LDAP_SCOPE_SUBTREE, buf_text(filter),
				  attributes, DIRECTORY_MAX_GROUPS, q->deadline_ms, &result,
				  &q->answer->reason);

	if (rc < 0)
		return rc == -ENOENT || rc == -E2BIG ? -EINVAL : rc;
	LDAP *ld = ldap_link_handle(q->links->searcher);
	for (LDAPMessage *group = ldap_first_entry(ld, result); group;
	     group = ldap_next_entry(ld, group))
		ldap_entry_add_group(ld, group, config->attr_group, &q->answer->person);
	return 0;
}

static int find_own_groups(struct query *q, const char *dn)
{
	OWNED(buf_done) struct buf filter = BUF_LIMIT(8192);
	struct template_value values[] = { { "dn", dn }, { "user", q->answer->person.user } };

	if (!*q->config->group_filter)
		return 0;
	int rc = template_expand(q->config->group_filter, values, ARRAY_LEN(values), filter_escape,
				 &filter, &q->answer->reason);
	return rc < 0 ? rc : search_groups(q, &filter);
}

/* The groups that have one of person.groups[first..last) as a member. */
static int find_parents(struct query *q, size_t first, size_t last)
{
	OWNED(buf_done) struct buf filter = BUF_LIMIT(256 * 1024);
	int rc = 0;

	buf_put_text(&filter, "(|");
	for (size_t i = first; i < last && rc == 0; i++) {
		struct template_value dn = { "dn", q->answer->person.groups[i].dn };

		rc = template_expand(q->config->parent_filter, &dn, 1, filter_escape, &filter,
				     &q->answer->reason);
	}
	buf_put_text(&filter, ")");
	return rc < 0 ? rc : search_groups(q, &filter);
}

/* Direct groups, then theirs, level by level; each group counts once, so loops end. */
static int find_groups(struct query *q, const char *dn)
{
	struct directory_person *person = &q->answer->person;
	size_t known = 0;
	/* An entry that names its groups saves the search for them. */
	int rc = person->group_count ? 0 : find_own_groups(q, dn);

	if (!*q->config->parent_filter)
		return rc;
	for (int depth = 0; depth < GROUP_DEPTH_MAX && rc == 0 && known < person->group_count;
	     depth++) {
		size_t level_end = person->group_count;

		for (; known < level_end && rc == 0; known += PARENTS_PER_SEARCH) {
			size_t left = level_end - known;

			rc = find_parents(q, known,
					  known + (left < PARENTS_PER_SEARCH ? left
									     : PARENTS_PER_SEARCH));
		}
		known = level_end;
	}
	return rc;
}

static int64_t lap_us(int64_t *since_us)
{
	int64_t now = clock_monotonic_us(), lap = now - *since_us;

	*since_us = now;
	return lap;
}

static int ask_server(struct query *q)
{
	struct directory_answer *answer = q->answer;
	OWNED(ldap_msgfree) LDAPMessage *result = NULL;
	OWNED(ldap_memfree) char *dn = NULL;
	LDAPMessage *entry = NULL;
	int64_t since_us = clock_monotonic_us();
	bool accepted = true;

	int rc = need_searcher(q);
	if (rc == 0)
		rc = find_entry(q, &result, &entry);
	answer->search_us = lap_us(&since_us);
	if (rc < 0 || !entry)
		return rc;

	LDAP *ld = ldap_link_handle(q->links->searcher);
	rc = ldap_entry_person(ld, entry, q->config, &answer->person, &answer->reason);
	if (rc < 0)
		return refuse(q, DIRECTORY_REFUSED);
	/* The directory also matches other spellings (spaces, full-width letters). Let through,
	 * each would have a count of wrong passwords of its own. */
	if (q->question->what == DIRECTORY_ASK_LOGIN &&
	    !ldap_entry_is_called(ld, entry, q->config->attr_user, q->question->text)) {
		error_set(&answer->reason, ENOENT, "the entry's name is spelled differently");
		return refuse(q, DIRECTORY_REFUSED);
	}
	dn = ldap_get_dn(ld, entry);
	if (!dn || !*dn)
		return refuse(q, DIRECTORY_REFUSED);

	if (q->question->what == DIRECTORY_ASK_LOGIN)
		rc = bind_as(q, dn, &accepted);
	answer->bind_us = lap_us(&since_us);
	if (rc < 0 || !accepted)
		return rc;
	if (ldap_entry_is_disabled(ld, entry))
		return refuse(q, DIRECTORY_DISABLED);

	if (*q->config->member_of)
		ldap_entry_add_member_of(ld, entry, q->config->member_of, &answer->person);
	rc = find_groups(q, dn);
	answer->groups_us = lap_us(&since_us);
	if (rc == 0)
		answer->verdict = DIRECTORY_OK;
	return rc;
}

static void forget_answer(struct directory_answer *answer)
{
	struct error reason = answer->reason;

	directory_person_done(&answer->person);
	*answer = (struct directory_answer){ .verdict = DIRECTORY_UNREACHABLE, .reason = reason };
}

/* A kept connection may have been closed by the server since: that is found out by using it, and
 * a fresh one decides. */
static int ask_server_again(struct query *q)
{
	bool kept = q->links->searcher || q->links->binder;
	int rc = ask_server(q);

	if (rc == -ECONNRESET && kept) {
		directory_links_close(q->links);
		forget_answer(q->answer);
		rc = ask_server(q);
	}
	if (rc < 0)
		directory_links_close(q->links);
	return rc;
}

/* Configured order, servers that failed lately at the end. */
static void order_servers(struct directory_servers *servers, int64_t now_ms, size_t *order)
{
	size_t count = 0;

	for (int suspect = 0; suspect <= 1; suspect++)
		for (size_t i = 0; i < servers->count; i++)
			if ((servers->suspect_until_ms[i] > now_ms) == suspect)
				order[count++] = i;
}

void directory_ask(const struct directory_config *config, const struct secret *service_password,
		   struct directory_servers *servers, struct directory_links *links,
		   const struct directory_question *question, struct directory_answer *answer)
{
	size_t order[DIRECTORY_MAX_SERVERS];

	answer->verdict = DIRECTORY_REFUSED;
	if (question->what == DIRECTORY_ASK_LOGIN &&
	    !directory_password_usable(&question->password)) {
		error_set(&answer->reason, EINVAL, "the password is empty");
		return;
	}

	order_servers(servers, clock_monotonic_ms(), order);
	for (size_t i = 0; i < servers->count; i++) {
		int64_t now_ms = clock_monotonic_ms();
		size_t server = order[i];
		struct query q = {
			.config = config,
			.service_password = service_password,
			.uri = servers->uri[server],
			.links = links,
			.question = question,
			/* an equal share of the time left: a hung first server is not the end */
			.deadline_ms = now_ms + (question->deadline_ms - now_ms) /
						(int64_t)(servers->count - i),
			.answer = answer,
		};

		if (question->deadline_ms <= now_ms)
			break;
		if (links->server != server)
			directory_links_close(links);
		links->server = server;
		forget_answer(answer);
		if (ask_server_again(&q) == 0) {
			servers->suspect_until_ms[server] = 0;
			answer->server = q.uri;
			return;
		}
		servers->suspect_until_ms[server] = clock_monotonic_ms() + SUSPECT_MS;
	}
	forget_answer(answer);
}
