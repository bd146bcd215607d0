/* SPDX-License-Identifier: Apache-2.0 */
/* The disk of a desktop's user: carries out what home_step() names, over QMP and the guest link. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"
#include "hostagent/desktop_parts.h"

enum { FDSET = 10, RETRY_MS = 500 };
#define NODE "home"		/* of the block graph, and id of the device */
#define PORT "rp4"		/* the root port that is kept free for it */

static void home_event(struct desktop *desktop, enum home_event event);

static void set_reason(struct desktop *desktop, const char *text)
{
	struct desktop_home *home = &desktop->home;
	size_t len = utf8_prefix(span_text(text), sizeof(home->reason) - 1);

	memcpy(home->reason, text, len);
	home->reason[len] = '\0';
}

static void failed(struct desktop *desktop, const char *text)
{
	set_reason(desktop, text);
	home_event(desktop, HOME_EV_FAILED);
}

/* --- files: in the host's queue of work --- */

struct opening {
	struct desktop_host *host;
	char desktop[VM_ID_SIZE];
	unsigned attempt;
	struct vm_home home;
	struct user_disk disk;
	int result;
	struct error err;
};

static void run_open(void *arg)
{
	struct opening *o = arg;

	o->result = user_disk_open(o->host->config, &o->home, o->desktop, &o->disk, &o->err);
}

static void opened(struct desktop *desktop, struct opening *o)
{
	if (o->result < 0) {
		set_reason(desktop, o->err.text);
		home_event(desktop, o->result == -EBUSY ? HOME_EV_BUSY : HOME_EV_FAILED);
		return;
	}
	desktop->home.reason[0] = '\0';
	desktop->home.disk = o->disk;
	o->disk = (struct user_disk){ -1, -1 };
	home_event(desktop, HOME_EV_OPENED);
}

static void open_done(void *arg, int status)
{
	struct opening *o = arg;
	struct desktop *desktop = status == -ECANCELED ? NULL : desktop_find(o->host, o->desktop);

	if (status < 0)
		o->result = error_set(&o->err, -status, "the host's queue of work is full");
	if (desktop && desktop->home.attempt == o->attempt)
		opened(desktop, o);
	user_disk_close(&o->disk);
	free(o);
}

static void refuse_open(void *arg)
{
	open_done(arg, -EAGAIN);
}

static void open_files(struct desktop *desktop)
{
	struct opening *o = xnew(struct opening);

	o->host = desktop->host;
	memcpy(o->desktop, desktop->spec.id, VM_ID_SIZE);
	o->attempt = ++desktop->home.attempt;
	o->home = desktop->home.want;
	o->disk = (struct user_disk){ -1, -1 };
	if (work_submit(desktop->host->image_jobs, 0, run_open, open_done, o) < 0)
		loop_post(desktop->host->loop, refuse_open, o);
}

/* --- QEMU --- */

static void on_nodes(void *arg, const json_t *result, const struct error *err)
{
	struct desktop *desktop = arg;
	const json_t *node;
	size_t i;

	if (!result) {
		home_event(desktop, HOME_EV_FAILED);
		return;
	}
	json_array_foreach(result, i, node) {
		const char *name = json_string_value(json_object_get(node, "node-name"));

		if (name && strcmp(name, NODE) == 0) {
			home_event(desktop, HOME_EV_FOUND);
			return;
		}
	}
	home_event(desktop, HOME_EV_MISSING);
}

static void look(struct desktop *desktop)
{
	OWNED(json_decref) json_t *flat = json_pack("{s:b}", "flat", 1);

	if (!desktop->qmp_ready || qmp_execute(desktop->qmp, "query-named-block-nodes", flat,
					       on_nodes, desktop) < 0)
		home_event(desktop, HOME_EV_FAILED);
}

/* The last of three commands; a refused one before it makes it fail as well. */
static void on_plugged(void *arg, const json_t *result, const struct error *err)
{
	struct desktop *desktop = arg;

	if (!result && err->code == ECANCELED)
		return;		/* QEMU or the agent has gone */
	if (result) {
		user_disk_close(&desktop->home.disk);
		home_event(desktop, HOME_EV_PLUGGED);
	} else if (!desktop->home.locked) {
		failed(desktop, err->text);
	} else {
		home_event(desktop, HOME_EV_BUSY);
	}
}

static void on_node_added(void *arg, const json_t *result, const struct error *err)
{
	struct desktop *desktop = arg;

	if (result || err->code == ECANCELED)
		return;
	desktop->home.locked = strstr(err->text, "lock") != NULL;
	set_reason(desktop, err->text);
}

