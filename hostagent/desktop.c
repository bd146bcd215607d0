/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"
#include "hostagent/desktop_parts.h"
#include "hostagent/priv/process.h"
#include "hostagent/spec_file.h"

enum {
	FIRST_BOOT_MS = 15000,	/* what a boot is thought to take until one was seen */
	STABLE_MS = 60000,	/* ready for so long: the next failure is the first again */
	PROGRESS_MS = 1000, PROGRESS_STEP = 5, UNSYNCED_RETRY_MS = 500,
	START_TOLD_MS = 600000,	/* how long a start took is of use when it is fresh */
};

void desktop_host_init(struct desktop_host *host)
{
	list_init(&host->desktops);
	host->expected_boot_ms = FIRST_BOOT_MS;
	desktop_turns_init(host);
}

struct desktop *desktop_of(struct list *node)
{
	return LIST_OF(node, struct desktop, node);
}

static void desktop_free(struct desktop *desktop)
{
	desktop_disconnect(desktop);
	desktop_home_free(desktop);
	desktop_pause_free(desktop);
	list_remove(&desktop->node);
	loop_timer_free(desktop->deadline);
	loop_timer_free(desktop->retry);
	loop_timer_free(desktop->reconnect);
	loop_timer_free(desktop->progress);
	loop_timer_free(desktop->note);
	loop_timer_free(desktop->hold);
	json_decref(desktop->inspection);
	json_decref(desktop->start);
	desktop_orders_done(desktop);
	free(desktop);
}

void desktop_host_done(struct desktop_host *host)
{
	LIST_EACH_SAFE(it, &host->desktops)
		desktop_free(desktop_of(it));
	loop_timer_free(host->turns);
	host->turns = NULL;
}

void desktop_host_set_guest_key(struct desktop_host *host, const uint8_t key[GUEST_KEY_LEN])
{
	memcpy(host->guest_key, key, GUEST_KEY_LEN);
	host->has_guest_key = true;
	LIST_EACH(it, &host->desktops) {
		struct desktop *desktop = desktop_of(it);

		if (desktop->state == VM_IDENTITY || desktop->state == VM_READY)
			desktop_send_identity(desktop);
	}
}

struct desktop *desktop_find(struct desktop_host *host, const char *id)
{
	LIST_EACH(it, &host->desktops) {
		struct desktop *desktop = desktop_of(it);

		if (strcmp(desktop->spec.id, id) == 0)
			return desktop;
	}
	return NULL;
}

void desktop_set_reason(struct desktop *desktop, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(desktop->reason, sizeof(desktop->reason), fmt, args);
	va_end(args);
	desktop->reason[utf8_prefix(span_text(desktop->reason), sizeof(desktop->reason) - 1)] = '\0';
}

static void on_deadline(void *arg)
{
	struct desktop *desktop = arg;

	if (!desktop->refused)
		desktop_set_reason(desktop, "%s took too long", vm_state_name(desktop->state));
	desktop_event(desktop, VM_EV_TIMEOUT);
}

/* Until the broker has spoken nothing is started: the desktop may live elsewhere by now. */
static void on_retry(void *arg)
{
	struct desktop *desktop = arg;

	if (desktop->host->synced)
		desktop_event(desktop, VM_EV_RETRY);
	else
		loop_timer_start(desktop->retry, UNSYNCED_RETRY_MS);
}

static void on_reconnect(void *arg)
{
	desktop_connect(arg);
}

static struct vm_view view_of(const struct desktop *desktop, int64_t now_ms)
{
	return vm_view(desktop->state, now_ms - desktop->since_ms,
		       desktop->host->expected_boot_ms);
}

static void tell(struct desktop *desktop)
{
	desktop->reported_percent = view_of(desktop, clock_monotonic_ms()).percent;
	desktop->host->changed(desktop->host->arg);
}

