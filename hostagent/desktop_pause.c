/* SPDX-License-Identifier: Apache-2.0 */
/* A desktop that pauses: because the host's disk cannot take what it writes, or because its overlay
 * is as large as its pool allows. QEMU stops it at the write that failed and repeats that write when
 * it goes on, so that the guest notices nothing but the time. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "common/sys/log.h"
#include "hostagent/desktop_parts.h"
#include "hostagent/vm/overlay.h"
#include "hostagent/weigh.h"

enum { TRY_MS = 1000, SETTLED_MS = 1500 };
#define ROOM_MIN (INT64_C(16) << 20)	/* less is gone again before it is worth going on */

static void tell(struct desktop *desktop)
{
	desktop->host->changed(desktop->host->arg);
}

static int tell_qemu(struct desktop *desktop, const char *command)
{
	return desktop->qmp_ready ? qmp_execute(desktop->qmp, command, NULL, NULL, NULL) : -1;
}

static void stand_still(struct desktop *desktop, enum desktop_pause_kind kind, const char *reason)
{
	struct desktop_pause *p = &desktop->pause;

	if (p->kind == PAUSE_NONE)
		log_warn("desktop_paused", kv_str("desktop", desktop->spec.id),
			 kv_str("reason", reason));
	p->kind = kind;
	p->goes_on = false;
	snprintf(p->reason, sizeof(p->reason), "%s", reason);
	if (kind == PAUSE_DISK)
		loop_timer_start(p->timer, TRY_MS);
	tell(desktop);
}

/* --- the host's disk --- */

static bool is_room(const struct desktop *desktop)
{
	return !desktop->pause.no_space || desktop->pause.of_home ||
	       disk_room(desktop->host->config).free_bytes >= ROOM_MIN;
}

/* Either it is tried again, or it went on a while ago and has not stumbled since. */
static void on_timer(void *arg)
{
	struct desktop *desktop = arg;
	struct desktop_pause *p = &desktop->pause;

	if (p->kind == PAUSE_NONE)
		return;
	if (p->goes_on) {
		log_info("desktop_goes_on", kv_str("desktop", desktop->spec.id));
		p->kind = PAUSE_NONE;
		p->reason[0] = '\0';
		tell(desktop);
		return;
	}
	if (p->kind == PAUSE_DISK && is_room(desktop))
		(void)tell_qemu(desktop, "cont");	/* asked again below when it is not heard */
	loop_timer_start(p->timer, TRY_MS);
}

void desktop_disk_error(struct desktop *desktop, const json_t *data)
{
	const char *node = json_string_value(json_object_get(data, "node-name"));
	const char *action = json_string_value(json_object_get(data, "action"));
	const char *reason = json_string_value(json_object_get(data, "reason"));
	char text[160];

	if (!action || strcmp(action, "stop") != 0)
		return;
	desktop->pause.of_home = node && strcmp(node, "home") == 0;
	desktop->pause.no_space = json_is_true(json_object_get(data, "nospace"));
	if (desktop->pause.no_space)
		snprintf(text, sizeof(text), "paused: %s", desktop->pause.of_home ?
			 "the storage of users' disks is full" : "the host's disk is full");
	else
		snprintf(text, sizeof(text), "paused: %s answers with an error: %.80s",
			 desktop->pause.of_home ? "the storage of users' disks" : "the host's disk",
			 reason ? reason : "no reason given");
	stand_still(desktop, PAUSE_DISK, text);
}

void desktop_resumed_from_pause(struct desktop *desktop)
{
	if (desktop->pause.kind == PAUSE_NONE)
		return;
	desktop->pause.goes_on = true;
	loop_timer_start(desktop->pause.timer, SETTLED_MS);
}

/* --- the quota of its overlay --- */

static int64_t file_bytes(const struct desktop *desktop)
{
	struct stat st;
	struct path path = desktop_path(desktop->host->config, desktop->spec.id, DESKTOP_OVERLAY);

	return stat(path.text, &st) == 0 ? (int64_t)st.st_size : 0;
}