static int add_node(struct desktop *desktop)
{
	char file[32];

	snprintf(file, sizeof(file), "/dev/fdset/%d", FDSET);
	OWNED(json_decref) json_t *node = json_pack(
		"{s:s, s:s, s:s, s:s, s:{s:s, s:s, s:s}}", "driver", "qcow2", "node-name", NODE,
		"discard", "unmap", "detect-zeroes", "unmap", "file", "driver", "file", "filename",
		file, "discard", "unmap");

	return qmp_execute(desktop->qmp, "blockdev-add", node, on_node_added, desktop);
}

static int add_device(struct desktop *desktop)
{
	OWNED(json_decref) json_t *device = json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "driver", "virtio-blk-pci", "id", NODE,
		"drive", NODE, "bus", PORT, "serial", desktop->home.want.id, "werror", "stop",
		"rerror", "stop");

	return qmp_execute(desktop->qmp, "device_add", device, on_plugged, desktop);
}

static void plug(struct desktop *desktop)
{
	OWNED(json_decref) json_t *set = json_pack("{s:i}", "fdset-id", FDSET);

	desktop->home.locked = false;
	if (!desktop->qmp_ready ||
	    qmp_execute_fd(desktop->qmp, "add-fd", set, desktop->home.disk.disk, NULL, NULL) < 0 ||
	    add_node(desktop) < 0 || add_device(desktop) < 0) {
		failed(desktop, "QEMU does not take the disk now");
		return;
	}
	/* The lock that QEMU takes lives as long as any copy of the descriptor: it has its own. */
	owned_fd_close(&desktop->home.disk.disk);
	desktop->home.disk.disk = -1;
}

static void on_unplug_begun(void *arg, const json_t *result, const struct error *err)
{
	if (!result && err->code != ECANCELED)
		home_event(arg, HOME_EV_FAILED);	/* it is not there */
}

static void unplug(struct desktop *desktop)
{
	OWNED(json_decref) json_t *device = json_pack("{s:s}", "id", NODE);

	if (!desktop->qmp_ready ||
	    qmp_execute(desktop->qmp, "device_del", device, on_unplug_begun, desktop) < 0)
		home_event(desktop, HOME_EV_FAILED);
}

static void on_closed(void *arg, const json_t *result, const struct error *err)
{
	if (result || err->code != ECANCELED)
		home_event(arg, HOME_EV_CLOSED);
}

/* What is not there cannot be closed: both answers say that nothing is left. */
static void close_all(struct desktop *desktop)
{
	OWNED(json_decref) json_t *node = json_pack("{s:s}", "node-name", NODE);
	OWNED(json_decref) json_t *set = json_pack("{s:i}", "fdset-id", FDSET);

	user_disk_close(&desktop->home.disk);
	if (!desktop->qmp_ready ||
	    qmp_execute(desktop->qmp, "blockdev-del", node, NULL, NULL) < 0 ||
	    qmp_execute(desktop->qmp, "remove-fd", set, on_closed, desktop) < 0)
		log_warn("user_disk_not_closed", kv_str("desktop", desktop->spec.id));
}

/* --- the guest --- */

static void mount_home(struct desktop *desktop)
{
	if (!desktop->guest || guest_link_send_home(desktop->guest, &desktop->home.want) < 0)
		home_event(desktop, HOME_EV_FAILED);
}

static void release(struct desktop *desktop)
{
	if (!desktop->guest || guest_link_release_home(desktop->guest) < 0)
		home_event(desktop, HOME_EV_FAILED);
}

void desktop_home_answer(struct desktop *desktop, const struct guest_message *answer)
{
	set_reason(desktop, answer->ok ? "" : answer->text);
	home_event(desktop, answer->ok ? HOME_EV_MOUNTED :
			    answer->broken ? HOME_EV_BROKEN : HOME_EV_FAILED);
}

void desktop_home_released(struct desktop *desktop, const struct guest_message *answer)
{
	if (!answer->ok)
		log_warn("user_disk_still_open", kv_str("desktop", desktop->spec.id),
			 kv_str("reason", answer->text));
	home_event(desktop, HOME_EV_RELEASED);
}

/* --- the machine --- */

static void on_deadline(void *arg)
{
	struct desktop *desktop = arg;

	log_warn("user_disk_late", kv_str("desktop", desktop->spec.id),
		 kv_str("in", home_state_name(desktop->home.state)));
	home_event(desktop, HOME_EV_TIMEOUT);
}

static void on_retry(void *arg)
{
	home_event(arg, HOME_EV_RETRY);
}

