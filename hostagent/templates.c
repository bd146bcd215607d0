/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"
#include "hostagent/memory.h"
#include "hostagent/spec_file.h"
#include "hostagent/template_parts.h"

enum {
	TEND_MS = 10, QEMU_MAJOR = 8, QEMU_MINOR = 2,
};

/* --- the list --- */

static struct template *template_of(struct list *node)
{
	return LIST_OF(node, struct template, node);
}

struct template *template_find(struct templates *templates, const char *id)
{
	LIST_EACH(it, &templates->all)
		if (strcmp(template_of(it)->spec.id, id) == 0)
			return template_of(it);
	return NULL;
}

static void template_free(struct template *template)
{
	template_disconnect(template);
	standby_done(&template->standby);
	list_remove(&template->node);
	loop_timer_free(template->deadline);
	loop_timer_free(template->retry);
	loop_timer_free(template->reconnect);
	free(template);
}

static void on_deadline(void *arg)
{
	struct template *template = arg;
	char text[64];

	snprintf(text, sizeof(text), "%s took too long", template_state_name(template->state));
	template_set_reason(template, text);
	template_event(template, TEMPLATE_EV_TIMEOUT);
}

static void on_retry(void *arg)
{
	template_event(arg, TEMPLATE_EV_RETRY);
}

static void on_reconnect(void *arg)
{
	template_connect(arg);
}

static struct template *template_new(struct templates *templates, const struct vm_spec *spec)
{
	struct template *template = xnew(struct template);
	struct loop *loop = templates->host->loop;

	template->templates = templates;
	template->spec = *spec;
	template->deadline = loop_timer_new(loop, on_deadline, template);
	template->retry = loop_timer_new(loop, on_retry, template);
	template->reconnect = loop_timer_new(loop, on_reconnect, template);
	standby_init(&template->standby, template);
	list_append(&templates->all, &template->node);
	return template;
}

void template_set_reason(struct template *template, const char *text)
{
	size_t len = utf8_prefix(span_text(text), sizeof(template->reason) - 1);

	memcpy(template->reason, text, len);
	template->reason[len] = '\0';
}

/* --- one template --- */

static void learn(struct template *template, enum template_state before, int64_t now_ms)
{
	struct template_pace *pace = &template->templates->pace;

	if (before == TEMPLATE_BOOTING && template->state == TEMPLATE_SETTLING)
		pace->boot_ms = now_ms - template->since_ms;
	if (before == TEMPLATE_SETTLING && template->state == TEMPLATE_SAVING)
		pace->settle_ms = now_ms - template->since_ms;
}

static void enter(struct template *template, enum template_state before)
{
	int64_t now_ms = clock_monotonic_ms();
	int64_t limit_ms = template_deadline_ms(template->state,
						template->templates->host->config->boot_deadline_ms);

	log_debug("template_state", kv_str("template", template->spec.id),
		  kv_str("from", template_state_name(before)),
		  kv_str("to", template_state_name(template->state)));
	if (template->state == TEMPLATE_ERROR) {
		template->failures++;
		log_warn("template_failed", kv_str("template", template->spec.id),
			 kv_str("in", template_state_name(before)),
			 kv_int("failures", template->failures),
			 kv_str("reason", template->reason));
	}
	learn(template, before, now_ms);
	template->since_ms = now_ms;
	if (template->state == TEMPLATE_STARTING)
		template->started_ms = now_ms;
	if (template->state == TEMPLATE_READY) {
		template->failures = 0;
		template->reason[0] = '\0';
		log_info("template_ready", kv_str("template", template->spec.id),
			 kv_str("image", template->spec.image_sha256),
			 kv_int("took_ms", template->started_ms ? now_ms - template->started_ms :
								  0));
	}
	if (template->state != TEMPLATE_READY)
		standby_drop(&template->standby);
	loop_timer_stop(template->retry);
	loop_timer_stop(template->deadline);
	if (limit_ms)
		loop_timer_start(template->deadline, limit_ms);
}

/* The order is part of the meaning: a job that is named later runs later. */
static void carry_out(struct template *template, unsigned effects)
{
	struct templates *templates = template->templates;

	if (effects & TEMPLATE_FX_DISCONNECT)
		template_disconnect(template);
	if (effects & TEMPLATE_FX_START)
		template_job_start(template);
	if (effects & TEMPLATE_FX_CONNECT)
		template_connect(template);
	if (effects & TEMPLATE_FX_FREEZE)
		template_freeze(template);
	if (effects & TEMPLATE_FX_SAVE)
		template_save(template);
	if (effects & TEMPLATE_FX_SEAL)
		template_job_seal(template);
	if (effects & TEMPLATE_FX_RETIRE)
		template_job_retire(template);
	if (effects & TEMPLATE_FX_DROP)
		template_job_drop(template);
	if (effects & TEMPLATE_FX_RETRY)
		loop_timer_start(template->retry, template_retry_ms(template->failures));
	if (effects & TEMPLATE_FX_REPORT)
		templates->host->changed(templates->host->arg);
}

