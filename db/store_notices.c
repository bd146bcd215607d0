/* SPDX-License-Identifier: Apache-2.0 */
/* What users are told, and the order to log a user off. Both are part of what a host should have:
 * they are repeated until the host says that they are done. */
#include "db/store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_words[] = {
	[STORE_NOTICE_MESSAGE] = "message",
	[STORE_NOTICE_REFUSED] = "refused",
};

const char *store_notice_kind_word(enum store_notice_kind kind)
{
	return kind_words[kind];
}

static int kind_parse(const char *word, enum store_notice_kind *out)
{
	for (size_t i = 0; i < ARRAY_LEN(kind_words); i++) {
		if (strcmp(word, kind_words[i]) != 0)
			continue;
		*out = (enum store_notice_kind)i;
		return 0;
	}
	return -EINVAL;
}

void store_notice_list_done(struct store_notice_list *list)
{
	free(list->items);
	*list = (struct store_notice_list){ 0 };
}

void store_orders_done(struct store_orders *orders)
{
	store_notice_list_done(&orders->notices);
	free(orders->log_offs);
	*orders = (struct store_orders){ 0 };
}

/* ---- notices ---- */

static int next_seq(struct store *store, int64_t *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_NOTICE_NEXT);
	int rc = query_row(&q, err);

	if (rc <= 0)
		return rc < 0 ? rc : error_set(err, EBADMSG, "store: the notice counter is missing");
	*out = get_int(&q);
	return query_sound(&q, err);
}

static int put_row(struct store *store, const struct store_notice *n, const char *user_key,
		   struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_NOTICE_PUT);
	int rc;

	query_int(&q, n->seq);
	query_text(&q, n->desktop);
	query_text(&q, user_key);
	query_text(&q, store_notice_kind_word(n->kind));
	query_text(&q, n->what);
	query_text(&q, n->text);
	query_int(&q, n->in_desktop);
	query_int(&q, n->in_client);
	query_int(&q, n->at_ms);
	query_int(&q, n->expires_at_ms);
	rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

int store_notice_put(struct store *store, struct store_notice *notice, struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	struct store_desktop d;
	int64_t generation = 0;
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = store_desktop_find(store, notice->desktop, &d, err)) < 0)
		return rc;
	if (!d.user_key[0])
		return error_set(err, ESRCH, "desktop %s: nobody has it", d.name);
	memcpy(notice->user_key, d.user_key, sizeof(notice->user_key));
	if ((rc = next_seq(store, &notice->seq, err)) < 0 ||
	    (rc = put_row(store, notice, d.user_key, err)) < 0)
		return rc;
	if (notice->in_desktop && (rc = store_bump_host(store, d.host, &generation, err)) < 0)
		return rc;
	return tx_commit(&tx, err);
}

static int mark_for_desktop(struct store *store, int64_t seq, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_NOTICE_TO_DESKTOP);

	query_int(&q, seq);
	return query_run(&q, err);
}

int store_notice_to_desktop(struct store *store, const char *desktop, int64_t seq,
			    struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	struct store_desktop d;
	int64_t generation = 0;
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = store_desktop_find(store, desktop, &d, err)) < 0)
		return rc == -ENOENT ? 0 : rc;
	if ((rc = mark_for_desktop(store, seq, err)) > 0)
		rc = store_bump_host(store, d.host, &generation, err);
	return rc < 0 ? rc : tx_commit(&tx, err);
}

int store_notice_known(struct store *store, const char *desktop, const char *what,
		       int64_t since_ms, bool *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_NOTICE_LIKE);
	int rc;

	query_text(&q, desktop);
	query_text(&q, what);
	query_int(&q, since_ms);
	if ((rc = query_row(&q, err)) < 0)
		return rc;
	*out = rc > 0 && get_int(&q) > 0;
	return query_sound(&q, err);
}

static int read_for_client(struct query *q, struct store_notice *out, struct error *err)
{
	out->seq = get_int(q);
	get_text(q, out->desktop, sizeof(out->desktop));
	get_word(q, kind_parse, &out->kind);
	get_text(q, out->what, sizeof(out->what));
	get_text(q, out->text, sizeof(out->text));
	out->at_ms = get_int(q);
	return query_sound(q, err);
}

