/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/images/image_room.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "broker/images/image_files.h"
#include "broker/images/image_grants.h"
#include "broker/images/image_outlet.h"
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"
#include "common/sys/work.h"

#define UPLOADS_MAX 8
#define JOBS_MAX (UPLOADS_MAX + 2)
#define IDLE_MS 600000		/* a forgotten upload is closed; its part stays on the disk */
#define TIDY_EVERY_MS 60000

struct upload {
	struct list link;
	struct upload_file file;	/* the job's while busy */
	bool busy;
	int64_t touched_ms;
};

struct image_room {
	struct broker *broker;
	char folder[512];
	struct work *work;
	struct list uploads;
	struct image_outlet *outlet;
	struct image_grants grants;
	struct loop_timer *tidy_timer;
	bool tidying;
};

static struct upload *upload_find(struct image_room *room, const char *sha256)
{
	LIST_EACH(it, &room->uploads) {
		struct upload *upload = LIST_OF(it, struct upload, link);

		if (strcmp(upload->file.sha256, sha256) == 0)
			return upload;
	}
	return NULL;
}

static void upload_free(struct upload *upload)
{
	list_remove(&upload->link);
	upload_file_done(&upload->file);
	free(upload);
}

static size_t upload_count(const struct image_room *room)
{
	size_t count = 0;

	LIST_EACH(it, &room->uploads)
		count++;
	return count;
}

/* ------------------------------------------------------------------ an image that is whole now */

struct keeping {
	struct state_job job;	/* first: jobs are cast back */
	struct request *r;
	char sha256[65];
	int64_t size_bytes;
	struct buf pieces;
};

static int keep_run(struct store *store, struct state_job *job, struct error *err)
{
	struct keeping *k = (struct keeping *)job;

	return store_content_put(store, k->sha256, k->size_bytes, buf_text(&k->pieces), true, err);
}

static json_t *progress_json(const char *sha256, int64_t offset, int64_t size_bytes, bool complete)
{
	return json_pack("{s:s, s:I, s:I, s:b}", "sha256", sha256, "offset", (json_int_t)offset,
			 "size_bytes", (json_int_t)size_bytes, "complete", complete);
}

static void keep_done(struct state_job *job, int rc, const struct error *err)
{
	struct keeping *k = (struct keeping *)job;

	if (rc < 0)
		request_store_failed(k->r, rc, err);
	else
		request_reply(k->r, 200, progress_json(k->sha256, k->size_bytes, k->size_bytes, true));
	buf_done(&k->pieces);
	free(k);
}

static void keep(struct request *r, struct upload *upload)
{
	struct keeping *k = xnew(struct keeping);

	k->r = r;
	memcpy(k->sha256, upload->file.sha256, sizeof(k->sha256));
	k->size_bytes = upload->file.size_bytes;
	k->pieces = BUF_LIMIT(4 << 20);
	image_content_write(&upload->file.content, &k->pieces);
	log_info("image_received", kv_str("sha256", k->sha256), kv_int("bytes", k->size_bytes),
		 kv_str("request", r->id));
	k->job.request = r->id;
	upload_free(upload);
	state_submit_always(r->broker->state, &k->job, keep_run, keep_done);
}

/* ---------------------------------------------------------------------------------- receiving */

struct receipt {
	struct image_room *room;
	struct request *r;
	char sha256[65];
	struct upload_file file;	/* moved here and back */
	bool opening;
	int64_t offset;
	struct buf bytes;
	int rc;
	struct error err;
};

static void receive_run(void *arg)
{
	struct receipt *in = arg;
	const char *folder = in->room->folder;

	in->rc = in->opening ? upload_file_open(folder, in->file.sha256, in->file.size_bytes, &in->file,
						&in->err)
			     : upload_file_put(folder, &in->file, in->offset, buf_span(&in->bytes),
					       &in->err);
}

static void refuse_failed(struct request *r, int rc, const struct error *err)
{
	switch (rc) {
	case -ENOSPC:
		request_refuse(r, REASON_IMAGE_NO_SPACE, -1, err->text);
		return;
	case -ESPIPE:
		request_refuse(r, REASON_UPLOAD_OFFSET, -1, err->text);
		return;
	case -EBADMSG:
		request_refuse(r, REASON_IMAGE_REFUSED, -1, err->text);
		return;
	default:
		request_store_failed(r, rc, err);
	}
}

static void receive_done(void *arg, int status)
{
	struct receipt *in = arg;
	struct upload *upload = upload_find(in->room, in->sha256);

	upload->file = in->file;
	upload->busy = false;
	upload->touched_ms = clock_monotonic_ms();
	if (status < 0)
		in->rc = error_set(&in->err, -status, "the broker is stopping");
	if (in->rc < 0) {
		if (in->rc != -ESPIPE)
			log_warn("image_not_received", kv_str("request", in->r->id),
				 kv_str("sha256", in->sha256),
				 kv_error(&in->err));
		refuse_failed(in->r, in->rc, &in->err);
		if (in->rc != -ESPIPE)
			upload_free(upload);	/* what was received is looked at again */
	} else if (upload->file.complete) {
		keep(in->r, upload);
	} else {
		request_reply(in->r, 200, progress_json(in->sha256,
							image_hash_bytes(upload->file.hash),
							upload->file.size_bytes, false));
	}
	buf_done(&in->bytes);
	free(in);
}

