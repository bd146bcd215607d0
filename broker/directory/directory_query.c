/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/directory/directory_query.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "broker/directory/escape.h"
#include "broker/directory/identity.h"
#include "broker/directory/ldap_entry.h"
#include "broker/directory/ldap_link.h"
#include "common/base/text.h"
#include "common/sys/clock.h"

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

static int64_t lap_us(int64_t *since_us)
{
	int64_t now = clock_monotonic_us(), lap = now - *since_us;

	*since_us = now;
	return lap;
}

void directory_query_step(struct directory_query *q, const char *what, int64_t *since_us,
			  const char *detail, bool failed)
{
	struct directory_trace *trace = q->question->trace;

	if (!trace || trace->count == DIRECTORY_STEPS_MAX)
		return;
	struct directory_step *step = &trace->steps[trace->count++];
	const char *text = failed ? q->answer->reason.text : detail;

	snprintf(step->what, sizeof(step->what), "%s", what);
	snprintf(step->detail, sizeof(step->detail), "%s", text);
	step->detail[utf8_prefix(span_text(step->detail), sizeof(step->detail))] = '\0';
	step->us = lap_us(since_us);
	step->failed = failed;
}

static int refuse(struct directory_query *q, enum directory_verdict verdict)
{
	q->answer->verdict = verdict;
	return 0;
}

static int open_link(struct directory_query *q, struct ldap_link **out)
{
	struct ldap_link_config link = {
		.uri = q->uri,
		.start_tls = q->config->start_tls,
		.ca_file = q->config->ca_file,
	};
	int64_t since_us = clock_monotonic_us();
	int rc = ldap_link_open(&link, q->deadline_ms, out, &q->answer->reason);

	directory_query_step(q, "connect", &since_us, q->uri, rc < 0);
	return rc;
}

/* The connection for searches, bound as the service account. */
static int need_searcher(struct directory_query *q)
{
	OWNED(ldap_link_free) struct ldap_link *fresh = NULL;
	enum ldap_account account;
	int64_t since_us;

	if (q->links->searcher)
		return 0;
	int rc = open_link(q, &fresh);
	since_us = clock_monotonic_us();
	if (rc == 0 && *q->config->bind_dn) {
		rc = ldap_link_bind(fresh, q->config->bind_dn, secret_span(q->service_password),
				    q->deadline_ms, &account, &q->answer->reason);
		if (rc == -EACCES)
			rc = error_prefix(&q->answer->reason, "service account %s",
					  q->config->bind_dn);
		directory_query_step(q, "service bind", &since_us, q->config->bind_dn, rc < 0);
	}
	if (rc < 0)
		return rc;
	q->links->searcher = STEAL(fresh);
	return 0;
}

static int write_id_filter(struct directory_query *q, struct buf *filter)
{
	const char *attribute = q->config->attr_id;
	struct template_value by_id = { "id", q->question->text };
	int rc = 0;

	buf_printf(filter, "(%s=", attribute);
	if (strcasecmp(attribute, "objectGUID") == 0)
		rc = guid_filter(q->question->text, filter) < 0 ? -EMSGSIZE : 0;
	else
		rc = template_expand("{id}", &by_id, 1, filter_escape, filter, &q->answer->reason);
	buf_put_text(filter, ")");
	return rc;
}

/* The search for the entry of the question. */
struct search {
	int64_t began_us;
	struct buf filter;
	int id;
	LDAPMessage *result, *entry;	/* the one; NULL: none, or more */
	char *dn;			/* its own */
};

static void search_done(struct search *search)
{
	buf_done(&search->filter);
	ldap_msgfree(search->result);
	ldap_memfree(search->dn);
}

DEFINE_OWNED_VALUE(search_done, struct search);

/* What a server said to a password. */
struct bound {
	char *dn;	/* NULL: none was tried */
	bool refused;
	struct error why;	/* when it was */
	enum ldap_account account;
};

static void bound_done(struct bound *bound)
{
	free(bound->dn);
}

DEFINE_OWNED_VALUE(bound_done, struct bound);

