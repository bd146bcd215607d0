/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/conductor/sync_message.h"
#include "broker/conductor/deed.h"

#include <errno.h>

#include "common/base/text.h"

#define IMAGES_MAX 256
#define TEMPLATES_MAX 256
#define DESKTOPS_MAX 4096
#define SYNC_WAIT_MAX_MS 60000
#define MEMORY_MAX (INT64_C(1) << 50)

void sync_report_done(struct sync_report *report)
{
	free(report->images);
	free(report->desktops);
	free(report->templates);
	free(report->shown);
	json_decref(report->body);
	*report = (struct sync_report){ 0 };
}

/* A bounded text inside the body itself, "" when absent. */
static int borrow_text(const json_t *object, const char *key, size_t size, const char **out,
		       struct error *err)
{
	const json_t *value = json_object_get(object, key);

	*out = "";
	if (!value || json_is_null(value))
		return 0;
	if (!json_is_string(value) || json_string_length(value) >= size ||
	    strlen(json_string_value(value)) != json_string_length(value))
		return error_set(err, EINVAL, "%s: must be a text shorter than %zu bytes", key,
				 size);
	*out = json_string_value(value);
	return 0;
}

/* "" or lowercase hex digits of exactly this many bytes. */
static int borrow_hex(const json_t *object, const char *key, size_t bytes, const char **out,
		      struct error *err)
{
	int rc = borrow_text(object, key, bytes * 2 + 1, out, err);

	if (rc < 0 || !**out)
		return rc;
	if (strlen(*out) != bytes * 2 || strspn(*out, "0123456789abcdef") != bytes * 2)
		return error_set(err, EINVAL, "%s: must be %zu lowercase hex digits", key,
				 bytes * 2);
	return 0;
}

static int parse_relay(const json_t *host, struct store_report *out, struct error *err)
{
	const json_t *relay = NULL;

	if (!json_object_get(host, "relay"))
		return 0;
	int rc = json_get_object(host, "relay", &relay, err);
	if (rc == 0)
		rc = borrow_text(relay, "host", STORE_ADDRESS_SIZE, &out->relay_host, err);
	if (rc == 0)
		rc = json_get_int_or(relay, "port", 0, 0, 65535, &out->relay_port, err);
	if (rc == 0)
		rc = borrow_hex(relay, "certificate_sha256", 32, &out->relay_certificate_sha256,
				err);
	return rc;
}

/* Hosts that know nothing of turns leave it out. */
static int parse_starts(const json_t *host, struct store_report *out, struct error *err)
{
	const json_t *starts = NULL;
	int rc;

	if (!json_object_get(host, "starts"))
		return 0;
	if ((rc = json_get_object(host, "starts", &starts, err)) < 0 ||
	    (rc = json_get_int(starts, "max", 0, DESKTOPS_MAX, &out->starts_max, err)) < 0 ||
	    (rc = json_get_int(starts, "under_way", 0, DESKTOPS_MAX, &out->starts_under_way,
			       err)) < 0 ||
	    (rc = json_get_int(starts, "waiting", 0, DESKTOPS_MAX, &out->starts_waiting, err)) < 0)
		return error_prefix(err, "starts");
	return 0;
}

static int parse_host(const json_t *body, struct store_report *out, struct error *err)
{
	const json_t *host = NULL;
	int rc = json_get_object(body, "host", &host, err);

	if (rc == 0)
		rc = borrow_text(host, "accel", 16, &out->accel, err);
	if (rc == 0)
		rc = json_get_int_or(host, "cpus", 0, 0, 65536, &out->cpus, err);
	if (rc == 0)
		rc = json_get_int_or(host, "memory_bytes", 0, 0, MEMORY_MAX, &out->memory_bytes,
				     err);
	if (rc == 0)
		rc = json_get_int_or(host, "memory_free_bytes", 0, 0, MEMORY_MAX,
				     &out->memory_free_bytes, err);
	if (rc == 0)
		rc = json_get_int_or(host, "disk_bytes", 0, 0, INT64_MAX, &out->disk_bytes, err);
	if (rc == 0)
		rc = json_get_int_or(host, "disk_free_bytes", 0, 0, out->disk_bytes,
				     &out->disk_free_bytes, err);
	if (rc == 0)
		rc = json_get_int_or(host, "templates_bytes", 0, 0, INT64_MAX,
				     &out->templates_bytes, err);
	if (rc == 0)
		rc = parse_starts(host, out, err);
	return rc < 0 ? rc : parse_relay(host, out, err);
}