void template_event(struct template *template, enum template_event event)
{
	struct templates *templates = template->templates;
	enum template_state before = template->state;
	unsigned effects = 0;

	if (template_step(&template->state, event, &effects) < 0) {
		log_debug("template_event_ignored", kv_str("template", template->spec.id),
			  kv_str("state", template_state_name(before)),
			  kv_str("event", template_event_name(event)));
		return;
	}
	if (template->state != before)
		enter(template, before);
	carry_out(template, effects);
	if (effects & TEMPLATE_FX_FORGET) {
		log_info("template_gone", kv_str("template", template->spec.id));
		template_free(template);
	}
	templates_tend(templates);	/* its turn may be another's now */
	desktop_hold_review(templates->host);
}

/* --- what is needed --- */

static bool on_its_disk(const struct template *template)
{
	struct vm_present present;

	LIST_EACH(it, &template->templates->host->desktops) {
		desktop_present(desktop_of(it), &present);
		if (strcmp(present.spec.template_id, template->spec.id) == 0)
			return true;
	}
	return false;
}

static bool of_its_kind(const struct template *template)
{
	struct vm_present present;

	LIST_EACH(it, &template->templates->host->desktops) {
		desktop_present(desktop_of(it), &present);
		if (present.state != VM_STOPPING && present.state != VM_CLEANING &&
		    template_fits(&template->spec, &present.spec))
			return true;
	}
	return false;
}

static void keep_or_drop(struct template *template, int64_t now_ms)
{
	struct templates *templates = template->templates;
	int64_t keep_ms = templates->host->config->template_keep_ms;
	bool needed = on_its_disk(template) ||
		      (template->state != TEMPLATE_RETIRED && of_its_kind(template));

	if (needed || template->state == TEMPLATE_DROPPING || !templates->host->synced) {
		template->unused_ms = 0;
		return;
	}
	if (!template->unused_ms)
		template->unused_ms = now_ms;
	if (now_ms - template->unused_ms >= keep_ms) {
		log_info("template_unused", kv_str("template", template->spec.id));
		template_event(template, TEMPLATE_EV_UNWANTED);
	} else {
		loop_timer_start(templates->tend, template->unused_ms + keep_ms - now_ms + 1);
	}
}

struct template *template_of_kind(struct templates *templates, const struct vm_spec *desktop)
{
	LIST_EACH(it, &templates->all) {
		struct template *template = template_of(it);

		if (template->state != TEMPLATE_RETIRED && template->state != TEMPLATE_DROPPING &&
		    template_fits(&template->spec, desktop))
			return template;
	}
	return NULL;
}

static void make_one(struct templates *templates, const struct vm_spec *desktop)
{
	struct vm_spec spec = { .cpus = desktop->cpus, .memory_bytes = desktop->memory_bytes };
	uint8_t id[8];

	random_bytes(id, sizeof(id));
	hex_encode(span_of(id, sizeof(id)), spec.id);
	memcpy(spec.image_sha256, desktop->image_sha256, sizeof(spec.image_sha256));
	memcpy(spec.name, "template", sizeof("template"));
	log_info("template_wanted", kv_str("template", spec.id),
		 kv_str("image", spec.image_sha256));
	template_event(template_new(templates, &spec), TEMPLATE_EV_WANTED);
}

/* An image is worth a template once a desktop of it has come up here. */
static void make_missing(struct templates *templates)
{
	struct vm_present present;

	LIST_EACH(it, &templates->host->desktops) {
		desktop_present(desktop_of(it), &present);
		if (present.state == VM_READY && !template_of_kind(templates, &present.spec))
			make_one(templates, &present.spec);
	}
}

/* One at a time: a boot takes whole processors. */
static void admit_next(struct templates *templates)
{
	struct template *next = NULL;
	struct error err;

	LIST_EACH(it, &templates->all) {
		if (template_busy(template_of(it)->state))
			return;
		if (!next && template_of(it)->state == TEMPLATE_WAITING)
			next = template_of(it);
	}
	if (!next)
		return;
	if (memory_admit(memory_free(), templates->host->config->memory_reserve_bytes,
			 memory_needed(&next->spec, false), &err) < 0) {
		template_set_reason(next, err.text);
		template_event(next, TEMPLATE_EV_FAILED);
	} else {
		template_event(next, TEMPLATE_EV_ADMITTED);
	}
}