/* Where and for what to look. A lookup by id always searches: the name may have changed. */
static int write_target(struct directory_query *q, struct buf *base, struct buf *filter, int *scope)
{
	const struct directory_config *config = q->config;
	struct error *err = &q->answer->reason;
	struct template_value by_name = { "user", q->question->text };

	*scope = LDAP_SCOPE_SUBTREE;
	buf_put_text(base, config->base_dn);
	if (q->question->what == DIRECTORY_ASK_ID)
		return write_id_filter(q, filter);
	if (*config->user_dn) {
		*scope = LDAP_SCOPE_BASE;
		buf_reset(base);
		int rc = template_expand(config->user_dn, &by_name, 1, dn_escape, base, err);
		if (rc < 0)
			return rc;
	}
	return template_expand(config->user_filter, &by_name, 1, filter_escape, filter, err);
}

static void name_attributes(const struct directory_config *config, char *out[24])
{
	size_t count = 0;

	out[count++] = config->attr_id;
	out[count++] = config->attr_user;
	out[count++] = config->attr_name;
	out[count++] = (char *)"cn";
	if (*config->attr_uid_number)
		out[count++] = config->attr_uid_number;
	if (*config->member_of)
		out[count++] = config->member_of;
	if (strstr(config->primary_filter, "{gid}"))
		out[count++] = (char *)"gidNumber";
	if (config->is_ad) {
		out[count++] = (char *)"objectSid";
		out[count++] = (char *)"primaryGroupID";
		out[count++] = (char *)"sAMAccountName";
	}
	for (size_t i = 0; ldap_entry_state_attributes[i]; i++)
		out[count++] = (char *)(uintptr_t)ldap_entry_state_attributes[i];
	out[count] = NULL;
}

static int send_search(struct directory_query *q, struct search *out)
{
	OWNED(buf_done) struct buf base = BUF_LIMIT(4096);
	char *attributes[24];
	int scope;
	int rc = write_target(q, &base, &out->filter, &scope);

	if (rc < 0)
		return rc;
	name_attributes(q->config, attributes);
	return ldap_link_search_send(q->links->searcher, buf_text(&base), scope,
				     buf_text(&out->filter), attributes, 2, q->deadline_ms,
				     &out->id, &q->answer->reason);
}

/* The one entry, or 0 with a verdict in the answer and `entry` NULL. */
static int await_entry(struct directory_query *q, struct search *search)
{
	int64_t since_us = search->began_us;
	int rc = ldap_link_search_await(q->links->searcher, search->id, q->deadline_ms,
					&search->result, &q->answer->reason);

	directory_query_step(q, "search", &since_us, buf_text(&search->filter), rc < 0);
	if (rc == -E2BIG || rc == -ENOENT)
		return refuse(q, DIRECTORY_REFUSED);
	if (rc < 0)
		return rc;

	LDAP *ld = ldap_link_handle(q->links->searcher);
	int found = ldap_count_entries(ld, search->result);
	if (found != 1) {
		error_set(&q->answer->reason, ENOENT, "%d entries match", found);
		directory_query_step(q, "entry", &since_us, "", true);
		return refuse(q, DIRECTORY_REFUSED);
	}
	search->entry = ldap_first_entry(ld, search->result);
	search->dn = ldap_get_dn(ld, search->entry);
	return 0;
}

static enum directory_verdict verdict_of(enum ldap_account account, bool bound)
{
	switch (account) {
	case LDAP_ACCOUNT_FINE:
		return bound ? DIRECTORY_OK : DIRECTORY_REFUSED;
	case LDAP_ACCOUNT_DISABLED:
		return DIRECTORY_DISABLED;
	case LDAP_ACCOUNT_EXPIRED:
		return DIRECTORY_EXPIRED;
	case LDAP_ACCOUNT_LOCKED:
		return DIRECTORY_LOCKED;
	case LDAP_ACCOUNT_CHANGE_PASSWORD:
		return DIRECTORY_CHANGE_PASSWORD;
	}
	return DIRECTORY_REFUSED;
}

static bool was_refused(int rc)
{
	return rc == -EACCES || rc == -ENOENT;
}

/* On the other connection, so that a search is never made with a user's rights. 0: the server has
 * answered, and `out` has what. */