static void on_progress(void *arg)
{
	struct desktop *desktop = arg;

	if (desktop->state != VM_BOOTING)
		return;
	if (view_of(desktop, clock_monotonic_ms()).percent >=
	    desktop->reported_percent + PROGRESS_STEP)
		tell(desktop);
	loop_timer_start(desktop->progress, PROGRESS_MS);
}

static struct desktop *desktop_new(struct desktop_host *host, const struct vm_spec *spec)
{
	struct desktop *desktop = xnew(struct desktop);

	desktop->host = host;
	desktop->spec = *spec;
	desktop->since_ms = clock_monotonic_ms();
	desktop->deadline = loop_timer_new(host->loop, on_deadline, desktop);
	desktop->retry = loop_timer_new(host->loop, on_retry, desktop);
	desktop->reconnect = loop_timer_new(host->loop, on_reconnect, desktop);
	desktop->progress = loop_timer_new(host->loop, on_progress, desktop);
	desktop_stay_init(desktop);
	desktop_home_init(desktop);
	desktop_pause_init(desktop);
	desktop_hold_init(desktop);
	desktop_orders_init(desktop);
	list_append(&host->desktops, &desktop->node);
	return desktop;
}

struct desktop *desktop_create(struct desktop_host *host, const struct vm_spec *spec)
{
	return desktop_new(host, spec);
}

/* The pid file is there before QEMU is, and goes with the last boot of the host. */
static bool was_cut_off(const struct hostagent_config *config, const char *id)
{
	return access(desktop_path(config, id, DESKTOP_PID).text, F_OK) != 0;
}

static struct desktop *adopt(struct desktop_host *host, const char *id)
{
	struct spec_note note = { 0 };
	struct error err;
	pid_t pid;

	if (spec_file_read(host->config, id, &note, &err) < 0) {
		log_warn("desktop_leftover", kv_str("desktop", id), kv_error(&err));
		memcpy(note.spec.id, id, VM_ID_SIZE);
	}
	struct desktop *desktop = desktop_new(host, &note.spec);

	desktop->standby = note.standby;
	OWNED_FD int pidfd = process_find(host->config, id, &pid, NULL);

	memcpy(desktop->rdp_certificate_sha256, note.rdp_certificate_sha256, VM_SHA256_SIZE);
	desktop->logoffs = note.logoffs;
	desktop->resets = note.resets;
	desktop->guest_logoffs = note.guest_logoffs;
	memcpy(desktop->deed, note.deed, sizeof(desktop->deed));
	memcpy(desktop->guest_boot, note.guest_boot, sizeof(desktop->guest_boot));
	if (pidfd < 0 && was_cut_off(host->config, id)) {
		log_info("desktop_cut_off", kv_str("desktop", id));
		desktop_event(desktop, VM_EV_CUT_OFF);
		return desktop;
	}
	if (pidfd < 0) {
		desktop_set_reason(desktop, "QEMU was gone when the agent started");
		desktop->blameless = true; /* nobody saw why */
		desktop_event(desktop, VM_EV_FOUND_DEAD);
		return desktop;
	}
	log_info("desktop_adopted", kv_str("desktop", id), kv_int("pid", pid));
	desktop_home_adopted(desktop);
	desktop_watch(desktop, pid);
	desktop_event(desktop, note.ready ? VM_EV_FOUND_READY : VM_EV_FOUND_RUNNING);
	return desktop_find(host, id);
}

/* What stood by for an earlier agent is nobody's, whatever the broker will say. */
void desktop_adopt(struct desktop_host *host, const char *id)
{
	struct desktop *desktop = adopt(host, id);

	if (desktop && desktop->standby)
		desktop_event(desktop, VM_EV_UNWANTED);
}

bool desktop_is_anybodys(const struct desktop *desktop)
{
	return !desktop->standby;
}

