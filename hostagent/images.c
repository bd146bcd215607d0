/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include "common/base/list.h"
#include "common/sys/log.h"
#include "hostagent/image/image.h"
#include "hostagent/images.h"

enum image_state { IMAGE_UNKNOWN, IMAGE_READY, IMAGE_MISSING, IMAGE_BAD };

struct image {
	struct list node;
	char sha256[VM_SHA256_SIZE];
	enum image_state state;
	char reason[200];
	bool busy;	/* a job looks at it */
	bool listed;
};

struct images {
	struct list all;
	struct work *jobs;
	const struct hostagent_config *config;
	images_changed_fn *changed;
	void *arg;
};

struct look {
	struct images *images;
	char sha256[VM_SHA256_SIZE];
	int result;
	struct error err;
};

struct images *images_new(struct work *jobs, const struct hostagent_config *config,
			  images_changed_fn *changed, void *arg)
{
	struct images *images = xnew(struct images);

	*images = (struct images){ .jobs = jobs, .config = config, .changed = changed, .arg = arg };
	list_init(&images->all);
	return images;
}

static void image_free(struct image *image)
{
	list_remove(&image->node);
	free(image);
}

void images_free(struct images *images)
{
	if (!images)
		return;
	LIST_EACH_SAFE(it, &images->all)
		image_free(LIST_OF(it, struct image, node));
	free(images);
}

static struct image *image_find(struct images *images, const char *sha256)
{
	LIST_EACH(it, &images->all) {
		struct image *image = LIST_OF(it, struct image, node);

		if (strcmp(image->sha256, sha256) == 0)
			return image;
	}
	return NULL;
}

static void run_look(void *arg)
{
	struct look *look = arg;

	look->result = image_verify(look->images->config, look->sha256, &look->err);
}

static enum image_state state_of(int result)
{
	if (result == 0)
		return IMAGE_READY;
	return result == -ENOENT ? IMAGE_MISSING : IMAGE_BAD;
}

static void take_result(struct images *images, struct image *image, const struct look *look)
{
	enum image_state before = image->state;

	image->busy = false;
	image->state = state_of(look->result);
	memcpy(image->reason, look->err.text, sizeof(image->reason) - 1);
	if (image->state == before)
		return;
	if (image->state == IMAGE_READY)
		log_info("image_ready", kv_str("sha256", image->sha256));
	else
		log_warn("image_not_ready", kv_str("sha256", image->sha256), kv_error(&look->err));
	images->changed(images->arg);
}

static void look_done(void *arg, int status)
{
	struct look *look = arg;
	struct image *image;

	if (status == 0) {
		image = image_find(look->images, look->sha256);
		if (image)
			take_result(look->images, image, look);
	}
	free(look);
}

static void look_at(struct images *images, struct image *image)
{
	if (image->busy || image->state == IMAGE_READY)
		return;
	struct look *look = xnew(struct look);

	look->images = images;
	memcpy(look->sha256, image->sha256, sizeof(look->sha256));
	image->busy = work_submit(images->jobs, 0, run_look, look_done, look) == 0;
	if (!image->busy)
		free(look);	/* the next list of the broker asks again */
}

void images_set(struct images *images, const char (*sha256)[VM_SHA256_SIZE], size_t count)
{
	LIST_EACH(it, &images->all)
		LIST_OF(it, struct image, node)->listed = false;
	for (size_t i = 0; i < count; i++) {
		struct image *image = image_find(images, sha256[i]);

		if (!image) {
			image = xnew(struct image);
			memcpy(image->sha256, sha256[i], sizeof(image->sha256));
			list_append(&images->all, &image->node);
		}
		image->listed = true;
		look_at(images, image);
	}
	LIST_EACH_SAFE(it, &images->all)
		if (!LIST_OF(it, struct image, node)->listed)
			image_free(LIST_OF(it, struct image, node));
}

static const char *state_name(enum image_state state)
{
	switch (state) {
	case IMAGE_READY:
		return "ready";
	case IMAGE_BAD:
		return "bad";
	case IMAGE_UNKNOWN:
	case IMAGE_MISSING:
		break;
	}
	return "missing";
}

json_t *images_report(const struct images *images)
{
	json_t *list = json_array();

	LIST_EACH(it, &images->all) {
		const struct image *image = LIST_OF(it, struct image, node);

		/* Being looked at: saying "missing" now would turn users away for nothing. */
		if (image->state == IMAGE_UNKNOWN)
			continue;
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "sha256", image->sha256,
						      "state", state_name(image->state), "reason",
						      image->reason));
	}
	return list;
}
