/* SPDX-License-Identifier: Apache-2.0 */
/* What is learned from starts: which fail where, and how long a good one takes. */
#include "db/store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include "common/base/text.h"
#include "pool/planner.h"

void store_trouble_list_done(struct store_trouble_list *list)
{
	free(list->items);
	*list = (struct store_trouble_list){ 0 };
}

static int find(struct store *store, const char *host, const char *image_sha256, int64_t *failures,
		int64_t *paused_until_ms, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_TROUBLE_FIND);
	int rc;

	query_text(&q, host);
	query_text(&q, image_sha256);
	if ((rc = query_row(&q, err)) <= 0)
		return rc;
	*failures = get_int(&q);
	*paused_until_ms = get_int(&q);
	return query_sound(&q, err);
}

int store_start_failed(struct store *store, const char *host, const char *image_sha256,
		       const char *reason, int64_t now_ms, struct error *err)
{
	int64_t failures = 0, paused_until_ms = 0;
	int rc = find(store, host, image_sha256, &failures, &paused_until_ms, err);

	/* Those that were on their way when the pause began tell nothing new. */
	if (rc < 0 || now_ms < paused_until_ms)
		return rc;
	failures++;

	OWNED(query_done) struct query q = query(store, ST_TROUBLE_PUT);
	query_text(&q, host);
	query_text(&q, image_sha256);
	query_int(&q, failures);
	int64_t pause_ms = planner_pause_ms(failures);
	query_int(&q, pause_ms ? now_ms + pause_ms : 0);
	query_text(&q, reason);
	rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

int store_start_succeeded(struct store *store, const char *host, const char *image_sha256,
			  const char *pool, int64_t start_ms, struct error *err)
{
	OWNED(query_done) struct query pace = query(store, ST_POOL_PACE_PUT);
	OWNED(query_done) struct query drop = query(store, ST_TROUBLE_DROP);
	int rc;

	query_int(&pace, start_ms > 0 ? start_ms : 1);
	query_text(&pace, pool);
	query_text(&drop, host);
	query_text(&drop, image_sha256);
	if ((rc = query_run(&pace, err)) < 0 || (rc = query_run(&drop, err)) < 0)
		return rc;
	return 0;
}

static int read_troubles(struct store *store, int64_t publication, const char *image_sha256,
			 struct store_trouble_list *list, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_TROUBLES_OF);
	int rc;

	query_text(&q, image_sha256);
	while ((rc = query_row(&q, err)) > 0) {
		struct store_trouble *trouble = STORE_APPEND(list);

		trouble->publication = publication;
		get_text(&q, trouble->host, sizeof(trouble->host));
		trouble->failures = get_int(&q);
		trouble->paused_until_ms = get_int(&q);
		get_text(&q, trouble->reason, sizeof(trouble->reason));
		if (query_sound(&q, err) < 0)
			return -EBADMSG;
	}
	return rc;
}

int store_pool_troubles(struct store *store, const char *pool, struct store_trouble_list *out,
			struct error *err)
{
	OWNED(store_trouble_list_done) struct store_trouble_list list = { 0 };
	struct store_push push;
	int rc = store_push_find(store, pool, &push, err);

	if (rc == -ENOENT)
		return 0;
	if (rc < 0 ||
	    (rc = read_troubles(store, push.rollout.current, push.current_sha256, &list, err)) < 0 ||
	    (rc = read_troubles(store, push.rollout.next, push.next_sha256, &list, err)) < 0 ||
	    (rc = read_troubles(store, push.rollout.refused, push.refused_sha256, &list, err)) < 0)
		return rc;
	*out = list;
	list = (struct store_trouble_list){ 0 };
	return 0;
}