static int parse_image(const json_t *item, struct store_report_image *out, struct error *err)
{
	int rc = borrow_hex(item, "sha256", 32, &out->sha256, err);

	if (rc == 0)
		rc = borrow_text(item, "state", STORE_IMAGE_STATE_SIZE, &out->state, err);
	if (rc == 0)
		rc = borrow_text(item, "reason", STORE_TEXT_SIZE, &out->reason, err);
	if (rc == 0)
		rc = json_get_int_or(item, "percent", 0, 0, 100, &out->percent, err);
	if (rc == 0 && !*out->state)
		return error_set(err, EINVAL, "state: must be given");
	out->ready = rc == 0 && strcmp(out->state, "ready") == 0;
	return rc;
}

static int parse_state(const json_t *item, struct store_report_desktop *out, struct error *err)
{
	char state[16], stage[16];
	int rc = json_get_text(item, "state", state, sizeof(state), err);

	if (rc == 0)
		rc = json_get_text_or(item, "stage", "queued", stage, sizeof(stage), err);
	if (rc < 0)
		return rc;
	if (desktop_state_parse(state, &out->state) < 0)
		return error_set(err, EINVAL, "state: no such state");
	if (desktop_stage_parse(stage, &out->stage) < 0)
		return error_set(err, EINVAL, "stage: no such stage");
	return 0;
}

static int parse_disk(const json_t *item, struct store_report_disk *out, struct error *err)
{
	const json_t *disk;
	char state[16];
	int rc;

	if (!json_object_get(item, "user_disk"))
		return 0;
	if ((rc = json_get_object(item, "user_disk", &disk, err)) < 0 ||
	    (rc = borrow_hex(disk, "id", 8, &out->id, err)) < 0 ||
	    (rc = json_get_int(disk, "epoch", 0, INT64_MAX, &out->epoch, err)) < 0 ||
	    (rc = json_get_text(disk, "state", state, sizeof(state), err)) < 0 ||
	    (rc = borrow_text(disk, "reason", STORE_TEXT_SIZE, &out->reason, err)) < 0 ||
	    (rc = json_get_int_or(disk, "used_bytes", 0, 0, INT64_MAX, &out->used_bytes, err)) < 0)
		return error_prefix(err, "user_disk");
	if (desktop_disk_parse(state, &out->state) < 0)
		return error_set(err, EINVAL, "user_disk: state: no such state");
	return 0;
}

static int parse_desktop(const json_t *item, struct store_report_desktop *out, struct error *err)
{
	int rc = borrow_hex(item, "id", 8, &out->id, err);

	if (rc == 0)
		rc = json_get_int(item, "epoch", 0, INT64_MAX, &out->epoch, err);
	if (rc == 0)
		rc = parse_state(item, out, err);
	if (rc == 0)
		rc = json_get_int_or(item, "percent", 0, 0, 100, &out->percent, err);
	if (rc == 0)
		rc = borrow_text(item, "reason", STORE_TEXT_SIZE, &out->reason, err);
	if (rc == 0)
		rc = borrow_text(item, "address", STORE_ADDRESS_SIZE, &out->address, err);
	if (rc == 0)
		rc = borrow_hex(item, "rdp_certificate_sha256", 32, &out->rdp_certificate_sha256,
				err);
	if (rc == 0)
		rc = borrow_text(item, "logged_on", STORE_NAME_SIZE, &out->logged_on, err);
	if (rc == 0)
		rc = json_get_int_or(item, "logoffs", 0, 0, INT64_MAX, &out->logoffs, err);
	if (rc == 0)
		rc = json_get_int_or(item, "resets", 0, 0, INT64_MAX, &out->resets, err);
	if (rc == 0)
		rc = json_get_bool_or(item, "blameless", false, &out->blameless, err);
	if (rc == 0)
		rc = json_get_int_or(item, "pss_bytes", 0, 0, MEMORY_MAX, &out->pss_bytes, err);
	if (rc == 0)
		rc = json_get_int_or(item, "overlay_bytes", 0, 0, INT64_MAX, &out->overlay_bytes,
				     err);
	if (rc == 0)
		rc = json_get_int_or(item, "turn", 0, 0, DESKTOPS_MAX, &out->turn, err);
	if (rc == 0)
		rc = json_get_int_or(item, "start_ms", 0, 0, INT64_MAX, &out->start_ms, err);
	return rc < 0 ? rc : parse_disk(item, &out->disk, err);
}

