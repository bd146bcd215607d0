/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/admin.h"

#include <errno.h>
#include <string.h>

#include "common/sys/clock.h"

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
	admin_ask(r, list_run, NULL, NULL);
}

struct publish_input {
	char name[POOL_NAME_SIZE], channel[POOL_NAME_SIZE], sha256[STORE_SHA256_SIZE];
	int64_t size_bytes;
};

static int publish_run(struct store *store, struct admin_job *a, struct error *err)
{
	const struct publish_input *input = a->input;
	struct store_image image = { 0 };
	int rc = store_image_publish(store, input->name, input->channel, input->sha256,
				     input->size_bytes, clock_wall_ms(), &image, err);

	if (rc < 0)
		return rc;
	a->job.touched = true;
	a->answer = image_json(&image);
	return admin_audit(store, a, "image_publish", input->name, json_incref(a->answer), err);
}

static int check_publish(const struct publish_input *input, struct error *err)
{
	if (!pool_name_valid(input->name))
		return error_set(err, EINVAL, "name: must be like [a-z][a-z0-9-]{0,31}");
	if (strcmp(input->channel, "stable") != 0 && strcmp(input->channel, "canary") != 0)
		return error_set(err, EINVAL, "channel: must be stable or canary");
	if (strlen(input->sha256) != 64 || strspn(input->sha256, "0123456789abcdef") != 64)
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
		rc = check_publish(input, &err);
	if (rc < 0) {
		free(input);
		request_refuse(r, REASON_BAD_REQUEST, -1, err.text);
		return;
	}
	admin_ask(r, publish_run, input, free);
}
