/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/admin.h"

#include <errno.h>
#include <string.h>

#include "common/sys/clock.h"
#include "common/wire/image_content.h"

static json_t *image_json(const struct store_image *image)
{
	return json_pack("{s:s, s:I, s:s, s:I, s:I, s:b, s:b}", "name", image->name, "publication",
			 (json_int_t)image->publication, "sha256", image->sha256, "size_bytes",
			 (json_int_t)image->size_bytes, "published_at_ms",
			 (json_int_t)image->published_at_ms, "stable", image->stable, "canary",
			 image->canary);
}

static int list_run(struct store *store, struct admin_job *a, struct error *err)
{
	OWNED(store_image_list_done) struct store_image_list list = { 0 };
	json_t *images = json_array();
	int rc = store_images(store, &list, err);

	for (size_t i = 0; i < list.count; i++)
		json_array_append_new(images, image_json(&list.items[i]));
	a->answer = json_pack("{s:o}", "images", images);
	return rc;
}

void admin_images_list(struct request *r)
{
	admin_look(r, list_run, NULL, NULL);
}

/* ------------------------------------------------------------------------------------- show */

static json_t *hosts_json(const struct store_image_host_list *list)
{
	json_t *hosts = json_array();

	for (size_t i = 0; i < list->count; i++)
		json_array_append_new(hosts, json_pack("{s:s, s:s, s:I, s:s}", "host",
						       list->items[i].host, "state",
						       list->items[i].state, "percent",
						       (json_int_t)list->items[i].percent, "reason",
						       list->items[i].reason));
	return hosts;
}

static int show_publication(struct store *store, const struct store_image *image, json_t *out,
			    struct error *err)
{
	OWNED(store_image_host_list_done) struct store_image_host_list hosts = { 0 };
	int64_t size_bytes = 0;
	bool held = false;
	int rc = store_content_find(store, image->sha256, &size_bytes, NULL, &held, err);

	if (rc == 0 || rc == -ENOENT)
		rc = store_image_hosts(store, image->sha256, &hosts, err);
	if (rc < 0)
		return rc;
	json_t *publication = image_json(image);

	json_object_set_new(publication, "held", json_boolean(held));
	json_object_set_new(publication, "hosts", hosts_json(&hosts));
	json_array_append_new(out, publication);
	return 0;
}

/* Where the pools stand that use it. */
static int show_pools(struct store *store, const char *name, json_t *out, struct error *err)
{
	OWNED(store_pool_list_done) struct store_pool_list list = { 0 };
	int rc = store_pools(store, &list, err);

	for (size_t i = 0; i < list.count && rc == 0; i++) {
		struct store_push push;

		if (strcmp(list.items[i].image, name) != 0)
			continue;
		rc = store_push_find(store, list.items[i].name, &push, err);
		if (rc == 0) {
			json_t *state = admin_push_json(&push);

			json_object_set_new(state, "pool", json_string(list.items[i].name));
			json_array_append_new(out, state);
		}
		rc = rc == -ENOENT ? 0 : rc;
	}
	return rc;
}

static int show_moves(struct store *store, const char *name, json_t *out, struct error *err)
{
	OWNED(store_move_list_done) struct store_move_list list = { 0 };
	int rc = store_moves(store, name, &list, err);

	for (size_t i = 0; i < list.count; i++) {
		const struct store_move_row *m = &list.items[i];

		json_array_append_new(out, json_pack("{s:s, s:I, s:I, s:s, s:s, s:s, s:I}", "channel",
						     m->channel, "from", (json_int_t)m->from, "to",
						     (json_int_t)m->to, "kind", m->kind, "who",
						     m->who, "reason", m->reason, "at_ms",
						     (json_int_t)m->at_ms));
	}
	return rc;
}

static int show_run(struct store *store, struct admin_job *a, struct error *err)
{
	OWNED(store_image_list_done) struct store_image_list list = { 0 };
	OWNED(json_decref) json_t *publications = json_array();
	const char *name = a->r->argument;
	int rc = store_images(store, &list, err);

	for (size_t i = 0; i < list.count && rc == 0; i++)
		if (strcmp(list.items[i].name, name) == 0)
			rc = show_publication(store, &list.items[i], publications, err);
	if (rc == 0 && json_array_size(publications) == 0)
		return -ENOENT;
	json_t *pools = json_array(), *moves = json_array();

	a->answer = json_pack("{s:s, s:O, s:o, s:o}", "image", name, "publications", publications,
			      "pools", pools, "moves", moves);
	if (rc == 0)
		rc = show_pools(store, name, pools, err);
	return rc < 0 ? rc : show_moves(store, name, moves, err);
}