static int parse_lists(const json_t *body, struct sync_report *out, struct error *err)
{
	const json_t *images = NULL, *desktops = NULL;
	int rc = json_get_array(body, "images", IMAGES_MAX, &images, err);

	if (rc == 0)
		rc = json_get_array(body, "desktops", DESKTOPS_MAX, &desktops, err);
	if (rc < 0)
		return rc;

	struct store_report *report = &out->report;
	out->images = xcalloc(json_array_size(images) + 1, sizeof(out->images[0]));
	out->desktops = xcalloc(json_array_size(desktops) + 1, sizeof(out->desktops[0]));
	report->images = out->images;
	report->desktops = out->desktops;
	for (; report->image_count < json_array_size(images) && rc == 0; report->image_count++)
		rc = parse_image(json_array_get(images, report->image_count),
				 &out->images[report->image_count], err);
	for (; report->desktop_count < json_array_size(desktops) && rc == 0;
	     report->desktop_count++)
		rc = parse_desktop(json_array_get(desktops, report->desktop_count),
				   &out->desktops[report->desktop_count], err);
	return rc;
}

/* Told on to people: only what is as it should be, as much as there is room for. */
static json_t *template_json(const json_t *item, struct error *err)
{
	const char *id, *image, *state, *reason;
	int64_t cpus, memory_bytes, percent, desktops;
	int rc = borrow_hex(item, "id", 8, &id, err);

	if (rc == 0)
		rc = borrow_hex(item, "image_sha256", 32, &image, err);
	if (rc == 0)
		rc = borrow_text(item, "state", 16, &state, err);
	if (rc == 0)
		rc = borrow_text(item, "reason", STORE_TEXT_SIZE, &reason, err);
	if (rc == 0)
		rc = json_get_int_or(item, "cpus", 0, 0, 65536, &cpus, err);
	if (rc == 0)
		rc = json_get_int_or(item, "memory_bytes", 0, 0, MEMORY_MAX, &memory_bytes, err);
	if (rc == 0)
		rc = json_get_int_or(item, "percent", 0, 0, 100, &percent, err);
	if (rc == 0)
		rc = json_get_int_or(item, "desktops", 0, 0, 65536, &desktops, err);
	if (rc < 0)
		return NULL;
	return json_pack("{s:s, s:s, s:I, s:I, s:s, s:I, s:s, s:I}", "id", id, "image_sha256", image,
			 "cpus", (json_int_t)cpus, "memory_bytes", (json_int_t)memory_bytes,
			 "state", state, "percent", (json_int_t)percent, "reason", reason,
			 "desktops", (json_int_t)desktops);
}

static int parse_templates(struct sync_report *out, struct error *err)
{
	OWNED(buf_done) struct buf text = BUF_LIMIT(STORE_TEMPLATES_SIZE - 1);
	OWNED(json_decref) json_t *list = json_array();
	const json_t *items;
	int rc = 0;

	if (!json_object_get(out->body, "templates"))
		return 0;
	rc = json_get_array(out->body, "templates", TEMPLATES_MAX, &items, err);
	for (size_t i = 0; rc == 0 && i < json_array_size(items); i++) {
		json_t *item = template_json(json_array_get(items, i), err);

		if (!item)
			return -EINVAL;
		json_array_append_new(list, item);
	}
	do {
		buf_reset(&text);
		text.failed = false;
		json_write(list, &text);
	} while (text.failed && json_array_remove(list, json_array_size(list) - 1) == 0);
	out->templates = xstrdup(buf_text(&text));
	out->report.templates = out->templates;
	return rc;
}

/* Hosts that know nothing of notices leave it out. */
static int parse_shown(const json_t *body, struct sync_report *out, struct error *err)
{
	const json_t *list = NULL, *item;
	size_t i;
	int rc;

	if (!json_object_get(body, "notices_shown"))
		return 0;
	if ((rc = json_get_array(body, "notices_shown", DESKTOPS_MAX, &list, err)) < 0)
		return rc;
	out->shown = xcalloc(json_array_size(list) + 1, sizeof(out->shown[0]));
	json_array_foreach(list, i, item) {
		struct sync_shown *shown = &out->shown[out->shown_count++];

		if ((rc = borrow_hex(item, "desktop", 8, &shown->desktop, err)) < 0 ||
		    (rc = json_get_int(item, "seq", 0, INT64_MAX, &shown->seq, err)) < 0)
			return rc;
	}
	return 0;
}

int sync_report_parse(const json_t *body, const char *host, struct sync_report *out,
		      struct error *err)
{
	OWNED(sync_report_done) struct sync_report r = { 0 };