void desktop_update(struct desktop *desktop, const struct vm_spec *spec)
{
	struct vm_spec ours = desktop->spec;

	desktop->spec = *spec;
	desktop->spec.address = ours.address;
	memcpy(desktop->spec.template_id, ours.template_id, VM_ID_SIZE);
	desktop->spec.incarnation = ours.incarnation;
	desktop_restart(desktop, spec->incarnation);
	desktop_event(desktop, VM_EV_NEW_EPOCH);
}

void desktop_on_behalf(struct desktop *desktop, const char *request)
{
	if (strcmp(desktop->request, request) == 0)
		return;
	memcpy(desktop->request, request, strlen(request) + 1);
	if (*request)
		log_info("desktop_ordered", kv_str("desktop", desktop->spec.id),
			 kv_str("request", request));
}

/* One that has none keeps the deed it had: desktops do not change hands. */
void desktop_keep_deed(struct desktop *desktop, const char *deed)
{
	if (!*deed || strcmp(desktop->deed, deed) == 0)
		return;
	memcpy(desktop->deed, deed, strlen(deed) + 1);
	if (desktop->state != VM_ABSENT)
		desktop_stay_note(desktop);
}

static void count_failure(struct desktop *desktop, enum vm_state before, int64_t now_ms)
{
	if (before == VM_READY && now_ms - desktop->since_ms >= STABLE_MS)
		desktop->failures = 0;
	desktop->failures++;
	log_warn("desktop_failed", kv_str("desktop", desktop->spec.id),
		 kv_str("request", desktop->request),
		 kv_str("in", vm_state_name(before)), kv_int("failures", desktop->failures),
		 kv_str("reason", desktop->reason));
}

/* One word with where the guest's time went, in microseconds. */
static void guest_steps(const struct desktop_times *times, struct buf *out)
{
	for (size_t i = 0; i < GUEST_STEPS; i++)
		buf_printf(out, "%s%s:%lld", i ? "," : "", guest_step_names[i],
			   (long long)times->guest_us[i]);
}

static int64_t between(int64_t from_ms, int64_t to_ms)
{
	return from_ms && to_ms > from_ms ? to_ms - from_ms : 0;
}

static void log_ready(const struct desktop *desktop, int64_t now_ms)
{
	OWNED(buf_done) struct buf steps = BUF_LIMIT(512);
	const struct desktop_times *t = &desktop->times;
	int64_t runs_ms = desktop->resumed ? t->resumed_ms : t->spawned_ms;
	int64_t asked_ms = t->reachable_ms ? t->reachable_ms : t->identified_ms;

	guest_steps(t, &steps);
	log_info("desktop_ready", kv_str("desktop", desktop->spec.id),
		 kv_str("request", desktop->request),
		 kv_str("way", desktop->resumed ? "clone" : "boot"),
		 kv_str("machine", desktop->stood_by ? "standby" : "new"),
		 kv_int("turn_ms", between(t->wanted_ms, t->turn_ms)),
		 kv_int("overlay_ms", between(t->turn_ms, t->cloned_ms)),
		 kv_int("spawn_ms", between(t->cloned_ms, t->spawned_ms)),
		 kv_int("qemu_ms", between(t->spawned_ms, t->qmp_ms)),
		 kv_int("restore_ms", desktop->resumed ? between(t->qmp_ms, t->resumed_ms) : 0),
		 kv_int("network_ms", between(runs_ms, asked_ms)),
		 kv_int("confirm_ms", between(asked_ms, t->confirmed_ms)),
		 kv_int("tls_ms", between(t->confirmed_ms, t->shown_ms)),
		 kv_int("identity_ms", between(runs_ms, t->identified_ms)),
		 kv_int("resumed_after_ms", between(t->wanted_ms, runs_ms)),
		 kv_int("total_ms", between(t->wanted_ms, now_ms)),
		 kv_int("confirmed_after_ms", between(t->wanted_ms, t->confirmed_ms)),
		 kv_str("guest_us", buf_text(&steps)));
}