static int try_password(struct directory_query *q, const char *dn, struct bound *out)
{
	int rc = q->links->binder ? 0 : open_link(q, &q->links->binder);
	int64_t since_us = clock_monotonic_us();

	if (rc < 0)
		return rc;
	rc = ldap_link_bind(q->links->binder, dn, secret_span(&q->question->password),
			    q->deadline_ms, &out->account, &q->answer->reason);
	directory_query_step(q, "bind", &since_us, dn, rc < 0);
	if (rc < 0 && !was_refused(rc))
		return rc;
	free(out->dn);
	out->dn = xstrdup(dn);
	out->refused = rc < 0;
	out->why = q->answer->reason;
	return 0;
}

/* Whether the password opens this DN, which the search has found. 0 with the verdict. */
static int bind_as(struct directory_query *q, const struct ldap_identity *who, struct bound *bound)
{
	struct error *err = &q->answer->reason;
	bool tried = bound->dn && strcmp(bound->dn, who->dn) == 0;
	int64_t since_us;
	int rc = tried ? 0 : try_password(q, who->dn, bound);

	if (rc < 0)
		return rc;
	if (bound->refused) {
		*err = bound->why;
		return refuse(q, verdict_of(bound->account, false));
	}
	if (bound->account == LDAP_ACCOUNT_FINE) {
		since_us = clock_monotonic_us();
		rc = ldap_link_is_bound_as(q->links->binder, who, q->deadline_ms, err);
		directory_query_step(q, "who am I", &since_us, who->dn, rc < 0);
		if (was_refused(rc))
			return refuse(q, DIRECTORY_REFUSED);
	}
	return rc < 0 ? rc : refuse(q, verdict_of(bound->account, true));
}

/* After the old password was found right. Where the directory lets nobody in before the change,
 * Active Directory takes it from the service account, with the old password as the proof. */
static int change_password(struct directory_query *q, const struct ldap_identity *who)
{
	struct error *err = &q->answer->reason;
	struct span old = secret_span(&q->question->password);
	struct span fresh = secret_span(&q->question->fresh);
	bool own = q->answer->verdict == DIRECTORY_OK ||
		   q->answer->verdict == DIRECTORY_CHANGE_PASSWORD;
	int64_t since_us = clock_monotonic_us();

	if (!own)
		return 0;
	int rc = q->config->is_ad ? ldap_link_change_ad_password(q->links->searcher, who->dn, old,
								 fresh, q->deadline_ms, err)
				  : ldap_link_change_password(q->links->binder, who->dn, old, fresh,
							      q->deadline_ms, err);
	directory_query_step(q, "change password", &since_us, who->dn, rc < 0);
	if (rc == -EACCES)
		return refuse(q, DIRECTORY_REFUSED);
	if (rc == -EPERM)
		return refuse(q, DIRECTORY_BAD_PASSWORD);
	return rc < 0 ? rc : refuse(q, DIRECTORY_OK);
}

static bool needs_password(const struct directory_question *question)
{
	return question->what == DIRECTORY_ASK_LOGIN || question->what == DIRECTORY_ASK_CHANGE;
}

static int read_entry(struct directory_query *q, LDAP *ld, LDAPMessage *entry)
{
	struct directory_answer *answer = q->answer;
	int rc = ldap_entry_person(ld, entry, q->config, &answer->person, &answer->reason);

	/* The directory also matches other spellings (spaces, full-width letters). Let through,
	 * each would have a count of wrong passwords of its own. */
	if (rc == 0 && needs_password(q->question) &&
	    !ldap_entry_is_called(ld, entry, q->config->attr_user, q->question->text))
		rc = error_set(&answer->reason, ENOENT, "the entry's name is spelled differently");
	return rc;
}