static void enter(struct desktop *desktop, enum home_state before)
{
	struct desktop_home *home = &desktop->home;
	int64_t now_ms = clock_monotonic_ms(), limit_ms = home_deadline_ms(home->state);

	if (home->state == HOME_LOOKING)
		home->wanted_ms = now_ms;
	if (home->state == HOME_MOUNTED)
		home->reason[0] = '\0';
	/* Whoever waits for a lock would fill the log. */
	if (strcmp(home_view(before), home_view(home->state)) != 0 && before != HOME_LOCKED &&
	    before != HOME_FAILED)
		log_info("user_disk_state", kv_str("desktop", desktop->spec.id),
			 kv_str("disk", home->want.id), kv_str("state", home_view(home->state)),
			 kv_int("ms", now_ms - home->wanted_ms), kv_str("reason", home->reason));
	log_debug("user_disk", kv_str("desktop", desktop->spec.id), kv_str("disk", home->want.id),
		 kv_str("from", home_state_name(before)), kv_str("to", home_state_name(home->state)),
		 kv_int("ms", now_ms - home->wanted_ms), kv_str("reason", home->reason));
	loop_timer_stop(home->retry);
	loop_timer_stop(home->deadline);
	if (limit_ms)
		loop_timer_start(home->deadline, limit_ms);
}

static void carry_out(struct desktop *desktop, unsigned effects)
{
	struct desktop_host *host = desktop->host;

	if (effects & HOME_FX_CLOSE)
		close_all(desktop);
	if (effects & HOME_FX_RETRY)
		loop_timer_start(desktop->home.retry, RETRY_MS);
	if (effects & HOME_FX_REPORT)
		host->changed(host->arg);
	if (effects & HOME_FX_DONE) {
		desktop->home.attempt++;	/* results that are on their way are of the past */
		user_disk_close(&desktop->home.disk);
		host->forgotten(host->arg);	/* what waited for it goes on */
	}
	/* Each of these may take the next step at once: nothing is done after it. */
	if (effects & HOME_FX_LOOK)
		look(desktop);
	else if (effects & HOME_FX_OPEN)
		open_files(desktop);
	else if (effects & HOME_FX_PLUG)
		plug(desktop);
	else if (effects & HOME_FX_MOUNT)
		mount_home(desktop);
	else if (effects & HOME_FX_RELEASE)
		release(desktop);
	else if (effects & HOME_FX_UNPLUG)
		unplug(desktop);
}

static void home_event(struct desktop *desktop, enum home_event event)
{
	enum home_state before = desktop->home.state;
	unsigned effects = 0;

	if (home_step(&desktop->home.state, event, &effects) < 0) {
		log_debug("user_disk_event_ignored", kv_str("desktop", desktop->spec.id),
			  kv_str("state", home_state_name(before)),
			  kv_str("event", home_event_name(event)));
		return;
	}
	if (desktop->home.state != before)
		enter(desktop, before);
	carry_out(desktop, effects);
}

void desktop_home_init(struct desktop *desktop)
{
	desktop->home.disk = (struct user_disk){ -1, -1 };
	desktop->home.retry = loop_timer_new(desktop->host->loop, on_retry, desktop);
	desktop->home.deadline = loop_timer_new(desktop->host->loop, on_deadline, desktop);
}

void desktop_home_free(struct desktop *desktop)
{
	user_disk_close(&desktop->home.disk);
	loop_timer_free(desktop->home.retry);
	loop_timer_free(desktop->home.deadline);
}

void desktop_home_ready(struct desktop *desktop)
{
	if (desktop->home.want.id[0] && desktop->state == VM_READY)
		home_event(desktop, HOME_EV_WANTED);
}

void desktop_home_want(struct desktop *desktop, const struct vm_home *home)
{
	if (home->epoch < desktop->home.want.epoch)
		return;		/* an order of the past */
	desktop->home.want = *home;
	desktop_home_ready(desktop);
}

void desktop_home_adopted(struct desktop *desktop)
{
	desktop->home.unknown = true;
}

void desktop_home_rebooted(struct desktop *desktop)
{
	home_event(desktop, HOME_EV_REBOOTED);
}

void desktop_home_gone(struct desktop *desktop)
{
	desktop->home.unknown = false;
	home_event(desktop, HOME_EV_GONE);
}

void desktop_home_device_deleted(struct desktop *desktop, const char *device)
{
	if (device && strcmp(device, NODE) == 0)
		home_event(desktop, HOME_EV_DELETED);
}

bool desktop_home_release(struct desktop *desktop)
{
	struct desktop_home *home = &desktop->home;

	if (home->unknown && desktop->process && home->state == HOME_NONE) {
		home->unknown = false;	/* an earlier agent may have plugged one */
		home->state = HOME_LOOKING;
	}
	if (home->state == HOME_NONE)
		return false;
	home_event(desktop, HOME_EV_UNWANTED);
	return home->state != HOME_NONE;
}

json_t *desktop_home_report(const struct desktop *desktop)
{
	const struct desktop_home *home = &desktop->home;

	return json_pack("{s:s, s:I, s:s, s:s, s:I}", "id", home->want.id, "epoch",
			 (json_int_t)home->want.epoch, "state",
			 home->unknown && home->state == HOME_NONE ? "attaching" :
								     home_view(home->state),
			 "reason", home->reason, "used_bytes",
			 (json_int_t)user_disk_used(desktop->host->config, home->want.id));
}