static void on_tend(void *arg)
{
	struct templates *templates = arg;
	int64_t now_ms = clock_monotonic_ms();

	LIST_EACH_SAFE(it, &templates->all)
		keep_or_drop(template_of(it), now_ms);
	if (!templates->able || !templates->host->synced)
		return;
	make_missing(templates);
	admit_next(templates);
	LIST_EACH(it, &templates->all)
		standby_tend(&template_of(it)->standby);
}

void templates_tend(struct templates *templates)
{
	loop_timer_start(templates->tend, TEND_MS);
}

bool templates_for(struct templates *templates, const struct vm_spec *desktop, char *id)
{
	const struct template *template = template_of_kind(templates, desktop);

	if (!templates->able || !template || template->state != TEMPLATE_READY)
		return false;
	memcpy(id, template->spec.id, VM_ID_SIZE);
	return true;
}

bool templates_coming(struct templates *templates, const struct vm_spec *desktop,
		      struct template_coming *out)
{
	const struct template *template = template_of_kind(templates, desktop);

	if (!template || !template_busy(template->state))
		return false;
	int64_t left_ms = template_left_ms(template->state,
					   clock_monotonic_ms() - template->since_ms,
					   &templates->pace, templates->host->expected_boot_ms);

	*out = (struct template_coming){ left_ms, template_state_name(template->state),
					 template_percent(template->state) };
	return true;
}

size_t templates_addresses(const struct templates *templates, uint32_t *out, size_t room)
{
	size_t count = 0;

	LIST_EACH(it, &templates->all) {
		const struct standby *standby = &template_of(it)->standby;

		if (standby->state != STANDBY_NONE && count < room)
			out[count++] = standby->spec.address;
	}
	return count;
}

int64_t templates_standby_bytes(const struct templates *templates)
{
	int64_t bytes = 0;

	LIST_EACH(it, &templates->all)
		bytes += template_of(it)->standby.state == STANDBY_READY ?
				 template_of(it)->standby.pss_bytes : 0;
	return bytes;
}

static int64_t desktops_on(const struct template *template)
{
	int64_t count = 0;
	struct vm_present present;

	LIST_EACH(it, &template->templates->host->desktops) {
		desktop_present(desktop_of(it), &present);
		count += strcmp(present.spec.template_id, template->spec.id) == 0;
	}
	return count;
}

bool templates_lie_on(const struct templates *templates, const char *image_sha256)
{
	LIST_EACH(it, &templates->all)
	{
		const char *its = template_of(it)->spec.image_sha256;

		if (!its[0] || strcmp(its, image_sha256) == 0)
			return true;
	}
	return false;
}

json_t *templates_report(const struct templates *templates)
{
	json_t *list = json_array();

	LIST_EACH(it, &templates->all) {
		const struct template *template = template_of(it);

		json_array_append_new(
			list, json_pack("{s:s, s:s, s:I, s:I, s:s, s:i, s:s, s:I}", "id",
					template->spec.id, "image_sha256",
					template->spec.image_sha256, "cpus",
					(json_int_t)template->spec.cpus, "memory_bytes",
					(json_int_t)template->spec.memory_bytes, "state",
					template_state_name(template->state), "percent",
					template_percent(template->state), "reason",
					template->reason, "desktops",
					(json_int_t)desktops_on(template)));
	}
	return list;
}

/* --- all of them --- */

static bool version_is_able(const char *version)
{
	int major, minor;

	return sscanf(version, "%d.%d", &major, &minor) == 2 &&
	       (major > QEMU_MAJOR || (major == QEMU_MAJOR && minor >= QEMU_MINOR));
}

static void adopt(void *arg, const char *id)
{
	struct vm_spec spec = { 0 };

	memcpy(spec.id, id, VM_ID_SIZE);
	template_job_look(template_new(arg, &spec));
}

struct templates *templates_new(struct desktop_host *host, enum vm_accel accel)
{
	struct templates *templates = xnew(struct templates);

	list_init(&templates->all);
	templates->host = host;
	templates->accel = accel;
	templates->tend = loop_timer_new(host->loop, on_tend, templates);
	if (host->config->templates)
		template_qemu_version(host->config, templates->qemu);
	templates->able = host->config->templates && version_is_able(templates->qemu);
	if (host->config->templates && !templates->able)
		log_warn("templates_impossible", kv_str("qemu", templates->qemu),
			 kv_str("wanted", "8.2 or newer"));
	template_each_id(host->config, adopt, templates);
	return templates;
}

void templates_free(struct templates *templates)
{
	if (!templates)
		return;
	LIST_EACH_SAFE(it, &templates->all)
		template_free(template_of(it));
	loop_timer_free(templates->tend);
	free(templates);
}
