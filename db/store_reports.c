/* SPDX-License-Identifier: Apache-2.0 */
/* What a host says it has, taken over row by row. The report is a claim: it can only touch rows
 * that live on that host, and only at the epoch the broker knows. */
#include "db/store_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/base/text.h"
#include "common/sys/fault.h"


/* A desktop's row beside what the host says about it. */
struct row {
	struct store_desktop desktop;
	int64_t want_generation;
};

struct rows {
	struct row *items;
	size_t count;
};

static void rows_done(struct rows *rows)
{
	free(rows->items);
}
DEFINE_OWNED_VALUE(rows_done, struct rows);

static int read_rows(struct store *store, const char *host, struct rows *out, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_DESKTOPS_OF_HOST);
	int rc;

	query_text(&q, host);
	while ((rc = query_row(&q, err)) > 0) {
		struct row *row = STORE_APPEND(out);

		if (store_read_desktop(&q, &row->desktop, &row->want_generation, err) < 0)
			return -EBADMSG;
	}
	return rc;
}

static const struct store_report_desktop *reported(const struct store_report *report,
						   const struct store_desktop *desktop)
{
	for (size_t i = 0; i < report->desktop_count; i++)
		if (strcmp(report->desktops[i].id, desktop->id) == 0 &&
		    report->desktops[i].epoch == desktop->epoch)
			return &report->desktops[i];
	return NULL;
}

static const char *text_of(const char *text)
{
	return text ? text : "";
}

/* A weight alone is worth a write only when it is another one. */
static bool weighs_the_same(int64_t known, int64_t told)
{
	const int64_t step = INT64_C(16) << 20;

	return (known == 0) == (told == 0) && told - known < step && known - told < step;
}

static bool same(const struct store_desktop *d, const struct store_report_desktop *r)
{
	return d->turn == r->turn && d->state == r->state && d->stage == r->stage && d->percent == r->percent &&
	       d->logoffs == r->logoffs && d->resets == r->resets &&
	       !strcmp(d->logged_on, text_of(r->logged_on)) &&
	       store_user_disk_same(&d->home, &r->disk) &&
	       weighs_the_same(d->pss_bytes, r->pss_bytes) &&
	       weighs_the_same(d->overlay_bytes, r->overlay_bytes) &&
	       !strcmp(d->reason, text_of(r->reason)) && !strcmp(d->address, text_of(r->address)) &&
	       !strcmp(d->rdp_certificate_sha256, text_of(r->rdp_certificate_sha256));
}

static bool fits(const struct store_report_desktop *r)
{
	return strlen(text_of(r->reason)) < STORE_TEXT_SIZE &&
	       strlen(text_of(r->address)) < STORE_ADDRESS_SIZE &&
	       strlen(text_of(r->rdp_certificate_sha256)) < STORE_SHA256_SIZE &&
	       strlen(text_of(r->logged_on)) < STORE_NAME_SIZE &&
	       strlen(text_of(r->disk.reason)) < STORE_TEXT_SIZE && r->percent >= 0 &&
	       r->percent <= 100;
}

static int put_state(struct store *store, const char *id, const struct store_report_desktop *r,
		     int64_t now_ms, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_DESKTOP_REPORT);

	query_text(&q, desktop_state_word(r->state));
	query_text(&q, desktop_stage_word(r->stage));
	query_int(&q, r->percent);
	query_text(&q, r->reason);
	query_text(&q, r->address);
	query_text(&q, r->rdp_certificate_sha256);
	query_int(&q, now_ms);
	query_text(&q, r->logged_on);
	query_int(&q, r->logoffs);
	query_int(&q, r->resets);
	query_int(&q, r->pss_bytes);
	query_int(&q, r->overlay_bytes);
	query_int(&q, r->turn);
	query_text(&q, id);
	return query_run(&q, err);
}

/* What the change tells of starts on this host: a failure, or the first time ready. */
static int note_start(struct store *store, const struct store_desktop *d,
		      const struct store_report_desktop *r, int64_t now_ms, struct error *err)
{
	struct rollout_health seen = { 0 };
	int rc;

	if (r->state == DESKTOP_ERROR && r->blameless)
		return 0;
	if (r->state == DESKTOP_ERROR && d->state != DESKTOP_ERROR) {
		seen.crashed = d->state == DESKTOP_READY;
		seen.failed = !seen.crashed;
		rc = store_start_failed(store, d->host, d->image_sha256, text_of(r->reason), now_ms,
					err);
		return rc < 0 ? rc : store_health_add(store, d->pool, d->image_sha256, &seen,
						      text_of(r->reason), err);
	}
	if (r->state == DESKTOP_READY && d->ready_at_ms == 0) {
		/* Waiting for its turn says nothing of the image. */
		int64_t took_ms = r->start_ms ? r->start_ms : now_ms - d->created_at_ms;

		seen = (struct rollout_health){ .ready = 1, .ready_since_ms = now_ms,
						.first_start_ms = took_ms };
		rc = store_start_succeeded(store, d->host, d->image_sha256, d->pool, took_ms, err);
		return rc < 0 ? rc : store_health_add(store, d->pool, d->image_sha256, &seen, "",
						      err);
	}
	return 0;
}