static int ask_about(struct directory_query *q, const struct search *search, struct bound *bound)
{
	LDAP *ld = ldap_link_handle(q->links->searcher);
	LDAPMessage *entry = search->entry;
	const char *dn = search->dn;
	struct directory_answer *answer = q->answer;
	char account_name[256] = "", sid[SID_TEXT_SIZE] = "", gid[24] = "";
	char primary[SID_TEXT_SIZE] = "";
	struct ldap_identity who = { dn, account_name, sid };
	int64_t since_us = clock_monotonic_us();
	int rc = 0;

	if (q->config->is_ad) {
		ldap_entry_sid(ld, entry, sid);
		ldap_entry_primary_sid(ld, entry, primary);
		if (ldap_entry_text(ld, entry, "sAMAccountName", account_name,
				    sizeof(account_name)) < 0)
			account_name[0] = '\0';
	} else if (ldap_entry_text(ld, entry, "gidNumber", gid, sizeof(gid)) < 0) {
		gid[0] = '\0';
	}

	answer->verdict = DIRECTORY_OK;
	if (needs_password(q->question))
		rc = bind_as(q, &who, bound);
	if (rc == 0 && q->question->what == DIRECTORY_ASK_CHANGE)
		return change_password(q, &who);
	answer->bind_us += lap_us(&since_us);
	if (rc < 0 || answer->verdict != DIRECTORY_OK)
		return rc;
	answer->verdict = ldap_entry_state(ld, entry, clock_wall_ms() / 1000);
	if (answer->verdict != DIRECTORY_OK)
		return 0;
	if (q->question->what == DIRECTORY_ASK_LOGIN)
		known_dns_put(q->dns, q->question->text, dn);

	if (*q->config->member_of)
		ldap_entry_add_member_of(ld, entry, q->config->member_of, &answer->person);
	rc = directory_query_groups(q, dn, gid, primary);
	answer->groups_us = lap_us(&since_us);
	return rc;
}

/* As whom this name was found at its last login, so that the answer is there when the search's is. A
 * server that has both to do does them side by side. */
static int bind_ahead(struct directory_query *q, struct bound *bound)
{
	OWNED(free) char *dn = NULL;

	if (bound->dn || q->question->what != DIRECTORY_ASK_LOGIN || q->question->trace)
		return 0;
	dn = known_dns_find(q->dns, q->question->text);
	return dn ? try_password(q, dn, bound) : 0;
}

/* A password is tried but once at a DN that has become somebody else's: the directory counts it there. */
static void forget_if_moved(struct directory_query *q, const struct bound *bound, const char *dn)
{
	if (bound->dn && (!dn || strcmp(bound->dn, dn) != 0))
		known_dns_forget(q->dns, q->question->text);
}

/* The entry, and in `bound` what the server said to the password, if it was tried meanwhile. */
static int look(struct directory_query *q, struct search *search, struct bound *bound)
{
	int64_t since_us = search->began_us = clock_monotonic_us();
	int rc = send_search(q, search);

	if (rc == -EMSGSIZE)
		return refuse(q, DIRECTORY_REFUSED);
	if (rc == 0)
		rc = bind_ahead(q, bound);
	if (bound->dn)
		q->answer->bind_us = lap_us(&since_us);
	if (rc == 0)
		rc = await_entry(q, search);
	if (rc == 0)
		forget_if_moved(q, bound, search->dn);
	return rc;
}

static int ask_once(struct directory_query *q, struct bound *bound)
{
	OWNED(search_done) struct search search = { .filter = BUF_LIMIT(4096) };
	int64_t since_us = clock_monotonic_us();

	q->answer->verdict = DIRECTORY_REFUSED;
	int rc = need_searcher(q);
	if (q->question->what == DIRECTORY_ASK_PROBE)
		return rc;
	if (rc == 0)
		rc = look(q, &search, bound);
	q->answer->search_us = lap_us(&since_us) - q->answer->bind_us;
	if (rc < 0 || !search.entry)
		return rc;

	rc = read_entry(q, ldap_link_handle(q->links->searcher), search.entry);
	directory_query_step(q, "entry", &since_us, search.dn ? search.dn : "", rc < 0);
	if (rc < 0 || !search.dn || !*search.dn)
		return refuse(q, DIRECTORY_REFUSED);
	return ask_about(q, &search, bound);
}

/* A kept connection may have been closed by the server since: that is found out by using it, and
 * a fresh one decides. A password that was refused before is not tried again: the directory has counted
 * it. One that was right must be, on the fresh connection. */
int directory_query_run(struct directory_query *q)
{
	OWNED(bound_done) struct bound bound = { 0 };
	bool kept = q->links->searcher || q->links->binder;
	int rc = ask_once(q, &bound);

	if (rc == -ECONNRESET && kept) {
		directory_links_close(q->links);
		directory_person_done(&q->answer->person);
		*q->answer = (struct directory_answer){ 0 };
		if (!bound.refused) {
			bound_done(&bound);
			bound = (struct bound){ 0 };
		}
		rc = ask_once(q, &bound);
	}
	if (rc < 0)
		directory_links_close(q->links);
	return rc;
}
