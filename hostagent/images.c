/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/images.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "common/base/list.h"
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"
#include "hostagent/image/fetch.h"
#include "hostagent/image/image.h"
#include "hostagent/sync.h"

enum {
	FETCHES_MAX = 64,
	PROGRESS_MS = 1000,
	HOPELESS = 3, /* fetches failed in a row: nobody should wait for the next */
	REPAIRS_MAX = 1,
	REPAIRS_FORGET_MS = 3600000, /* a disk that damages more is for people */
};

enum image_state { IMAGE_UNKNOWN, IMAGE_READY, IMAGE_MISSING, IMAGE_BAD };

struct image {
	struct list node;
	struct images *images;
	char sha256[VM_SHA256_SIZE];
	enum image_state state;
	char reason[200];
	bool busy;		/* a job looks at it */
	bool listed;
	bool may_fetch;		/* the broker has it */
	struct fetch_job *fetch;	/* under way */
	int told_percent;
	unsigned failures;	/* fetches in a row */
	unsigned repairs;
	int64_t repaired_ms;
	struct loop_timer *retry;
	bool located;		/* it was tried to say where the damage is */
	int64_t not_before_ms;	/* after a fetch that failed */
};

struct images {
	struct list all;
	struct loop *loop;
	struct work *jobs, *fetches;
	const struct hostagent_config *config;
	struct loop_timer *progress;
	bool swept;
	images_changed_fn *changed;
	void *arg;
};

struct look {
	struct images *images;
	char sha256[VM_SHA256_SIZE];
	int result;
	struct error err;
};

struct fetch_job {
	struct images *images;
	struct fetch fetch;
	int result;
	struct error err;
};

static void look_at(struct image *image);
static void fetch(struct image *image);

/* --- the list --- */

static void on_retry(void *arg)
{
	look_at(arg);
}

static struct image *image_new(struct images *images, const char *sha256)
{
	struct image *image = xnew(struct image);

	image->images = images;
	memcpy(image->sha256, sha256, sizeof(image->sha256));
	image->retry = loop_timer_new(images->loop, on_retry, image);
	list_append(&images->all, &image->node);
	return image;
}