/* Counts only grow; one that is smaller is a host that has forgotten, and says nothing. */
static int note_stay(struct store *store, const struct store_desktop *d,
		     const struct store_report_desktop *r, int64_t now_ms, struct error *err)
{
	int rc = 0;

	if (r->logoffs > d->logoffs)
		rc = store_desktop_stay_ended(store, d->id, POOL_STAY_LOGOFF, now_ms, err);
	if (rc == 0 && r->resets > d->resets)
		rc = store_desktop_stay_ended(store, d->id, POOL_STAY_REBOOT, now_ms, err);
	return rc;
}

int store_desktop_drop(struct store *store, const struct store_desktop *d, int64_t now_ms,
		       struct error *err)
{
	{
		OWNED(query_done) struct query q = query(store, ST_DESKTOP_DROP);
		int rc;

		query_text(&q, d->id);
		if ((rc = query_run(&q, err)) < 0)
			return rc;
	}
	return store_user_disk_let_go(store, d->home.id, d->id, now_ms, err);
}

/* One row against the report; true in `changed` when it is not what it was. */
static int settle(struct store *store, const struct row *row, const struct store_report *report,
		  int64_t now_ms, bool *changed, struct error *err)
{
	static const struct store_report_desktop nothing = { .state = DESKTOP_ABSENT };
	const struct store_desktop *d = &row->desktop;
	const struct store_report_desktop *r = reported(report, d);
	bool knows_order = report->generation >= row->want_generation;

	/* Not listed says something only once the host has seen the order. */
	if (!r && !knows_order)
		return 0;
	if (!r)
		r = &nothing;
	if (d->want == DESKTOP_WANT_ABSENT && r->state == DESKTOP_ABSENT && knows_order) {
		*changed = true;
		return store_desktop_drop(store, d, now_ms, err);
	}
	if (same(d, r))
		return 0;
	if (!fits(r))
		return error_set(err, EINVAL, "report of %s: desktop %s: value out of range",
				 report->host, d->id);
	*changed = true;

	int rc = put_state(store, d->id, r, now_ms, err);
	if (rc >= 0)
		rc = store_user_disk_report(store, d, &r->disk, now_ms, err);
	if (rc >= 0)
		rc = note_start(store, d, r, now_ms, err);
	return rc < 0 ? rc : note_stay(store, d, r, now_ms, err);
}

static int settle_desktops(struct store *store, const struct store_report *report, int64_t now_ms,
			   bool *changed, struct error *err)
{
	OWNED(rows_done) struct rows rows = { 0 };
	int rc = read_rows(store, report->host, &rows, err);

	for (size_t i = 0; i < rows.count && rc >= 0; i++)
		rc = settle(store, &rows.items[i], report, now_ms, changed, err);
	return rc;
}

/* ------------------------------------------------------------------------------------ images */

struct known_image {
	char sha256[STORE_SHA256_SIZE];
	char state[STORE_IMAGE_STATE_SIZE];
	int64_t percent;
	char reason[STORE_TEXT_SIZE];
};
struct known_images {
	struct known_image *items;
	size_t count;
};

static void known_images_done(struct known_images *known)
{
	free(known->items);
}
DEFINE_OWNED_VALUE(known_images_done, struct known_images);

static int read_known(struct store *store, const char *host, struct known_images *out,
		      struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_HOST_IMAGES);
	int rc;

	query_text(&q, host);
	while ((rc = query_row(&q, err)) > 0) {
		struct known_image *image = STORE_APPEND(out);

		get_text(&q, image->sha256, sizeof(image->sha256));
		get_text(&q, image->state, sizeof(image->state));
		image->percent = get_int(&q);
		get_text(&q, image->reason, sizeof(image->reason));
		if (query_sound(&q, err) < 0)
			return -EBADMSG;
	}
	return rc;
}

static const char *image_state(const struct store_report_image *said)
{
	return said->state ? said->state : said->ready ? "ready" : "missing";
}

static bool image_same(const struct known_image *known, const struct store_report_image *said)
{
	return !strcmp(known->state, image_state(said)) && known->percent == said->percent &&
	       !strcmp(known->reason, text_of(said->reason));
}

static int put_image(struct store *store, const char *host, const struct store_report_image *said,
		     struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_HOST_IMAGE_PUT);

	query_text(&q, host);
	query_text(&q, said->sha256);
	query_int(&q, said->ready);
	query_text(&q, image_state(said));
	query_int(&q, said->percent);
	query_text(&q, text_of(said->reason));
	return query_run(&q, err);
}