/* One stage ends where the next begins, so that they add up; one that there was none of took 0. */
static json_t *start_json(const struct desktop *desktop, int64_t now_ms)
{
	const struct desktop_times *t = &desktop->times;
	const struct {
		const char *name;
		int64_t end_ms;
	} stages[] = {
		{ "turn_ms", t->turn_ms },
		{ "disk_ms", t->cloned_ms },
		{ "machine_ms", t->qmp_ms },
		{ "memory_ms", desktop->resumed ? t->resumed_ms : 0 },
		{ "guest_ms", t->identified_ms },
		{ "rdp_ms", now_ms },
	};
	json_t *start = json_pack("{s:I, s:s, s:I}", "at_ms", (json_int_t)clock_wall_ms(), "way",
				  desktop->resumed ? "clone" : "boot", "total_ms",
				  (json_int_t)(now_ms - t->wanted_ms));
	int64_t from_ms = t->wanted_ms;

	for (size_t i = 0; i < ARRAY_LEN(stages); i++) {
		int64_t took_ms = between(from_ms, stages[i].end_ms);

		json_object_set_new(start, stages[i].name, json_integer(took_ms));
		from_ms += took_ms;
	}
	return start;
}

static void entered_ready(struct desktop *desktop, int64_t now_ms)
{
	desktop->reason[0] = '\0';
	if (!desktop->started_ms)
		return;
	if (!desktop->resumed)
		desktop->host->expected_boot_ms = now_ms - desktop->started_ms;
	log_ready(desktop, now_ms);
	desktop->start_ms = between(desktop->times.turn_ms, now_ms);
	json_decref(desktop->start);
	desktop->start = desktop->times.wanted_ms ? start_json(desktop, now_ms) : NULL;
	desktop->started_ms = 0;
}

static void enter(struct desktop *desktop, enum vm_state before)
{
	int64_t now_ms = clock_monotonic_ms();
	int64_t limit_ms = vm_deadline_ms(desktop->state, desktop->host->config->boot_deadline_ms);

	log_debug("desktop_state", kv_str("desktop", desktop->spec.id),
		  kv_str("from", vm_state_name(before)),
		  kv_str("to", vm_state_name(desktop->state)));
	if (desktop->state == VM_ERROR)
		count_failure(desktop, before, now_ms);
	else
		desktop->blameless = false;
	if (desktop->state == VM_READY)
		entered_ready(desktop, now_ms);
	if (desktop->state == VM_QUEUED)
		desktop->times = (struct desktop_times){ .wanted_ms = now_ms };
	if (desktop->state == VM_CLONING)
		desktop->times.turn_ms = now_ms;
	if (desktop->state == VM_STARTING)
		desktop->times.cloned_ms = now_ms;
	if (desktop->state == VM_BOOTING)
		loop_timer_start(desktop->progress, PROGRESS_MS);
	desktop->since_ms = now_ms;
	desktop->refused = false;
	desktop_hold_end(desktop);
	desktop_turn_entered(desktop, before);
	loop_timer_stop(desktop->retry);
	loop_timer_stop(desktop->deadline);
	if (limit_ms)
		loop_timer_start(desktop->deadline, limit_ms);
}

/* The order is part of the meaning: a job that is named later runs later. */
static void carry_out(struct desktop *desktop, unsigned effects)
{
	if (effects & VM_FX_DISCONNECT)
		desktop_disconnect(desktop);
	if (effects & VM_FX_CHECK_IMAGE)
		desktop_job_check_image(desktop);
	if (effects & VM_FX_CLONE)
		desktop_job_clone(desktop);
	if (effects & VM_FX_SPAWN)
		desktop_job_spawn(desktop);
	if (effects & VM_FX_SAVE)
		desktop_job_save(desktop);
	if (effects & VM_FX_CONNECT)
		desktop_connect(desktop);
	if (effects & VM_FX_IDENTITY)
		desktop_send_identity(desktop);
	if (effects & VM_FX_KILL)
		desktop_job_kill(desktop);
	if (effects & VM_FX_CLEAN)
		desktop_job_clean(desktop);
	if (effects & VM_FX_RETRY)
		loop_timer_start(desktop->retry, vm_retry_ms(desktop->failures));
	if (effects & VM_FX_REPORT)
		tell(desktop);
}