static void image_free(struct image *image)
{
	if (image->fetch)
		fetch_cancel(&image->fetch->fetch);
	loop_timer_free(image->retry);
	list_remove(&image->node);
	free(image);
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

static void PRINTF_LIKE(2, 3) set_reason(struct image *image, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(image->reason, sizeof(image->reason), fmt, args);
	va_end(args);
	image->reason[utf8_prefix(span_text(image->reason), sizeof(image->reason) - 1)] = '\0';
}

/* --- looking --- */

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

static void tell(struct image *image, enum image_state before)
{
	if (image->state == before)
		return;
	if (image->state == IMAGE_READY)
		log_info("image_ready", kv_str("sha256", image->sha256));
	else
		log_warn("image_not_ready", kv_str("sha256", image->sha256),
			 kv_str("reason", image->reason));
	image->images->changed(image->images->arg);
}

static void take_result(struct image *image, const struct look *look)
{
	enum image_state before = image->state;

	image->state = state_of(look->result);
	if (image->state != before || before == IMAGE_READY)
		set_reason(image, "%s", look->err.text);
	tell(image, before);
	if (image->state == IMAGE_READY) {
		image->failures = 0;
		image->located = false;
	} else {
		fetch(image);
	}
}

static void look_done(void *arg, int status)
{
	struct look *look = arg;
	struct image *image = status == 0 ? image_find(look->images, look->sha256) : NULL;

	if (image) {
		image->busy = false;
		take_result(image, look);
	}
	free(look);
}

static void look_at(struct image *image)
{
	if (image->busy || image->fetch)
		return;
	struct look *look = xnew(struct look);

	look->images = image->images;
	memcpy(look->sha256, image->sha256, sizeof(look->sha256));
	image->busy = work_submit(image->images->jobs, 0, run_look, look_done, look) == 0;
	if (!image->busy)
		free(look);	/* the next list of the broker asks again */
}

/* --- fetching --- */

static void run_fetch(void *arg)
{
	struct fetch_job *job = arg;

	job->result = fetch_run(&job->fetch, &job->err);
}

static void fetch_failed(struct image *image, const struct fetch_job *job)
{
	int64_t pause_ms;
	uint32_t random;

	random_bytes(&random, sizeof(random));
	pause_ms = sync_backoff_ms(++image->failures + 2, random);
	image->not_before_ms = clock_monotonic_ms() + pause_ms;
	loop_timer_start(image->retry, pause_ms + 1);
	if (image->failures == 1 || strcmp(image->reason, job->err.text) != 0)
		log_warn("image_not_fetched", kv_str("sha256", image->sha256), kv_error(&job->err));
	set_reason(image, "%s", job->err.text);
	image->images->changed(image->images->arg);
}

static void note_damage(struct image *image, const struct fetch_job *job)
{
	if (!job->fetch.damage[0])
		return;
	log_warn("image_damaged", kv_str("sha256", image->sha256),
		 kv_str("place", job->fetch.damage), kv_str("replaced", job->fetch.only_look ? "no" : "yes"));
	set_reason(image, "%s differ from what was published%s", job->fetch.damage,
		   job->fetch.only_look && image->may_fetch ?
			   ", again after they were fetched anew: check this host's disk" : "");
	image->images->changed(image->images->arg);
}

static void finish_fetch(struct image *image, const struct fetch_job *job)
{
	image->fetch = NULL;
	note_damage(image, job);
	if (job->fetch.only_look)
		return;
	if (job->result < 0) {
		fetch_failed(image, job);
		return;
	}
	log_info("image_fetched", kv_str("sha256", image->sha256));
	look_at(image);
}

/* Each has a client of its own: one that is cancelled stays so, and takes no other with it. */
static struct fetch_job *job_new(struct images *images, const char *sha256, bool only_look)
{
	const struct hostagent_config *config = images->config;
	struct path certificate = host_path(config, HOST_CERTIFICATE);
	struct path key = host_path(config, HOST_KEY);
	const struct http_client_config to = {
		.address = config->broker, .ca_file = config->ca_file,
		.certificate_file = certificate.text, .key_file = key.text,
	};
	struct fetch_job *job = xnew(struct fetch_job);

	job->images = images;
	job->fetch.config = config;
	job->fetch.only_look = only_look;
	memcpy(job->fetch.sha256, sha256, sizeof(job->fetch.sha256));
	job->result = http_client_new(&to, &job->fetch.client, &job->err);
	return job;
}

static void job_free(struct fetch_job *job)
{
	http_client_free(job->fetch.client);
	free(job);
}

static void fetch_done(void *arg, int status)
{
	struct fetch_job *job = arg;
	struct image *image = image_find(job->images, job->fetch.sha256);

	if (status < 0)
		job->result = error_set(&job->err, -status, "not fetched");
	if (image && image->fetch == job && status != -ECANCELED)
		finish_fetch(image, job);
	job_free(job);
}

/* Whether a damaged copy is replaced: so many times, then it is left to people. */
static bool may_repair(struct image *image)
{
	int64_t now_ms = clock_monotonic_ms();

	if (image->repairs && now_ms - image->repaired_ms > REPAIRS_FORGET_MS)
		image->repairs = 0;
	if (image->repairs == REPAIRS_MAX && !image->failures)
		return false;
	if (!image->failures)
		image->repairs++;
	image->repaired_ms = now_ms;
	return true;
}

/* A copy that cannot be replaced is still looked at once, to say where it differs. */
static void fetch(struct image *image)
{
	struct images *images = image->images;
	bool bad = image->state == IMAGE_BAD;

	if (image->fetch || !images->fetches || clock_monotonic_ms() < image->not_before_ms)
		return;
	bool whole = image->may_fetch && (!bad || may_repair(image));
	if (!whole && (!bad || image->located))
		return;
	image->located = !whole;
	struct fetch_job *job = job_new(images, image->sha256, !whole);

	image->told_percent = -1;
	if (job->result < 0)
		fetch_failed(image, job);
	if (job->result < 0 || work_submit(images->fetches, 0, run_fetch, fetch_done, job) < 0) {
		job_free(job);
		return;
	}
	image->fetch = job;
	if (!bad && !image->failures)
		image->reason[0] = '\0';	/* that it is not here is no news */
	loop_timer_start(images->progress, 0);
}

static void on_progress(void *arg)
{
	struct images *images = arg;
	bool moved = false, fetching = false;

	LIST_EACH(it, &images->all) {
		struct image *image = LIST_OF(it, struct image, node);
		int percent = image->fetch ? fetch_percent(&image->fetch->fetch) : -1;

		moved |= image->fetch && percent != image->told_percent;
		fetching |= image->fetch != NULL;
		image->told_percent = percent;
	}
	if (moved)
		images->changed(images->arg);
	if (fetching)
		loop_timer_start(images->progress, PROGRESS_MS);
}

/* --- what the broker wants --- */

struct sweep {
	const struct hostagent_config *config;
	char (*wanted)[VM_SHA256_SIZE];
	size_t count;
};

static void run_sweep(void *arg)
{
	struct sweep *sweep = arg;

	fetch_sweep(sweep->config, (const char(*)[VM_SHA256_SIZE])sweep->wanted, sweep->count);
}

static void sweep_done(void *arg, int status)
{
	struct sweep *sweep = arg;

	free(sweep->wanted);
	free(sweep);
}

/* Once, and before anything is fetched: the queue keeps the order. */
static void sweep(struct images *images, const struct wanted_image *wanted, size_t count)
{
	struct sweep *job = xnew(struct sweep);

	job->config = images->config;
	job->wanted = xcalloc(count + 1, VM_SHA256_SIZE);
	for (; job->count < count; job->count++)
		memcpy(job->wanted[job->count], wanted[job->count].sha256, VM_SHA256_SIZE);
	images->swept = work_submit(images->fetches, 0, run_sweep, sweep_done, job) == 0;
	if (!images->swept)
		sweep_done(job, -EAGAIN);
}

void images_set(struct images *images, const struct wanted_image *wanted, size_t count)
{
	if (!images->swept)
		sweep(images, wanted, count);
	LIST_EACH(it, &images->all)
		LIST_OF(it, struct image, node)->listed = false;
	for (size_t i = 0; i < count; i++) {
		struct image *image = image_find(images, wanted[i].sha256);

		if (!image)
			image = image_new(images, wanted[i].sha256);
		image->listed = true;
		image->may_fetch |= wanted[i].fetch;
		look_at(image);
	}
	LIST_EACH_SAFE(it, &images->all)
		if (!LIST_OF(it, struct image, node)->listed)
			image_free(LIST_OF(it, struct image, node));
}

bool images_coming(const struct images *images, const char *sha256)
{
	LIST_EACH(it, &images->all)
	{
		const struct image *image = LIST_OF(it, struct image, node);

		if (strcmp(image->sha256, sha256) == 0)
			return image->may_fetch && image->state != IMAGE_BAD &&
			       image->failures < HOPELESS;
	}
	return false;
}

static const char *state_name(const struct image *image)
{
	if (image->fetch && !image->fetch->fetch.only_look)
		return "fetching";
	switch (image->state) {
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

static int percent_of(const struct image *image)
{
	if (image->fetch)
		return fetch_percent(&image->fetch->fetch);
	return image->state == IMAGE_READY ? 100 : 0;
}

json_t *images_report(const struct images *images)
{
	json_t *list = json_array();

	LIST_EACH(it, &images->all) {
		const struct image *image = LIST_OF(it, struct image, node);

		/* Being looked at: saying "missing" now would turn users away for nothing. */
		if (image->state == IMAGE_UNKNOWN)
			continue;
		json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:s}", "sha256",
						      image->sha256, "state", state_name(image),
						      "percent", percent_of(image), "reason",
						      image->reason));
	}
	return list;
}

/* --- all of them --- */

struct images *images_new(struct loop *loop, struct work *jobs,
			  const struct hostagent_config *config, images_changed_fn *changed, void *arg)
{
	struct images *images = xnew(struct images);

	*images = (struct images){ .loop = loop, .jobs = jobs, .config = config,
				   .changed = changed, .arg = arg };
	list_init(&images->all);
	images->fetches = work_new(loop, "fetch", 1, FETCHES_MAX);
	images->progress = loop_timer_new(loop, on_progress, images);
	return images;
}

void images_stop(struct images *images)
{
	if (!images)
		return;
	LIST_EACH(it, &images->all)
		if (LIST_OF(it, struct image, node)->fetch)
			fetch_cancel(&LIST_OF(it, struct image, node)->fetch->fetch);
	work_free(STEAL(images->fetches));
}

void images_free(struct images *images)
{
	if (!images)
		return;
	images_stop(images);
	LIST_EACH_SAFE(it, &images->all) {
		LIST_OF(it, struct image, node)->fetch = NULL;
		image_free(LIST_OF(it, struct image, node));
	}
	loop_timer_free(images->progress);
	free(images);
}
