/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include "common/base/text.h"
#include "hostagent/sync_message.h"

static int parse_home(const json_t *desktop, struct vm_home *out, struct error *err)
{
	const json_t *object;
	int rc = 0;

	if (!json_object_get(desktop, "user_disk"))
		return 0;
	if ((rc = json_get_object(desktop, "user_disk", &object, err)) < 0 ||
	    (rc = json_get_text(object, "id", out->id, sizeof(out->id), err)) < 0 ||
	    (rc = json_get_int(object, "epoch", 1, INT64_MAX, &out->epoch, err)) < 0 ||
	    (rc = json_get_int(object, "size_bytes", VM_HOME_MIN, VM_HOME_MAX, &out->size_bytes,
			       err)) < 0 ||
	    (rc = json_get_bool_or(object, "fresh", false, &out->fresh, err)) < 0 ||
	    (rc = json_get_text(object, "user", out->user, sizeof(out->user), err)) < 0 ||
	    (rc = json_get_int(object, "uid", 0, UINT32_MAX, &out->uid, err)) < 0)
		return error_prefix(err, "user_disk");
	return vm_home_check(out, err);
}

static int parse_desktop(const json_t *object, struct vm_desired *out, struct error *err)
{
	struct vm_spec *spec = &out->spec;
	char want[16];
	int64_t cpus;
	int rc;

	if ((rc = json_get_text(object, "id", spec->id, sizeof(spec->id), err)) < 0 ||
	    (rc = json_get_int(object, "epoch", 0, INT64_MAX, &spec->epoch, err)) < 0 ||
	    (rc = json_get_int_or(object, "incarnation", 0, 0, INT64_MAX, &spec->incarnation,
				  err)) < 0 ||
	    (rc = json_get_text(object, "name", spec->name, sizeof(spec->name), err)) < 0 ||
	    (rc = json_get_text(object, "image_sha256", spec->image_sha256,
				sizeof(spec->image_sha256), err)) < 0 ||
	    (rc = json_get_int(object, "cpus", 1, VM_CPUS_MAX, &cpus, err)) < 0 ||
	    (rc = json_get_int(object, "memory_bytes", VM_MEMORY_MIN, VM_MEMORY_MAX,
			       &spec->memory_bytes, err)) < 0 ||
	    (rc = json_get_int_or(object, "inspect", 0, 0, INT64_MAX, &out->inspect, err)) < 0 ||
	    (rc = json_get_text(object, "want", want, sizeof(want), err)) < 0 ||
	    (rc = json_get_int_or(object, "overlay_max_bytes", 0, 0, INT64_MAX,
				  &out->overlay_max_bytes, err)) < 0 ||
	    (rc = json_get_text_or(object, "request", "", out->request, sizeof(out->request),
				   err)) < 0 ||
	    (rc = json_get_text_or(object, "deed", "", out->deed, sizeof(out->deed), err)) < 0 ||
	    (rc = json_get_bool_or(object, "for_user", false, &out->for_user, err)) < 0 ||
	    (rc = parse_home(object, &out->home, err)) < 0)
		return rc;
	spec->cpus = (unsigned)cpus;
	out->running = strcmp(want, "running") == 0;
	if (!out->running && strcmp(want, "absent") != 0)
		return error_set(err, EINVAL, "want: neither running nor absent");
	return vm_spec_check(spec, err);
}

static int parse_desktops(const json_t *body, struct sync_answer *out, struct error *err)
{
	const json_t *list, *item;
	size_t i;
	int rc = json_get_array(body, "desktops", SYNC_DESKTOPS_MAX, &list, err);

	if (rc < 0)
		return rc;
	out->desktops = xcalloc(json_array_size(list) + 1, sizeof(out->desktops[0]));
	json_array_foreach(list, i, item) {
		rc = parse_desktop(item, &out->desktops[i], err);
		if (rc < 0)
			return error_prefix(err, "desktops[%zu]", i);
		for (size_t j = 0; j < i; j++)
			if (strcmp(out->desktops[j].spec.id, out->desktops[i].spec.id) == 0)
				return error_set(err, EINVAL, "desktops[%zu]: id given twice", i);
	}
	out->desktop_count = json_array_size(list);
	return 0;
}