static int drop_image(struct store *store, const char *host, const char *sha256, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_HOST_IMAGE_DROP);

	query_text(&q, host);
	query_text(&q, sha256);
	return query_run(&q, err);
}

static int settle_images(struct store *store, const struct store_report *report, struct error *err)
{
	OWNED(known_images_done) struct known_images known = { 0 };
	int rc = read_known(store, report->host, &known, err);

	for (size_t i = 0; i < report->image_count && rc >= 0; i++) {
		const struct store_report_image *said = &report->images[i];
		size_t k = 0;

		if (strlen(text_of(said->sha256)) != STORE_SHA256_SIZE - 1 ||
		    strlen(image_state(said)) >= STORE_IMAGE_STATE_SIZE ||
		    strlen(text_of(said->reason)) >= STORE_TEXT_SIZE)
			return error_set(err, EINVAL, "report of %s: bad image", report->host);
		while (k < known.count && strcmp(known.items[k].sha256, said->sha256) != 0)
			k++;
		if (k == known.count || !image_same(&known.items[k], said))
			rc = put_image(store, report->host, said, err);
	}
	for (size_t k = 0; k < known.count && rc >= 0; k++) {
		size_t i = 0;

		while (i < report->image_count &&
		       strcmp(report->images[i].sha256, known.items[k].sha256) != 0)
			i++;
		if (i == report->image_count)
			rc = drop_image(store, report->host, known.items[k].sha256, err);
	}
	return rc;
}

/* -------------------------------------------------------------------------------------- host */

static int put_host(struct store *store, const struct store_report *r, enum store_host_state state,
		    int64_t now_ms, struct error *err)
{
	OWNED(query_done) struct query q = query(store, ST_HOST_REPORT);

	query_text(&q, store_host_state_word(state));
	query_text(&q, r->accel);
	query_int(&q, r->cpus);
	query_int(&q, r->memory_bytes);
	query_int(&q, r->memory_free_bytes);
	query_text(&q, r->relay_host);
	query_int(&q, r->relay_port);
	query_text(&q, r->relay_certificate_sha256);
	query_int(&q, r->seq);
	query_int(&q, now_ms);
	query_int(&q, r->disk_bytes);
	query_int(&q, r->disk_free_bytes);
	query_int(&q, r->templates_bytes);
	query_int(&q, r->starts_max);
	query_int(&q, r->starts_under_way);
	query_int(&q, r->starts_waiting);
	query_text(&q, r->host);
	int rc = query_run(&q, err);

	return rc < 0 || !r->templates ? rc : store_templates_put(store, r->host, r->templates, err);
}

static bool host_fits(const struct store_report *r)
{
	return strlen(text_of(r->templates)) < STORE_TEMPLATES_SIZE &&
	       strlen(text_of(r->accel)) < 16 && strlen(text_of(r->relay_host)) < STORE_ADDRESS_SIZE &&
	       strlen(text_of(r->relay_certificate_sha256)) < STORE_SHA256_SIZE &&
	       r->relay_port >= 0 && r->relay_port <= 65535 && r->cpus >= 0 && r->cpus <= 65536 &&
	       r->memory_bytes >= 0 && r->memory_bytes <= INT64_C(1) << 50 &&
	       r->memory_free_bytes >= 0 && r->memory_free_bytes <= r->memory_bytes &&
	       r->disk_free_bytes >= 0 && r->disk_free_bytes <= r->disk_bytes &&
	       r->templates_bytes >= 0;
}

int store_host_report(struct store *store, const struct store_report *report, int64_t now_ms,
		      struct store_report_result *out, struct error *err)
{
	OWNED(tx_done) struct tx tx = { 0 };
	struct store_report_result result = { 0 };
	struct store_host host;
	int rc;

	if (!host_fits(report))
		return error_set(err, EINVAL, "report of %s: value out of range", report->host);
	if ((rc = tx_begin(store, &tx, err)) < 0 ||
	    (rc = store_host_find(store, report->host, &host, err)) < 0)
		return rc;

	result.stale = report->seq <= host.seq;
	result.generation = host.generation;
	if (!result.stale) {
		enum store_host_state state = host.state == STORE_HOST_LOST ? STORE_HOST_ACTIVE :
									      host.state;

		if ((rc = put_host(store, report, state, now_ms, err)) < 0 ||
		    (rc = settle_images(store, report, err)) < 0 ||
		    (rc = settle_desktops(store, report, now_ms, &result.changed, err)) < 0)
			return rc;
		FAULT_POINT("report_rows");
		if ((rc = tx_commit(&tx, err)) < 0)
			return rc;
	}
	*out = result;
	return 0;
}