	r.body = json_deep_copy(body);
	r.report.host = host;
	int rc = json_get_int(r.body, "seq", 0, INT64_MAX, &r.report.seq, err);
	if (rc == 0)
		rc = json_get_int(r.body, "generation", 0, INT64_MAX, &r.report.generation, err);
	if (rc == 0)
		rc = json_get_int_or(r.body, "wait_ms", 0, 0, SYNC_WAIT_MAX_MS, &r.wait_ms, err);
	if (rc == 0)
		rc = parse_host(r.body, &r.report, err);
	if (rc == 0)
		rc = parse_lists(r.body, &r, err);
	if (rc == 0)
		rc = parse_templates(&r, err);
	if (rc == 0)
		rc = parse_shown(r.body, &r, err);
	if (rc < 0)
		return rc;
	*out = r;
	r = (struct sync_report){ 0 };
	return 0;
}

static json_t *image_json(const struct store_desired_image *image)
{
	return json_pack("{s:s, s:s, s:I, s:b}", "name", image->name, "sha256", image->sha256,
			 "size_bytes", (json_int_t)image->size_bytes, "fetch", image->held);
}

/* Once its desktop holds the disk, and as long as it does. */
static void add_disk(json_t *object, const struct store_desktop *d)
{
	const struct store_home *home = &d->home;

	if (!home->held || !home->account[0] || d->want != DESKTOP_WANT_RUNNING)
		return;
	json_object_set_new(object, "user_disk",
			    json_pack("{s:s, s:I, s:I, s:b, s:s, s:I}", "id", home->id, "epoch",
				      (json_int_t)home->epoch, "size_bytes",
				      (json_int_t)home->size_bytes, "fresh", home->fresh, "user",
				      home->account, "uid", (json_int_t)home->uid));
}

static json_t *desktop_json(const struct store_desktop *d, const struct sync_site *site)
{
	char deed[DEED_SIZE];

	json_t *object = json_pack("{s:s, s:I, s:I, s:s, s:s, s:I, s:I, s:s}", "id", d->id, "epoch",
			 (json_int_t)d->epoch, "incarnation", (json_int_t)d->incarnation,
			 "name", d->name, "image_sha256", d->image_sha256,
			 "cpus", (json_int_t)d->size.cpus, "memory_bytes",
			 (json_int_t)d->size.memory_bytes, "want", desktop_want_word(d->want));

	if (*d->user_key)
		json_object_set_new(object, "for_user", json_true());
	if (d->overlay_max_bytes)
		json_object_set_new(object, "overlay_max_bytes",
				    json_integer(d->overlay_max_bytes));
	if (*d->request)
		json_object_set_new(object, "request", json_string(d->request));
	if (*d->user_key && d->want == DESKTOP_WANT_RUNNING &&
	    deed_write(site->deed_key, d, deed) == 0)
		json_object_set_new(object, "deed", json_string(deed));
	add_disk(object, d);
	return object;
}

/* A desktop has as many elements as it has orders. */
static json_t *orders_json(const struct store_orders *orders)
{
	json_t *list = json_array();

	for (size_t i = 0; i < orders->log_off_count; i++)
		json_array_append_new(list, json_pack("{s:s, s:I}", "desktop",
						      orders->log_offs[i].desktop, "log_off_stay",
						      (json_int_t)orders->log_offs[i].stay));
	for (size_t i = 0; i < orders->notices.count; i++) {
		const struct store_notice *n = &orders->notices.items[i];

		json_array_append_new(list, json_pack("{s:s, s:I, s:s}", "desktop", n->desktop,
						      "notice", (json_int_t)n->seq, "text",
						      n->text));
	}
	return list;
}

json_t *sync_answer_json(const struct store_desired *desired, const struct store_orders *orders,
			 const struct sync_site *site)
{
	json_t *images = json_array(), *desktops = json_array(), *needless = json_array();

	for (size_t i = 0; i < desired->image_count; i++)
		json_array_append_new(images, image_json(&desired->images[i]));
	for (size_t i = 0; i < desired->needless_count; i++)
		json_array_append_new(needless, json_string(desired->needless[i]));
	for (size_t i = 0; i < desired->desktop_count; i++)
		json_array_append_new(desktops, desktop_json(&desired->desktops[i], site));
	json_t *answer = json_pack("{s:I, s:o, s:o, s:o, s:o, s:s}", "generation",
			 (json_int_t)desired->generation, "images", images, "images_needless",
			 needless, "desktops", desktops, "orders", orders_json(orders),
			 "guest_public_key", site->guest_public_key);

	if (site->rebuilding)
		json_object_set_new(answer, "rebuilding", json_true());
	return answer;
}