int store_notices_of_user(struct store *store, const char *user_key, int64_t after,
			  int64_t since_ms, int64_t now_ms, struct store_notice_list *out,
			  struct error *err)
{
	OWNED(store_notice_list_done) struct store_notice_list list = { 0 };
	OWNED(query_done) struct query q = query(store, ST_NOTICES_OF_PERSON);
	int rc;

	query_text(&q, user_key);
	query_int(&q, after);
	query_int(&q, since_ms);
	query_int(&q, now_ms);
	while ((rc = query_row(&q, err)) > 0)
		if (read_for_client(&q, STORE_APPEND(&list), err) < 0)
			return -EBADMSG;
	if (rc < 0)
		return rc;
	*out = list;
	list = (struct store_notice_list){ 0 };
	return 0;
}

int store_notices_shown(struct store *store, const char *desktop, const char *host, int64_t seq,
			struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_NOTICES_SHOWN);
	int rc;

	query_text(&q, desktop);
	query_int(&q, seq);
	query_text(&q, host);
	rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

/* ---- log-offs ---- */

static int put_log_off(struct store *store, const char *id, int64_t stay, int64_t generation,
		       struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_LOG_OFF_ORDER);
	int rc;

	query_int(&q, stay);
	query_int(&q, generation);
	query_text(&q, store_request(store));
	query_text(&q, id);
	rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

int store_desktop_log_off(struct store *store, const char *id, struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	struct store_desktop d;
	int64_t generation = 0;
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = store_desktop_find(store, id, &d, err)) < 0)
		return rc;
	if (!d.logged_on[0] || d.want == DESKTOP_WANT_ABSENT)
		return error_set(err, ESRCH, "desktop %s: nobody is logged on", d.name);
	if ((rc = store_bump_host(store, d.host, &generation, err)) < 0 ||
	    (rc = put_log_off(store, id, d.logoffs + d.resets + d.incarnation + 1, generation,
			      err)) < 0)
		return rc;
	return tx_commit(&tx, err);
}

int store_log_offs_settle(struct store *store, const char *host, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_LOG_OFFS_DONE);
	int rc;

	query_text(&q, host);
	rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

/* ---- what a host is told ---- */

static int read_notices(struct store *store, const char *host, int64_t now_ms,
			struct store_orders *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_NOTICES_OF_HOST);
	int rc;

	query_text(&q, host);
	query_int(&q, now_ms);
	while ((rc = query_row(&q, err)) > 0) {
		struct store_notice *n = STORE_APPEND(&out->notices);

		get_text(&q, n->desktop, sizeof(n->desktop));
		n->seq = get_int(&q);
		get_text(&q, n->text, sizeof(n->text));
		n->in_desktop = true;
		if (query_sound(&q, err) < 0)
			return -EBADMSG;
	}
	return rc;
}

static int read_log_offs(struct store *store, const char *host, struct store_orders *out,
			 struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_LOG_OFFS_OF_HOST);
	int rc;

	query_text(&q, host);
	while ((rc = query_row(&q, err)) > 0) {
		out->log_offs = store_grow(out->log_offs, out->log_off_count,
					   sizeof(*out->log_offs));
		struct store_log_off *l = &out->log_offs[out->log_off_count++];

		get_text(&q, l->desktop, sizeof(l->desktop));
		l->stay = get_int(&q);
		if (query_sound(&q, err) < 0)
			return -EBADMSG;
	}
	return rc;
}

int store_orders_of_host(struct store *store, const char *host, int64_t now_ms,
			 struct store_orders *out, struct error *err)
{
	OWNED(store_orders_done) struct store_orders orders = { 0 };
	int rc = read_notices(store, host, now_ms, &orders, err);

	if (rc == 0)
		rc = read_log_offs(store, host, &orders, err);
	if (rc < 0)
		return rc;
	*out = orders;
	orders = (struct store_orders){ 0 };
	return 0;
}