void admin_image_show(struct request *r)
{
	admin_look(r, show_run, NULL, NULL);
}

/* ---------------------------------------------------------------------------------- publish */

struct publish_input {
	char name[POOL_NAME_SIZE], channel[POOL_NAME_SIZE], sha256[STORE_SHA256_SIZE];
	char reason[STORE_TEXT_SIZE];
	int64_t size_bytes;
	bool in_place;		/* hosts have the file, or get it by other means */
	char *pieces;		/* of a file that is in place; NULL: not told */
};

static void free_input(void *arg)
{
	struct publish_input *input = arg;

	free(input->pieces);
	free(input);
}

/* Nothing is published that hosts could not get. REASON_OK when they can. */
static int check_content(struct store *store, const struct publish_input *input,
			 enum reason *reason, struct error *err)
{
	int64_t size_bytes = 0;
	bool held = false;
	int rc;

	*reason = REASON_OK;
	if (input->in_place)
		return input->pieces ? store_content_put(store, input->sha256, input->size_bytes,
							 input->pieces, false, err) : 0;
	rc = store_content_find(store, input->sha256, &size_bytes, NULL, &held, err);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	if (!held || size_bytes != input->size_bytes)
		*reason = REASON_IMAGE_NOT_HERE;
	return 0;
}

static json_t *publish_details(const struct admin_job *a, const char *reason)
{
	json_t *details = json_copy(a->answer);

	json_object_set_new(details, "reason", json_string(reason));
	return details;
}

static int publish_run(struct store *store, struct admin_job *a, struct error *err)
{
	const struct publish_input *input = a->input;
	struct store_image image = { 0 };
	enum reason reason;
	int rc = check_content(store, input, &reason, err);

	if (rc < 0)
		return rc;
	if (reason != REASON_OK)
		return admin_refuse(a, reason, NULL);
	struct store_move move = { .name = input->name, .channel = input->channel,
				   .kind = "publish", .who = a->r->peer, .reason = input->reason,
				   .now_ms = clock_wall_ms() };
	rc = store_image_publish(store, &move, input->sha256, input->size_bytes, &image, err);

	if (rc < 0)
		return rc;
	a->job.touched = true;
	a->answer = image_json(&image);
	return admin_audit(store, a, "image_publish", input->name, publish_details(a, input->reason), err);
}

static int read_pieces(const json_t *body, struct publish_input *input, struct error *err)
{
	const char *pieces = json_string_value(json_object_get(body, "pieces"));
	OWNED(image_content_done) struct image_content content = { 0 };
	int rc = json_get_bool_or(body, "in_place", false, &input->in_place, err);

	if (rc < 0 || !pieces)
		return rc;
	rc = image_content_parse(input->size_bytes, pieces, &content, err);
	if (rc == 0)
		input->pieces = xstrdup(pieces);
	return rc;
}

static int check_publish(const struct publish_input *input, struct error *err)
{
	if (!pool_name_valid(input->name))
		return error_set(err, EINVAL, "name: must be like [a-z][a-z0-9-]{0,31}");
	if (strcmp(input->channel, "stable") != 0 && strcmp(input->channel, "canary") != 0)
		return error_set(err, EINVAL, "channel: must be stable or canary");
	if (!image_sha256_valid(input->sha256))
		return error_set(err, EINVAL, "sha256: must be 64 lowercase hex digits");
	return 0;
}

void admin_image_publish(struct request *r)
{
	const json_t *body = request_body(r);
	struct error err = { 0 };

	if (!body)
		return;
	struct publish_input *input = xnew(struct publish_input);
	int rc = json_get_text(body, "name", input->name, sizeof(input->name), &err);
	if (rc == 0)
		rc = json_get_text_or(body, "channel", "stable", input->channel,
				      sizeof(input->channel), &err);
	if (rc == 0)
		rc = json_get_text(body, "sha256", input->sha256, sizeof(input->sha256), &err);
	if (rc == 0)
		rc = json_get_int(body, "size_bytes", 1, INT64_C(1) << 50, &input->size_bytes,
				  &err);
	if (rc == 0)
		rc = json_get_text_or(body, "reason", "", input->reason, sizeof(input->reason), &err);
	if (rc == 0)
		rc = check_publish(input, &err);
	if (rc == 0)
		rc = read_pieces(body, input, &err);
	if (rc < 0) {
		free_input(input);
		request_refuse(r, REASON_BAD_REQUEST, -1, err.text);
		return;
	}
	admin_ask(r, publish_run, input, free_input);
}
