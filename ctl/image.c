/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/sys/clock.h"
#include "ctl/ctl.h"
#include "ctl/image_upload.h"
#include "pool/pool.h"

#define PROGRESS_EVERY_MS 200
/* What fits into a request; larger images are registered without their pieces. */
#define PIECES_MAX ((size_t)960 * 1024)

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

/* The file to the broker, or into a folder that hosts share. */
static int bring(struct ctl *ctl, struct image_file *image, json_t *body, struct error *err)
{
	OWNED(buf_done) struct buf pieces = BUF_LIMIT(4 << 20);
	const char *path = ctl->args.values[1];
	int64_t last_ms = 0;
	int rc;

	if (!ctl->args.image_dir)
		return image_upload(ctl, path, show_progress, &last_ms, image, err);
	rc = image_install(path, ctl->args.image_dir, show_progress, &last_ms, image, err);
	if (rc < 0)
		return rc;
	image_content_write(&image->content, &pieces);
	image_content_done(&image->content);
	json_object_set_new(body, "in_place", json_true());
	if (pieces.len <= PIECES_MAX)
		json_object_set_new(body, "pieces", json_string(buf_text(&pieces)));
	return 0;
}

int image_publish(struct ctl *ctl, struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	OWNED(json_decref) json_t *body = json_object();
	const char *name = ctl->args.values[0];
	struct image_file image = { 0 };
	int rc;

	if (!pool_name_valid(name))
		return error_set(err, EINVAL, "%s: is not a valid image name", name);
	if ((rc = bring(ctl, &image, body, err)) < 0)
		return rc;
	json_object_set_new(body, "name", json_string(name));
	json_object_set_new(body, "channel",
			    json_string(ctl->args.channel ? ctl->args.channel : "stable"));
	json_object_set_new(body, "sha256", json_string(image.sha256));
	json_object_set_new(body, "size_bytes", json_integer(image.size_bytes));
	json_object_set_new(body, "reason", json_string(ctl->args.reason ? ctl->args.reason : ""));
	if ((rc = ctl_request(ctl, "POST", "/v1/admin/images", json_incref(body), &answer, err)) < 0)
		return rc;
	if (ctl->args.json)
		ctl_print_json(answer);
	else
		printf("%s: publication %lld, %s, %s\n", name,
		       (long long)ctl_int(answer, "publication"),
		       ctl_text(body, "channel"), image.sha256);
	return 0;
}

/* ------------------------------------------------------------------------------------- show */

static void print_host(const json_t *host)
{
	const char *state = ctl_text(host, "state");

	printf("    %-16s %s", ctl_text(host, "host"), state);
	if (strcmp(state, "fetching") == 0)
		printf(" %lld %%", (long long)ctl_int(host, "percent"));
	printf("%s%s\n", *ctl_text(host, "reason") ? ": " : "", ctl_text(host, "reason"));
}

static void print_pool(const json_t *p)
{
	int64_t next = ctl_int(p, "next"), refused = ctl_int(p, "refused");

	printf("  %-16s publication %lld", ctl_text(p, "pool"), (long long)ctl_int(p, "current"));
	if (next)
		printf(", trying %lld", (long long)next);
	if (refused)
		printf(", refused %lld", (long long)refused);
	printf(": %s%s%s\n", ctl_text(p, "code"), *ctl_text(p, "detail") ? ": " : "",
	       ctl_text(p, "detail"));
}

static void print_move(const json_t *m)
{
	OWNED(buf_done) struct buf when = BUF_LIMIT(64);

	table_time_text(ctl_int(m, "at_ms"), &when);
	printf("  %s %s %s %lld -> %lld by %s%s%s\n", buf_text(&when), ctl_text(m, "kind"),
	       ctl_text(m, "channel"), (long long)ctl_int(m, "from"), (long long)ctl_int(m, "to"),
	       ctl_text(m, "who"), *ctl_text(m, "reason") ? ": " : "", ctl_text(m, "reason"));
}

static void print_list(const json_t *list, const char *title, void (*print)(const json_t *item))
{
	const json_t *item;
	size_t i;

	if (json_array_size(list))
		puts(title);
	json_array_foreach(list, i, item)
		print(item);
}

static void print_publication(const json_t *p)
{
	const json_t *host;
	size_t i;

	printf("publication %lld%s%s\n  sha256     %s\n  size       %lld bytes\n  files      %s\n  hosts\n",
	       (long long)ctl_int(p, "publication"),
	       json_is_true(json_object_get(p, "stable")) ? ", stable" : "",
	       json_is_true(json_object_get(p, "canary")) ? ", canary" : "", ctl_text(p, "sha256"),
	       (long long)ctl_int(p, "size_bytes"),
	       json_is_true(json_object_get(p, "held")) ? "with the broker" : "in place on the hosts");
	json_array_foreach(json_object_get(p, "hosts"), i, host)
		print_host(host);
}

int image_show(struct ctl *ctl, struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	char path[128];

	if (!pool_name_valid(ctl->args.values[0]))
		return error_set(err, EINVAL, "%s: is not a valid image name", ctl->args.values[0]);
	snprintf(path, sizeof(path), "/v1/admin/images/%s", ctl->args.values[0]);
	int rc = ctl_request(ctl, "GET", path, NULL, &answer, err);
	if (rc < 0)
		return rc;
	if (ctl->args.json) {
		ctl_print_json(answer);
		return 0;
	}
	print_list(json_object_get(answer, "publications"), ctl->args.values[0], print_publication);
	print_list(json_object_get(answer, "pools"), "pools", print_pool);
	print_list(json_object_get(answer, "moves"), "channels", print_move);
	return 0;
}

/* -------------------------------------------------------------------------------- channels */

static int move(struct ctl *ctl, const char *verb, struct error *err)
{
	OWNED(json_decref) json_t *answer = NULL;
	const char *name = ctl->args.values[0], *number = ctl->args.publication;
	json_t *body = json_object();
	char path[128];
	int rc;

	json_object_set_new(body, "reason", json_string(ctl->args.reason ? ctl->args.reason : ""));
	if (number && (strspn(number, "0123456789") != strlen(number) || strlen(number) > 9 ||
		       atoi(number) < 1)) {
		json_decref(body);
		return error_set(err, EINVAL, "%s: is not the number of a publication", number);
	}
	if (number)
		json_object_set_new(body, "publication", json_integer(atoi(number)));
	snprintf(path, sizeof(path), "/v1/admin/images/%s/%s", pool_name_valid(name) ? name : "-",
		 verb);
	if ((rc = ctl_request(ctl, "POST", path, body, &answer, err)) < 0)
		return rc;
	if (ctl->args.json)
		ctl_print_json(answer);
	else
		printf("%s: stable %lld -> %lld\n", name, (long long)ctl_int(answer, "from"),
		       (long long)ctl_int(answer, "to"));
	return 0;
}

int image_promote(struct ctl *ctl, struct error *err)
{
	return move(ctl, "promote", err);
}

int image_rollback(struct ctl *ctl, struct error *err)
{
	return move(ctl, "rollback", err);
}
