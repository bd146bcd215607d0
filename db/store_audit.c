/* SPDX-License-Identifier: Apache-2.0 */
/* Audit rows and their chain (common/wire/audit_chain.h), and the check of the whole store. */
#include "db/store_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/base/text.h"
#include "common/wire/audit_chain.h"

void store_audit_list_done(struct store_audit_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct store_audit_row *row = &list->items[i];

		free(row->who);
		free(row->source);
		free(row->what);
		free(row->code);
		free(row->subject);
		free(row->details);
	}
	free(list->items);
	*list = (struct store_audit_list){ 0 };
}

static const char *text_of(const char *text, const char *fallback)
{
	return text && *text ? text : fallback;
}

static struct audit_link link_of(int64_t id, const struct store_audit *row)
{
	return (struct audit_link){
		.id = id,
		.at_ms = row->at_ms,
		.denied = row->denied,
		.who = text_of(row->who, ""),
		.source = text_of(row->source, ""),
		.what = text_of(row->what, ""),
		.code = text_of(row->code, ""),
		.subject = text_of(row->subject, ""),
		.details = text_of(row->details, "{}"),
	};
}

static int last_row(struct store *store, int64_t *id, char sha256[STORE_SHA256_SIZE],
		    struct error *err)
{
	const struct store_memory *memory = store_memory(store);

	if (store_in_group(store) && memory->audit_last) {
		*id = memory->audit_last;
		memcpy(sha256, memory->audit_sha256, STORE_SHA256_SIZE);
		return 0;
	}

	OWNED(query_done) struct query q = query(store, ST_AUDIT_LAST);
	int rc = query_row(&q, err);

	*id = 0;
	sha256[0] = '\0';
	if (rc <= 0)
		return rc;
	*id = get_int(&q);
	get_text(&q, sha256, STORE_SHA256_SIZE);
	return query_sound(&q, err);
}

int store_audit_append(struct store *store, const struct store_audit *row, struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	char previous[STORE_SHA256_SIZE], hash[STORE_SHA256_SIZE];
	int64_t last;
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = last_row(store, &last, previous, err)) < 0)
		return rc;
	struct audit_link link = link_of(last + 1, row);
	if ((rc = audit_chain_hash(previous, &link, hash, err)) < 0)
		return rc;
	{
		OWNED(query_done) struct query q = query(store, ST_AUDIT_PUT);

		query_int(&q, last + 1);
		query_int(&q, row->at_ms);
		query_text(&q, row->who);
		query_text(&q, row->source);
		query_text(&q, row->what);
		query_text(&q, row->code);
		query_int(&q, row->denied);
		query_text(&q, row->subject);
		query_text(&q, text_of(row->details, "{}"));
		query_text(&q, previous);
		query_text(&q, hash);
		if ((rc = query_run(&q, err)) < 0)
			return rc;
	}
	if ((rc = tx_commit(&tx, err)) < 0)
		return rc;
	store_memory(store)->audit_last = last + 1;
	memcpy(store_memory(store)->audit_sha256, hash, STORE_SHA256_SIZE);
	return 0;
}

int store_audit_sent(struct store *store, int64_t *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_AUDIT_SENT);
	int rc = query_row(&q, err);

	if (rc < 0)
		return rc;
	*out = rc ? get_int(&q) : 0;
	return 0;
}

int store_audit_set_sent(struct store *store, int64_t id, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_AUDIT_SENT_PUT);

	query_int(&q, id);

	int rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

static void read_row(struct query *q, struct store_audit_row *row)
{
	row->id = get_int(q);
	row->at_ms = get_int(q);
	row->who = get_text_dup(q);
	row->source = get_text_dup(q);
	row->what = get_text_dup(q);
	row->code = get_text_dup(q);
	row->denied = get_int(q) != 0;
	row->subject = get_text_dup(q);
	row->details = get_text_dup(q);
}

int store_audit_search(struct store *store, const struct store_audit_query *wanted,
		       struct store_audit_list *out, struct error *err)
{
	OWNED(store_audit_list_done) struct store_audit_list list = { 0 };
	OWNED(query_done) struct query q =
		query(store, wanted->denied_only ? ST_AUDIT_ROWS_DENIED : ST_AUDIT_ROWS);
	char details[POOL_NAME_SIZE + 16] = "%";
	int rc;

