/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that are kept for who sends the same order again. */
#include "db/store_internal.h"

#include <errno.h>

int store_kept_find(struct store *store, const char *who, const char *key_sha256, int64_t now_ms,
		    struct store_kept *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_KEPT_ANSWER);
	int rc;

	query_text(&q, who);
	query_text(&q, key_sha256);
	query_int(&q, now_ms - STORE_KEPT_MS);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : -ENOENT;
	get_text(&q, out->request_sha256, sizeof(out->request_sha256));
	out->answer = get_text_dup(&q);
	return query_sound(&q, err);
}

void store_kept_done(struct store_kept *kept)
{
	free(kept->answer);
	kept->answer = NULL;
}

/* Those whose time is over, and of one person the oldest beyond so many. */
static int make_room(struct store *store, const char *who, int64_t now_ms, struct error *err)
{
	int rc;
	{
		OWNED(query_done) struct query q = query(store, ST_KEPT_ANSWERS_OLD);

		query_int(&q, now_ms - STORE_KEPT_MS);
		if ((rc = query_run(&q, err)) < 0)
			return rc;
	}
	OWNED(query_done) struct query q = query(store, ST_KEPT_ANSWERS_MANY);

	query_text(&q, who);
	query_int(&q, STORE_KEPT_EACH - 1);
	return query_run(&q, err);
}

int store_kept_put(struct store *store, const char *who, const char *key_sha256,
		   const char *request_sha256, const char *answer, int64_t now_ms,
		   struct error *err)
{
	int rc = make_room(store, who, now_ms, err);

	if (rc < 0)
		return rc;
	OWNED(query_done) struct query q = query(store, ST_KEPT_ANSWER_PUT);

	query_text(&q, who);
	query_text(&q, key_sha256);
	query_text(&q, request_sha256);
	query_text(&q, answer);
	query_int(&q, now_ms);
	rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}
