/* SPDX-License-Identifier: Apache-2.0 */
/* What images consist of, and which hosts have them. */
#include "db/store_internal.h"

#include <errno.h>
#include <stdlib.h>

int store_content_put(struct store *store, const char *sha256, int64_t size_bytes,
		      const char *pieces, bool held, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_CONTENT_PUT);

	query_text(&q, sha256);
	query_int(&q, size_bytes);
	query_text(&q, pieces);
	query_int(&q, held);

	int rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

int store_content_find(struct store *store, const char *sha256, int64_t *size_bytes,
		       char **pieces, bool *held, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_CONTENT_FIND);
	int rc;

	query_text(&q, sha256);
	if ((rc = query_row(&q, err)) <= 0)
		return rc < 0 ? rc : -ENOENT;
	int64_t size = get_int(&q);
	OWNED(free) char *text = get_text_dup(&q);
	bool here = get_int(&q) != 0;

	if ((rc = query_sound(&q, err)) < 0)
		return rc;
	*size_bytes = size;
	if (pieces)
		*pieces = STEAL(text);
	if (held)
		*held = here;
	return 0;
}

void store_image_host_list_done(struct store_image_host_list *list)
{
	free(list->items);
	*list = (struct store_image_host_list){ 0 };
}

int store_image_hosts(struct store *store, const char *sha256, struct store_image_host_list *out,
		      struct error *err)
{
	OWNED(store_image_host_list_done) struct store_image_host_list list = { 0 };
	OWNED(query_done) struct query q = query(store, ST_IMAGE_HOSTS);
	int rc;

	query_text(&q, sha256);
	while ((rc = query_row(&q, err)) > 0) {
		struct store_image_host *host = STORE_APPEND(&list);

		get_text(&q, host->host, sizeof(host->host));
		get_text(&q, host->state, sizeof(host->state));
		host->percent = get_int(&q);
		get_text(&q, host->reason, sizeof(host->reason));
		if (query_sound(&q, err) < 0)
			return -EBADMSG;
	}
	if (rc < 0)
		return rc;
	*out = list;
	list = (struct store_image_host_list){ 0 };
	return 0;
}
