/* SPDX-License-Identifier: Apache-2.0 */
#include "db/store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include "common/base/text.h"
#include "common/sys/fault.h"

void store_image_list_done(struct store_image_list *list)
{
	free(list->items);
	*list = (struct store_image_list){ 0 };
}

static int read_image(struct query *q, struct store_image *out, struct error *err)
{
	get_text(q, out->name, sizeof(out->name));
	out->publication = get_int(q);
	get_text(q, out->sha256, sizeof(out->sha256));
	out->size_bytes = get_int(q);
	out->published_at_ms = get_int(q);
	out->stable = get_int(q) != 0;
	out->canary = get_int(q) != 0;
	return query_sound(q, err);
}

/* 1 with the image, 0 when there is none. */
static int find_image(struct store *store, const char *name, const char *sha256,
		      struct store_image *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_IMAGE_FIND);
	int rc;

	query_text(&q, name);
	query_text(&q, sha256);
	if ((rc = query_row(&q, err)) <= 0)
		return rc;
	rc = read_image(&q, out, err);
	return rc < 0 ? rc : 1;
}

static int next_publication(struct store *store, const char *name, int64_t *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_IMAGE_NEXT);
	int rc;

	query_text(&q, name);
	if ((rc = query_row(&q, err)) < 0)
		return rc;
	*out = get_int(&q);
	return query_sound(&q, err);
}

static int put_image(struct store *store, const struct store_image *image, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_IMAGE_PUT);

	query_text(&q, image->name);
	query_int(&q, image->publication);
	query_text(&q, image->sha256);
	query_int(&q, image->size_bytes);
	query_int(&q, image->published_at_ms);
	return query_run(&q, err);
}

int store_image_publish(struct store *store, const struct store_move *move, const char *sha256,
			int64_t size_bytes, struct store_image *out, struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	struct store_image image = { 0 };
	struct store_move to = *move;
	int rc;

	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = find_image(store, move->name, sha256, &image, err)) < 0)
		return rc;
	if (rc == 0) {
		if (str_copy(image.name, sizeof(image.name), move->name) < 0 ||
		    str_copy(image.sha256, sizeof(image.sha256), sha256) < 0)
			return error_set(err, EINVAL, "image: name or hash too long");
		image.size_bytes = size_bytes;
		image.published_at_ms = move->now_ms;
		if ((rc = next_publication(store, move->name, &image.publication, err)) < 0 ||
		    (rc = put_image(store, &image, err)) < 0)
			return rc;
	} else if (image.size_bytes != size_bytes) {
		return error_set(err, EINVAL, "image %s: this content is %lld bytes long, not %lld",
				 move->name, (long long)image.size_bytes, (long long)size_bytes);
	}
	to.publication = image.publication;
	FAULT_POINT("publish_row");
	if ((rc = store_channel_move(store, &to, err)) < 0 ||
	    (rc = store_pushes_begin(store, move->now_ms, err)) < 0 ||
	    (rc = find_image(store, move->name, sha256, &image, err)) < 0 ||
	    (rc = tx_commit(&tx, err)) < 0)
		return rc;
	*out = image;
	return 0;
}

int store_images(struct store *store, struct store_image_list *out, struct error *err)
{
	OWNED(store_image_list_done) struct store_image_list list = { 0 };
	OWNED(query_done) struct query q = query(store, ST_IMAGES);
	int rc;

	while ((rc = query_row(&q, err)) > 0)
		if (read_image(&q, STORE_APPEND(&list), err) < 0)
			return -EBADMSG;
	if (rc < 0)
		return rc;
	*out = list;
	list = (struct store_image_list){ 0 };
	return 0;
}