/* QEMU tells once when the file grows past a place; "disk-file" is the overlay (vm/argv.c). */
static void watch(struct desktop *desktop, int64_t bytes)
{
	OWNED(json_decref) json_t *at = json_pack("{s:s, s:I}", "node-name", "disk-file",
						  "write-threshold", (json_int_t)bytes);

	if (qmp_execute(desktop->qmp, "block-set-write-threshold", at, NULL, NULL) < 0)
		log_warn("quota_not_watched", kv_str("desktop", desktop->spec.id));
}

static void look(struct desktop *desktop, int64_t bytes)
{
	struct desktop_pause *p = &desktop->pause;
	struct overlay_level level = overlay_level(bytes, p->max_bytes);
	char text[160];

	watch(desktop, level.next_bytes);
	if (level.percent != p->percent)
		tell(desktop);
	p->percent = level.percent;
	if (level.full && p->kind != PAUSE_QUOTA) {
		snprintf(text, sizeof(text),
			 "paused: its overlay has reached its quota of %lld MiB (desktop.overlay)",
			 (long long)(p->max_bytes >> 20));
		(void)tell_qemu(desktop, "stop");
		stand_still(desktop, PAUSE_QUOTA, text);
	} else if (!level.full && (p->kind == PAUSE_QUOTA || p->found_paused)) {
		(void)tell_qemu(desktop, "cont");
	}
	p->found_paused = false;
}

void desktop_want_overlay(struct desktop *desktop, int64_t max_bytes)
{
	struct desktop_pause *p = &desktop->pause;

	if (p->known && p->max_bytes == max_bytes && !p->found_paused)
		return;
	p->max_bytes = max_bytes;
	p->known = desktop->qmp_ready;
	if (p->known)
		look(desktop, file_bytes(desktop));
}

void desktop_overlay_grew(struct desktop *desktop, const json_t *data)
{
	const char *node = json_string_value(json_object_get(data, "node-name"));
	int64_t bytes = json_integer_value(json_object_get(data, "write-threshold")) +
			json_integer_value(json_object_get(data, "amount-exceeded"));

	if (node && strcmp(node, "disk-file") == 0 && desktop->qmp_ready)
		look(desktop, bytes);
}

/* --- what an agent finds, and tells --- */

void desktop_found_status(struct desktop *desktop, const char *status)
{
	struct desktop_pause *p = &desktop->pause;

	p->known = false;	/* QEMU may be another one than was told the quota */
	p->found_paused = strcmp(status, "paused") == 0;
	if (strcmp(status, "io-error") == 0) {
		p->no_space = true;
		stand_still(desktop, PAUSE_DISK, "paused: the host's disk could not be written");
	}
	if (desktop->host->synced)
		desktop_want_overlay(desktop, p->max_bytes);
}

void desktop_pause_init(struct desktop *desktop)
{
	desktop->pause.timer = loop_timer_new(desktop->host->loop, on_timer, desktop);
}

void desktop_pause_end(struct desktop *desktop)
{
	desktop->pause.kind = PAUSE_NONE;
	desktop->pause.known = false;
	desktop->pause.found_paused = false;
	desktop->pause.percent = 0;
	loop_timer_stop(desktop->pause.timer);
}

void desktop_pause_free(struct desktop *desktop)
{
	loop_timer_free(desktop->pause.timer);
}

const char *desktop_pause_reason(const struct desktop *desktop, char *text, size_t size)
{
	if (desktop->pause.kind != PAUSE_NONE)
		return desktop->pause.reason;
	if (!desktop->pause.percent || desktop->reason[0])
		return desktop->reason;
	snprintf(text, size, "its overlay has reached %d %% of its quota of %lld MiB",
		 desktop->pause.percent, (long long)(desktop->pause.max_bytes >> 20));
	return text;
}
