/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/image_upload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "common/sys/clock.h"

#define BEGIN_TIMEOUT_MS 1800000	/* the broker reads again what it has */
#define PART_TIMEOUT_MS 60000
#define PATIENCE_MS 120000		/* without any progress */
#define PAUSE_MS 1000

struct upload {
	struct ctl *ctl;
	int fd;
	const struct image_file *image;
	int64_t offset;
	bool begun, complete;
	int64_t moved_ms;
	uint8_t *part;
};

static bool has_code(const struct http_result *result, const char *code)
{
	return strcmp(ctl_text(result->body, "code"), code) == 0;
}

/* 1: again in a moment; 0: it went on; else the end. */
static int take_answer(struct upload *u, const struct http_result *result, struct error *err)
{
	if (result->status == 200) {
		int64_t offset = ctl_int(result->body, "offset");

		if (offset > u->offset || !u->begun)
			u->moved_ms = clock_monotonic_ms();
		u->offset = offset;
		u->begun = true;
		u->complete = json_is_true(json_object_get(result->body, "complete"));
		return 0;
	}
	http_result_problem(result, err);
	u->begun = false;	/* ask where to go on */
	if (has_code(result, "upload_offset"))
		return 0;
	return has_code(result, "busy") ? 1 : -EREMOTEIO;
}

static int begin(struct upload *u, struct http_result *result, struct error *err)
{
	OWNED(json_decref) json_t *body = json_pack("{s:s, s:I}", "sha256", u->image->sha256,
						    "size_bytes", (json_int_t)u->image->size_bytes);

	return http_request(u->ctl->client, "POST", "/v1/admin/image-uploads", body,
			    BEGIN_TIMEOUT_MS, result, err);
}

static int send_part(struct upload *u, struct http_result *result, struct error *err)
{
	OWNED(buf_done) struct buf answer = BUF_LIMIT(65536);
	char path[160];
	ssize_t len = pread(u->fd, u->part, IMAGE_PART_BYTES, u->offset);

	if (len < 0)
		return error_errno(err, "read the image");
	if (len == 0)
		return error_set(err, EIO, "the file has become shorter while it was sent");
	snprintf(path, sizeof(path), "/v1/admin/image-uploads/%s?offset=%lld", u->image->sha256,
		 (long long)u->offset);
	int rc = http_request_bytes(u->ctl->client, "PUT", path, span_of(u->part, (size_t)len), NULL,
				    PART_TIMEOUT_MS, &answer, result, err);
	if (rc == 0 && result->status == 200)
		rc = json_object_parse(buf_span(&answer), &result->body, err);
	return rc;
}

/* Ways of a connection to fail that pass by themselves. */
static bool passes(int rc)
{
	return rc == -ECONNREFUSED || rc == -EHOSTUNREACH || rc == -ETIMEDOUT ||
	       rc == -ECONNRESET || rc == -EIO || rc == -EPROTO;
}

static int step(struct upload *u, struct error *err)
{
	OWNED(http_result_done) struct http_result result = { 0 };
	int rc = u->begun ? send_part(u, &result, err) : begin(u, &result, err);

	if (rc == 0)
		return take_answer(u, &result, err);
	u->begun = false;
	return passes(rc) ? 1 : rc;
}

static int run(struct upload *u, image_progress_fn *progress, void *arg, struct error *err)
{
	u->moved_ms = clock_monotonic_ms();
	while (!u->complete) {
		int rc = step(u, err);

		if (rc < 0 || (rc > 0 && clock_monotonic_ms() - u->moved_ms > PATIENCE_MS))
			return rc < 0 ? rc : -ETIMEDOUT;
		if (rc > 0)
			nanosleep(&(struct timespec){ .tv_sec = PAUSE_MS / 1000 }, NULL);
		else if (progress && u->begun)
			progress(arg, "sending", u->offset, u->image->size_bytes);
	}
	return 0;
}

int image_upload(struct ctl *ctl, const char *path, image_progress_fn *progress, void *arg,
		 struct image_file *out, struct error *err)
{
	struct image_file image = { 0 };
	OWNED_FD int fd = image_open(path, &image.size_bytes, err);
	int rc = fd;

	if (rc < 0 || (rc = ctl_connect(ctl, err)) < 0)
		return rc;
	if (image.size_bytes > IMAGE_BYTES_MAX)
		return error_set(err, EFBIG, "%s: larger than 256 GiB", path);
	if ((rc = image_read(fd, image.size_bytes, progress, arg, image.sha256, NULL, err)) < 0)
		return rc;
	OWNED(free) uint8_t *part = xcalloc(1, IMAGE_PART_BYTES);
	struct upload u = { .ctl = ctl, .fd = fd, .image = &image, .part = part };

	if ((rc = run(&u, progress, arg, err)) == 0)
		*out = image;
	return rc;
}