static void receive(struct image_room *room, struct request *r, struct upload *upload,
		    bool opening, int64_t offset, struct span bytes)
{
	struct receipt *in = xnew(struct receipt);

	in->room = room;
	in->r = r;
	in->opening = opening;
	in->offset = offset;
	in->file = upload->file;
	memcpy(in->sha256, upload->file.sha256, sizeof(in->sha256));
	in->bytes = BUF_LIMIT(IMAGE_PART_BYTES);
	buf_put_span(&in->bytes, bytes);
	upload->busy = true;
	if (work_submit(room->work, 0, receive_run, receive_done, in) < 0)
		receive_done(in, -EAGAIN);
}

void image_upload_begin(struct request *r)
{
	struct image_room *room = r->broker->images;
	const json_t *body = request_body(r);
	struct error err = { 0 };
	char sha256[STORE_SHA256_SIZE];
	int64_t size_bytes = 0;

	if (!body)
		return;
	if (json_get_text(body, "sha256", sha256, sizeof(sha256), &err) < 0 ||
	    json_get_int(body, "size_bytes", 1, IMAGE_BYTES_MAX, &size_bytes, &err) < 0 ||
	    !image_sha256_valid(sha256)) {
		request_refuse(r, REASON_BAD_REQUEST, -1,
			       err.text[0] ? err.text : "sha256: must be 64 lowercase hex digits");
		return;
	}
	struct upload *upload = upload_find(room, sha256);
	if ((upload && upload->busy) || (!upload && upload_count(room) == UPLOADS_MAX)) {
		request_refuse(r, REASON_BUSY, 1000, NULL);
		return;
	}
	if (!upload) {
		upload = xnew(struct upload);
		list_append(&room->uploads, &upload->link);
	} else {
		upload_file_done(&upload->file);
	}
	upload->file = (struct upload_file){ .fd = -1, .size_bytes = size_bytes };
	memcpy(upload->file.sha256, sha256, sizeof(sha256));
	receive(room, r, upload, true, 0, (struct span){ 0 });
}

static bool parse_number(const char *text, int64_t *out)
{
	char *end;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	*out = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0';
}

void image_upload_part(struct request *r)
{
	struct image_room *room = r->broker->images;
	struct http_exchange *x = request_exchange(r);
	struct upload *upload = upload_find(room, r->argument);
	int64_t offset = 0;

	if (!x || !parse_number(http_query(x, "offset"), &offset)) {
		request_refuse(r, REASON_BAD_REQUEST, -1, "offset: must be given");
		return;
	}
	struct span bytes = http_body_bytes(x);
	if (bytes.len == 0 || (int64_t)bytes.len > IMAGE_PART_BYTES)
		request_refuse(r, REASON_BAD_REQUEST, -1, "a part has 1 byte to 1 MiB");
	else if (!upload)
		request_refuse(r, REASON_UPLOAD_OFFSET, -1, "begin the upload again");
	else if (upload->busy)
		request_refuse(r, REASON_BUSY, 1000, NULL);
	else
		receive(room, r, upload, false, offset, bytes);
}

/* ----------------------------------------------------------------------------------- sending */

/* Hosts get what they need and nothing else: an image may hold what only one department should
 * have. Whether this one needs it is asked before the first part, and again every few seconds. */
struct delivery {
	struct state_job job; /* first: jobs are cast back */
	struct request *r;
	char host[STORE_NAME_SIZE], sha256[STORE_SHA256_SIZE];
	bool needed;
	int64_t offset, size_bytes;
	size_t len; /* 0: the list of pieces */
	char *pieces;
};

static int delivery_run(struct store *store, struct state_job *job, struct error *err)
{
	struct delivery *d = (struct delivery *)job;
	int rc = store_image_for_host(store, d->host, d->sha256, &d->needed, err);

	if (rc < 0 || !d->needed || d->len)
		return rc;
	return store_content_find(store, d->sha256, &d->size_bytes, &d->pieces, NULL, err);
}

