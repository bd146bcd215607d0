/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/sys/clock.h"
#include "ctl/ctl.h"
#include "ctl/image_file.h"
#include "pool/pool.h"

#define PROGRESS_EVERY_MS 200

static void row(struct table *table, const json_t *image)
{
	bool stable = json_is_true(json_object_get(image, "stable"));
	bool canary = json_is_true(json_object_get(image, "canary"));

	table_text(table, ctl_text(image, "name"));
	table_int(table, ctl_int(image, "publication"));
	table_text(table, stable && canary ? "stable, canary" : stable ? "stable" :
			  canary	   ? "canary" : "");
	table_bytes(table, ctl_int(image, "size_bytes"));
	table_time(table, ctl_int(image, "published_at_ms"));
	table_text(table, ctl_text(image, "sha256"));
}

int image_list(struct ctl *ctl, struct error *err)
{
	static const char *const titles[] = { "NAME", "PUBLICATION", "CHANNELS", "SIZE",
					      "PUBLISHED", "SHA-256", NULL };

	return ctl_list(ctl, "/v1/admin/images", "images", titles, row, err);
}

/* One line that is written over, and only where somebody looks at it. */
static void show_progress(void *arg, const char *what, int64_t done, int64_t total)
{
	int64_t *last_ms = arg;
	int64_t now_ms = clock_monotonic_ms();

	if (!isatty(STDERR_FILENO) || (done < total && now_ms - *last_ms < PROGRESS_EVERY_MS))
		return;
	*last_ms = now_ms;
	fprintf(stderr, "\r%s %3lld %%", what, (long long)(total ? done * 100 / total : 100));
	if (done >= total)
		fputc('\n', stderr);
}

int image_publish(struct ctl *ctl, struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	const char *name = ctl->args.values[0];
	const char *channel = ctl->args.channel ? ctl->args.channel : "stable";
	struct image_file image;
	int64_t last_ms = 0;
	int rc;

	if (!ctl->args.image_dir)
		return error_set(err, EINVAL, "--image-dir: in which folder do hosts find images?");
	if (!pool_name_valid(name))
		return error_set(err, EINVAL, "%s: is not a valid image name", name);
	if ((rc = image_install(ctl->args.values[1], ctl->args.image_dir, show_progress, &last_ms,
				&image, err)) < 0)
		return rc;

	json_t *body = json_pack("{s:s, s:s, s:s, s:I}", "name", name, "channel", channel, "sha256",
				 image.sha256, "size_bytes", (json_int_t)image.size_bytes);
	if ((rc = ctl_request(ctl, "POST", "/v1/admin/images", body, &answer, err)) < 0)
		return rc;
	if (ctl->args.json)
		ctl_print_json(answer);
	else
		printf("%s: publication %lld, %s, %s\n", name,
		       (long long)ctl_int(answer, "publication"), channel, image.sha256);
	return 0;
}
