/* SPDX-License-Identifier: Apache-2.0 */
/* Lists a page at a time, and numbers instead of lists: a site of any size is answered in the same
 * memory. */
#include "db/store_internal.h"

#include <errno.h>
#include <string.h>

/* "%text%" for LIKE, with what LIKE knows made harmless; "" stays "". */
static char *like_of(const char *text)
{
	struct buf out = { 0 };

	if (!text || !*text)
		return xstrdup("");
	buf_put_text(&out, "%");
	for (; *text; text++) {
		if (strchr("%_!", *text))
			buf_put_u8(&out, '!');
		buf_put_u8(&out, (uint8_t)*text);
	}
	buf_put_text(&out, "%");
	return buf_steal_text(&out);
}

int store_desktops_page(struct store *store, const struct store_desktop_query *wanted,
			struct store_desktop_list *out, struct error *err)
{
	OWNED(free) char *like = like_of(wanted->text);
	OWNED(query_done) struct query q = query(store, ST_DESKTOPS_PAGE);

	query_text(&q, wanted->after);
	query_text(&q, wanted->pool);
	query_text(&q, wanted->host);
	query_text(&q, wanted->state);
	query_text(&q, like);
	query_text(&q, wanted->text);
	query_int(&q, (int64_t)wanted->limit);
	return store_read_desktops(&q, out, err);
}

int store_hosts_page(struct store *store, const char *after, const char *state, const char *text,
		     size_t limit, struct store_host_list *out, struct error *err)
{
	OWNED(store_host_list_done) struct store_host_list list = { 0 };
	OWNED(free) char *like = like_of(text);
	OWNED(query_done) struct query q = query(store, ST_HOSTS_PAGE);
	int rc;

	query_text(&q, after);
	query_text(&q, state);
	query_text(&q, like);
	query_int(&q, (int64_t)limit);
	while ((rc = query_row(&q, err)) > 0)
		if (store_read_host(&q, STORE_APPEND(&list), err) < 0)
			return -EBADMSG;
	if (rc < 0)
		return rc;
	*out = list;
	list = (struct store_host_list){ 0 };
	return 0;
}

int store_sessions_page(struct store *store, const struct store_session_query *wanted,
			struct store_session_list *out, struct error *err)
{
	OWNED(free) char *like = like_of(wanted->text);
	OWNED(query_done) struct query q = query(store, ST_SESSIONS_PAGE);

	query_int(&q, wanted->all);
	query_int(&q, wanted->before_ms);
	query_text(&q, wanted->after_id);
	query_text(&q, wanted->pool);
	query_text(&q, like);
	query_int(&q, (int64_t)wanted->limit);
	return store_read_sessions(&q, out, err);
}

/* ---------------------------------------------------------------------------------- numbers */

void store_overview_done(struct store_overview *overview)
{
	free(overview->desktops.items);
	free(overview->sessions.items);
	free(overview->hosts.items);
	*overview = (struct store_overview){ 0 };
}

static int count_hosts(struct store *store, struct store_overview *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_OVERVIEW_HOSTS);
	int rc;

	while ((rc = query_row(&q, err)) > 0) {
		struct store_host_tally *tally = STORE_APPEND(&out->hosts);

		get_text(&q, tally->state, sizeof(tally->state));
		tally->count = get_int(&q);
		tally->cpus = get_int(&q);
		tally->memory_bytes = get_int(&q);
		tally->memory_free_bytes = get_int(&q);
	}
	return rc;
}

static struct store_tally read_tally(struct query *q)
{
	struct store_tally tally = { 0 };

	get_text(q, tally.pool, sizeof(tally.pool));
	get_text(q, tally.state, sizeof(tally.state));
	tally.count = get_int(q);
	return tally;
}

static int count_desktops(struct store *store, struct store_overview *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_OVERVIEW_DESKTOPS);
	int rc;

	while ((rc = query_row(&q, err)) > 0)
		*STORE_APPEND(&out->desktops) = read_tally(&q);
	return rc;
}

static int count_sessions(struct store *store, struct store_overview *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_OVERVIEW_SESSIONS);
	int rc;

	while ((rc = query_row(&q, err)) > 0)
		*STORE_APPEND(&out->sessions) = read_tally(&q);
	return rc;
}

int store_overview(struct store *store, int64_t since_ms, struct store_overview *out,
		   struct error *err)
{
	OWNED(store_overview_done) struct store_overview overview = { 0 };
	OWNED(query_done) struct query q = query(store, ST_OVERVIEW_DENIED);
	int rc;

	query_int(&q, since_ms);
	if ((rc = query_row(&q, err)) > 0)
		overview.denied = get_int(&q);
	if (rc < 0 || (rc = count_hosts(store, &overview, err)) < 0 ||
	    (rc = count_desktops(store, &overview, err)) < 0 ||
	    (rc = count_sessions(store, &overview, err)) < 0)
		return rc;
	*out = overview;
	overview = (struct store_overview){ 0 };
	return 0;
}