static int parse_images(const json_t *body, struct sync_answer *out, struct error *err)
{
	const json_t *list, *item;
	size_t i;
	int rc = json_get_array(body, "images", SYNC_IMAGES_MAX, &list, err);

	if (rc < 0)
		return rc;
	out->images = xcalloc(json_array_size(list) + 1, sizeof(out->images[0]));
	json_array_foreach(list, i, item) {
		rc = json_get_text(item, "sha256", out->images[i].sha256, VM_SHA256_SIZE, err);
		if (rc == 0)
			rc = json_get_bool_or(item, "fetch", false, &out->images[i].fetch, err);
		if (rc < 0)
			return error_prefix(err, "images[%zu]", i);
		if (!vm_sha256_valid(out->images[i].sha256))
			return error_set(err, EINVAL, "images[%zu]: sha256: not a hash", i);
	}
	out->image_count = json_array_size(list);
	return 0;
}

/* Brokers that know nothing of it leave it out, and then nothing is removed. */
static int parse_needless(const json_t *body, struct sync_answer *out, struct error *err)
{
	const json_t *list, *item;
	size_t i;
	int rc;

	if (!json_object_get(body, "images_needless"))
		return 0;
	if ((rc = json_get_array(body, "images_needless", SYNC_NEEDLESS_MAX, &list, err)) < 0)
		return rc;
	out->needless = xcalloc(json_array_size(list) + 1, sizeof(out->needless[0]));
	json_array_foreach(list, i, item)
	{
		const char *sha256 = json_string_value(item);

		if (!sha256 || !vm_sha256_valid(sha256))
			return error_set(err, EINVAL, "images_needless[%zu]: not a hash", i);
		memcpy(out->needless[out->needless_count++], sha256, VM_SHA256_SIZE);
	}
	return 0;
}

static int parse_order(const json_t *object, struct sync_order *out, struct error *err)
{
	int rc = json_get_text(object, "desktop", out->desktop, sizeof(out->desktop), err);

	if (rc == 0 && !vm_id_valid(out->desktop))
		rc = error_set(err, EINVAL, "desktop: not an id");
	if (rc == 0)
		rc = json_get_int_or(object, "log_off_stay", 0, 0, INT64_MAX, &out->log_off_stay, err);
	if (rc < 0 || out->log_off_stay)
		return rc;
	if ((rc = json_get_int(object, "notice", 1, INT64_MAX, &out->notice.seq, err)) < 0)
		return rc;
	return json_get_text(object, "text", out->notice.text, sizeof(out->notice.text), err);
}

/* Brokers that know nothing of orders leave them out. */
static int parse_orders(const json_t *body, struct sync_answer *out, struct error *err)
{
	const json_t *list, *item;
	size_t i;
	int rc;

	if (!json_object_get(body, "orders"))
		return 0;
	if ((rc = json_get_array(body, "orders", SYNC_ORDERS_MAX, &list, err)) < 0)
		return rc;
	out->orders = xcalloc(json_array_size(list) + 1, sizeof(out->orders[0]));
	json_array_foreach(list, i, item) {
		rc = parse_order(item, &out->orders[i], err);
		if (rc < 0)
			return error_prefix(err, "orders[%zu]", i);
	}
	out->order_count = json_array_size(list);
	return 0;
}

static int parse_key(const json_t *body, uint8_t key[GUEST_KEY_LEN], struct error *err)
{
	char text[64];
	int rc = json_get_text(body, "guest_public_key", text, sizeof(text), err);

	if (rc < 0)
		return rc;
	if (base64_decode(span_text(text), key, GUEST_KEY_LEN) != GUEST_KEY_LEN)
		return error_set(err, EINVAL, "guest_public_key: not base64 of 32 bytes");
	return 0;
}

int sync_answer_parse(const json_t *body, struct sync_answer *out, struct error *err)
{
	OWNED(sync_answer_done) struct sync_answer answer = { 0 };
	int rc;

	if ((rc = json_get_int(body, "generation", 0, INT64_MAX, &answer.generation, err)) < 0 ||
	    (rc = parse_images(body, &answer, err)) < 0 ||
	    (rc = parse_needless(body, &answer, err)) < 0 ||
	    (rc = parse_desktops(body, &answer, err)) < 0 ||
	    (rc = parse_orders(body, &answer, err)) < 0 ||
	    (rc = json_get_bool_or(body, "rebuilding", false, &answer.rebuilding, err)) < 0 ||
	    (rc = parse_key(body, answer.guest_key, err)) < 0)
		return rc;
	*out = answer;
	answer = (struct sync_answer){ 0 };
	return 0;
}

void sync_answer_done(struct sync_answer *answer)
{
	free(answer->images);
	free(answer->needless);
	free(answer->desktops);
	free(answer->orders);
	*answer = (struct sync_answer){ 0 };
}