	/* details are compact JSON of ours; a pool's name has no character that LIKE or JSON knows */
	if (wanted->pool && *wanted->pool)
		snprintf(details, sizeof(details), "%%\"pool\":\"%.*s\"%%", POOL_NAME_SIZE - 1,
			 wanted->pool);
	query_int(&q, wanted->since_ms);
	query_text(&q, wanted->who);
	query_text(&q, wanted->what);
	query_text(&q, details);
	query_int(&q, wanted->before);
	query_int(&q, (int64_t)wanted->limit);
	while ((rc = query_row(&q, err)) > 0) {
		read_row(&q, STORE_APPEND(&list));
		if (query_sound(&q, err) < 0)
			return -EBADMSG;
	}
	if (rc < 0)
		return rc;
	*out = list;
	list = (struct store_audit_list){ 0 };
	return 0;
}

int store_audit_rows(struct store *store, bool denied_only, size_t limit,
		     struct store_audit_list *out, struct error *err)
{
	struct store_audit_query wanted = { .denied_only = denied_only, .limit = limit };

	return store_audit_search(store, &wanted, out, err);
}

static int verify_row(struct query *q, struct audit_walk *walk, struct error *err)
{
	OWNED(store_audit_list_done) struct store_audit_list one = { 0 };
	struct store_audit_row *r = STORE_APPEND(&one);

	read_row(q, r);
	get_text(q, r->previous_sha256, sizeof(r->previous_sha256));
	get_text(q, r->sha256, sizeof(r->sha256));

	struct store_audit row = { r->at_ms,	r->who,	    r->source, r->what,
				   r->code, r->denied, r->subject, r->details };
	struct audit_link link = link_of(r->id, &row);
	if (query_sound(q, NULL) < 0)
		return error_set(err, EBADMSG, "audit: row %lld does not fit (expected row %lld)",
				 (long long)r->id, (long long)walk->rows + 1);
	return audit_chain_next(walk, &link, r->previous_sha256, r->sha256, err);
}

int store_audit_after(struct store *store, int64_t after, size_t limit,
		      struct store_audit_list *out, struct error *err)
{
	OWNED(store_audit_list_done) struct store_audit_list list = { 0 };
	OWNED(query_done) struct query q = query(store, ST_AUDIT_AFTER);
	int rc;

	query_int(&q, after);
	query_int(&q, (int64_t)limit);
	while ((rc = query_row(&q, err)) > 0) {
		struct store_audit_row *row = STORE_APPEND(&list);

		read_row(&q, row);
		get_text(&q, row->previous_sha256, sizeof(row->previous_sha256));
		get_text(&q, row->sha256, sizeof(row->sha256));
		if (query_sound(&q, err) < 0)
			return -EBADMSG;
	}
	if (rc < 0)
		return rc;
	*out = list;
	list = (struct store_audit_list){ 0 };
	return 0;
}

int store_audit_verify(struct store *store, int64_t *rows, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_AUDIT_CHAIN);
	struct audit_walk walk = { 0 };
	int rc;

	while ((rc = query_row(&q, err)) > 0)
		if (verify_row(&q, &walk, err) < 0)
			return -EBADMSG;
	if (rc < 0)
		return rc;
	*rows = walk.rows;
	return 0;
}

/* ------------------------------------------------------------------------------- whole store */

static int check_invariant(struct store *store, enum statement id, struct buf *problems,
			   struct error *err)
{
	OWNED(query_done) struct query q = query(store, id);
	int count = 0, rc;

	while ((rc = query_row(&q, err)) > 0) {
		OWNED(free) char *text = get_text_dup(&q);

		buf_printf(problems, "%s\n", text);
		count++;
	}
	return rc < 0 ? rc : count;
}

int store_check(struct store *store, struct buf *problems, struct error *err)
{
	static const enum statement invariants[] = { ST_BROKEN_ASSIGNMENT, ST_BROKEN_POOL,
						     ST_BROKEN_SPARE, ST_BROKEN_ADDRESS };
	struct error chain = { 0 };
	int64_t rows;
	int count = store_engine_check(store, problems, err);

	if (count < 0)
		return count;
	for (size_t i = 0; i < ARRAY_LEN(invariants); i++) {
		int rc = check_invariant(store, invariants[i], problems, err);

		if (rc < 0)
			return rc;
		count += rc;
	}
	if (store_audit_verify(store, &rows, &chain) < 0) {
		buf_printf(problems, "%s\n", chain.text);
		count++;
	}
	return count ? error_set(err, EBADMSG, "store: %d problems", count) : 0;
}