void desktop_event(struct desktop *desktop, enum vm_event event)
{
	struct desktop_host *host = desktop->host;
	enum vm_state before = desktop->state;
	unsigned effects = 0;

	if (vm_step(&desktop->state, event, &effects) < 0) {
		log_debug("desktop_event_ignored", kv_str("desktop", desktop->spec.id),
			  kv_str("state", vm_state_name(before)),
			  kv_str("event", vm_event_name(event)));
		return;
	}
	if (desktop->state != before)
		enter(desktop, before);
	carry_out(desktop, effects);
	if (desktop->state == VM_READY && before != VM_READY)
		desktop_home_ready(desktop);
	if (!(effects & VM_FX_FORGET))
		return;
	log_info("desktop_gone", kv_str("desktop", desktop->spec.id),
		 kv_str("request", desktop->request));
	desktop_free(desktop);
	host->forgotten(host->arg);
}

void desktop_present(const struct desktop *desktop, struct vm_present *out)
{
	out->spec = desktop->spec;
	out->state = desktop->state;
}

/* For a broker that does not know it. */
static void describe(const struct desktop *desktop, json_t *report)
{
	const struct vm_spec *spec = &desktop->spec;
	OWNED(json_decref) json_t *more = json_pack(
		"{s:s, s:s, s:i, s:I, s:I, s:s}", "name", spec->name, "image_sha256",
		spec->image_sha256, "cpus", (int)spec->cpus, "memory_bytes",
		(json_int_t)spec->memory_bytes, "incarnation", (json_int_t)spec->incarnation, "deed",
		desktop->deed);

	json_object_update(report, more);
}

json_t *desktop_report(const struct desktop *desktop, int64_t now_ms)
{
	struct vm_view view = view_of(desktop, now_ms);
	char address[VM_ADDRESS_SIZE] = "", waits[128];
	int place = desktop_turn_place(desktop);
	bool ready = desktop->state == VM_READY;
	bool paused = ready && desktop->pause.kind != PAUSE_NONE;
	char words[160];

	if (desktop->spec.address)
		vm_address_text(desktop->spec.address, address);
	desktop_hold_text(desktop, waits, sizeof(waits));
	desktop_turn_text(place, waits, sizeof(waits));
	json_t *report = json_pack(
			 "{s:s, s:I, s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:I, s:I}", "id", desktop->spec.id,
			 "epoch", (json_int_t)desktop->spec.epoch, "state",
			 paused ? "suspended" : view.state, "stage", view.stage, "percent",
			 view.percent, "reason",
			 waits[0] ? waits : desktop_pause_reason(desktop, words, sizeof(words)),
			 "address",
			 address, "rdp_certificate_sha256",
			 ready ? desktop->rdp_certificate_sha256 : "", "logged_on",
			 desktop->logged_on, "logoffs", (json_int_t)desktop->logoffs, "resets",
			 (json_int_t)desktop->resets);

	if (desktop->host->describes)
		describe(desktop, report);
	if (desktop->blameless)
		json_object_set_new(report, "blameless", json_true());
	json_object_set_new(report, "turn", json_integer(place));
	if (ready && desktop->start && now_ms - desktop->since_ms < START_TOLD_MS)
		json_object_set_new(report, "start", json_deep_copy(desktop->start));
	if (ready && desktop->start_ms)
		json_object_set_new(report, "start_ms", json_integer(desktop->start_ms));
	json_object_set_new(report, "pss_bytes", json_integer(desktop->pss_bytes));
	json_object_set_new(report, "overlay_bytes", json_integer(desktop->overlay_bytes));
	if (desktop->home.want.id[0])
		json_object_set_new(report, "user_disk", desktop_home_report(desktop));
	desktop_inspect_report(desktop, report);
	return report;
}