static void delivery_done(struct state_job *job, int rc, const struct error *err)
{
	struct delivery *d = (struct delivery *)job;
	struct image_room *room = d->r->broker->images;

	if (rc < 0)
		request_store_failed(d->r, rc, err);
	else if (!d->needed)
		request_refuse(d->r, REASON_NOT_FOUND, -1,
			       "Nothing on this host needs this image.");
	else if (!d->len)
		request_reply(d->r, 200,
			      json_pack("{s:I, s:I, s:s}", "size_bytes", (json_int_t)d->size_bytes,
					"piece_bytes", (json_int_t)IMAGE_PIECE_BYTES, "pieces",
					d->pieces));
	else
		image_outlet_take(room->outlet, d->r, d->offset, d->len);
	if (rc == 0 && d->needed)
		image_grants_add(&room->grants, d->host, d->sha256, clock_monotonic_ms());
	free(d->pieces);
	free(d);
}

static void deliver(struct request *r, int64_t offset, size_t len)
{
	struct delivery *d = xnew(struct delivery);

	d->r = r;
	d->offset = offset;
	d->len = len;
	if (str_copy(d->host, sizeof(d->host), r->peer) < 0 ||
	    str_copy(d->sha256, sizeof(d->sha256), r->argument) < 0) {
		free(d);
		request_refuse(r, REASON_NOT_FOUND, -1, NULL);
	} else if (request_submit(r, &d->job, delivery_run, delivery_done) < 0) {
		free(d);
	}
}

void image_part_get(struct request *r)
{
	struct image_room *room = r->broker->images;
	struct http_exchange *x = request_exchange(r);
	const char *range = x ? http_header(x, "Range") : NULL;
	int64_t first = 0, last = 0;
	char end = 0;

	if (!image_sha256_valid(r->argument)) {
		request_refuse(r, REASON_NOT_FOUND, -1, NULL);
		return;
	}
	if (!range || sscanf(range, "bytes=%" SCNd64 "-%" SCNd64 "%c", &first, &last, &end) != 2 ||
	    first < 0 || last < first) {
		request_refuse(r, REASON_BAD_REQUEST, -1, "Range: must be bytes=FIRST-LAST");
		return;
	}
	if (last - first >= IMAGE_PART_BYTES)
		last = first + IMAGE_PART_BYTES - 1;
	size_t len = (size_t)(last - first + 1);

	if (image_grants_has(&room->grants, r->peer, r->argument, clock_monotonic_ms()))
		image_outlet_take(room->outlet, r, first, len);
	else
		deliver(r, first, len);
}

void image_pieces_get(struct request *r)
{
	deliver(r, 0, 0);
}

/* -------------------------------------------------------------------------------------- tidy */

struct tidy {
	struct image_room *room;
	int64_t before_ms;
	int count;
	struct error err;
};

static void tidy_run(void *arg)
{
	struct tidy *tidy = arg;

	tidy->count = image_files_clean(tidy->room->folder, tidy->before_ms, &tidy->err);
}

static void tidy_done(void *arg, int status)
{
	struct tidy *tidy = arg;

	tidy->room->tidying = false;
	if (status == 0 && tidy->count > 0)
		log_info("unfinished_images_removed", kv_int("files", tidy->count));
	else if (status == 0 && tidy->count < 0)
		log_warn("unfinished_images_not_removed", kv_error(&tidy->err));
	free(tidy);
}

static void on_tidy(void *arg)
{
	struct image_room *room = arg;
	int64_t now_ms = clock_monotonic_ms();

	loop_timer_start(room->tidy_timer, TIDY_EVERY_MS);
	LIST_EACH_SAFE(it, &room->uploads) {
		struct upload *upload = LIST_OF(it, struct upload, link);

		if (!upload->busy && now_ms - upload->touched_ms > IDLE_MS)
			upload_free(upload);
	}
	if (room->tidying || !list_empty(&room->uploads))
		return;
	struct tidy *tidy = xnew(struct tidy);

	tidy->room = room;
	tidy->before_ms = clock_wall_ms() - room->broker->config->images_keep_unfinished_ms;
	room->tidying = work_submit(room->work, 0, tidy_run, tidy_done, tidy) == 0;
	if (!room->tidying)
		free(tidy);
}

struct image_room *image_room_new(struct broker *broker)
{
	struct image_room *room = xnew(struct image_room);
	const struct broker_config *config = broker->config;

	room->broker = broker;
	snprintf(room->folder, sizeof(room->folder), "%s%s",
		 *config->images_dir ? config->images_dir : config->state_dir,
		 *config->images_dir ? "" : "/images");
	list_init(&room->uploads);
	room->work = work_new(broker->loop, "images-in", 1, JOBS_MAX);
	room->outlet = image_outlet_new(broker->loop, room->folder, config->images_rate_bytes);
	room->tidy_timer = loop_timer_new(broker->loop, on_tidy, room);
	loop_timer_start(room->tidy_timer, 0);
	return room;
}

void image_room_free(struct image_room *room)
{
	if (!room)
		return;
	work_free(room->work);
	image_outlet_free(room->outlet);
	LIST_EACH_SAFE(it, &room->uploads)
		upload_free(LIST_OF(it, struct upload, link));
	loop_timer_free(room->tidy_timer);
	free(room);
}
