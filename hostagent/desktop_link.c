/* SPDX-License-Identifier: Apache-2.0 */
/* The three sockets and the process of one desktop's QEMU. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"
#include "hostagent/desktop_parts.h"
#include "hostagent/qemu_log.h"

enum { RECONNECT_MS = 300 };

static struct path path_of(const struct desktop *desktop, enum desktop_file file)
{
	return desktop_path(desktop->host->config, desktop->spec.id, file);
}

static void again_soon(struct desktop *desktop)
{
	loop_timer_start(desktop->reconnect, RECONNECT_MS);
}

/* --- the process --- */

static void explain_exit(struct desktop *desktop)
{
	char line[181];

	if (desktop->exit_reason[0]) {
		desktop_set_reason(desktop, "QEMU ended: %s", desktop->exit_reason);
		return;
	}
	qemu_last_words(path_of(desktop, DESKTOP_QEMU_LOG).text, line, sizeof(line));
	desktop_set_reason(desktop, "QEMU ended unexpectedly%s%s", *line ? ": " : "", line);
}

static void on_process_end(void *arg, pid_t pid, int status)
{
	struct desktop *desktop = arg;

	log_info("qemu_gone", kv_str("desktop", desktop->spec.id), kv_int("pid", pid));
	desktop_home_gone(desktop);
	desktop_pause_end(desktop);
	if (desktop->state != VM_STOPPING)
		explain_exit(desktop);
	desktop_event(desktop, VM_EV_EXITED);
}

void desktop_watch(struct desktop *desktop, pid_t pid)
{
	desktop->pid = pid;
	desktop->exit_reason[0] = '\0';
	loop_child_free(desktop->process);
	desktop->process = NULL;
	if (loop_child_new(desktop->host->loop, pid, on_process_end, desktop, &desktop->process) == 0)
		return;
	explain_exit(desktop);
	desktop_event(desktop, VM_EV_EXITED);
}

/* --- QMP --- */

static void on_state_loaded(void *arg, const json_t *result, const struct error *err)
{
	struct desktop *desktop = arg;

	if (result || err->code == ECANCELED)
		return;
	desktop_set_reason(desktop, "wake up the clone: %.180s", err->text);
	desktop_event(desktop, VM_EV_FAILED);
}

/* An agent that ended between start and order left one that will never wake up. */
static void on_status(void *arg, const json_t *result, const struct error *err)
{
	const char *status = json_string_value(json_object_get(result, "status"));
	struct desktop *desktop = arg;

	if (status)
		desktop_found_status(desktop, status);
	if (!status || strcmp(status, "inmigrate") != 0 || desktop->resumed)
		return;
	log_info("desktop_cut_off", kv_str("desktop", desktop->spec.id));
	desktop_event(desktop, VM_EV_CUT_OFF);
}

static void wake_up(struct desktop *desktop)
{
	int rc;

	if (desktop->waking)
		rc = qmp_load_state(desktop->qmp, VM_STATE_SET, on_state_loaded, desktop);
	else
		rc = qmp_execute(desktop->qmp, "query-status", NULL, on_status, desktop);
	desktop->waking = false;
	if (rc < 0)
		log_warn("qemu_does_not_read", kv_str("desktop", desktop->spec.id));
}

static void watch_overlay(struct desktop *desktop)
{
	if (desktop->host->synced)
		desktop_want_overlay(desktop, desktop->pause.max_bytes);
}

static void on_qmp_ready(void *arg)
{
	struct desktop *desktop = arg;

	desktop->qmp_ready = true;
	desktop->times.qmp_ms = clock_monotonic_ms();
	wake_up(desktop);
	desktop_connect(desktop);	/* the guest's daemon comes next */
	watch_overlay(desktop);
	desktop_restart_if_due(desktop);
	desktop_event(desktop, VM_EV_QMP_READY);
}

static void on_load_failed(struct desktop *desktop)
{
	desktop_set_reason(desktop, "QEMU could not load its template's state");
	desktop_event(desktop, VM_EV_FAILED);
}

static void on_reset(struct desktop *desktop, bool by_itself)
{
	desktop->resumed = false;
	desktop_guest_rebooted(desktop, by_itself);
}

/* A clone that wakes up, or a desktop that goes on after a pause. */
static void on_resume(struct desktop *desktop)
{
	desktop->times.resumed_ms = clock_monotonic_ms();
	desktop_resumed_from_pause(desktop);
}

static void on_qmp_event(void *arg, const char *name, const json_t *data)
{
	struct desktop *desktop = arg;
	const char *reason = json_string_value(json_object_get(data, "reason"));
	const char *status = json_string_value(json_object_get(data, "status"));

	if (strcmp(name, "SHUTDOWN") == 0)
		snprintf(desktop->exit_reason, sizeof(desktop->exit_reason), "%.60s",
			 reason ? reason : "shutdown");
	else if (strcmp(name, "MIGRATION") == 0 && status && strcmp(status, "failed") == 0)
		on_load_failed(desktop);
	else if (strcmp(name, "RESUME") == 0)
		on_resume(desktop);
	else if (strcmp(name, "DEVICE_DELETED") == 0)
		desktop_home_device_deleted(desktop, json_string_value(
							     json_object_get(data, "device")));
	else if (strcmp(name, "RESET") == 0)
		on_reset(desktop, json_is_true(json_object_get(data, "guest")));
	else if (strcmp(name, "BLOCK_IO_ERROR") == 0)
		desktop_disk_error(desktop, data);
	else if (strcmp(name, "BLOCK_WRITE_THRESHOLD") == 0)
		desktop_overlay_grew(desktop, data);
	else if (strcmp(name, "GUEST_PANICKED") == 0 || strcmp(name, "WATCHDOG") == 0)
		log_warn("desktop_guest_trouble", kv_str("desktop", desktop->spec.id),
			 kv_str("what", name));
}

static void on_qmp_closed(void *arg, const struct error *reason)
{
	struct desktop *desktop = arg;

	log_debug("qmp_closed", kv_str("desktop", desktop->spec.id), kv_error(reason));
	qmp_free(desktop->qmp);
	desktop->qmp = NULL;
	desktop->qmp_ready = false;
	again_soon(desktop);
}

/* --- the guest's daemon --- */

/* A clone's guest greets before it reads what it was told; only a reboot makes that void. */
static void on_guest_ready(void *arg)
{
	struct desktop *desktop = arg;

	if (!desktop->resumed || desktop->state != VM_IDENTITY)
		desktop_event(desktop, VM_EV_GUEST_READY);
}

static void on_guest_reachable(void *arg)
{
	desktop_guest_reachable(arg);
}

static void on_guest_identified(void *arg, const struct guest_message *message)
{
	desktop_guest_identified(arg, message);
}

static void on_guest_home(void *arg, const struct guest_message *answer)
{
	desktop_home_answer(arg, answer);
}

static void on_guest_released(void *arg, const struct guest_message *answer)
{
	desktop_home_released(arg, answer);
}

static void on_guest_user(void *arg, const struct guest_message *message)
{
	desktop_take_user(arg, message);
}

static void on_guest_inspected(void *arg, struct span line)
{
	desktop_inspected(arg, line);
}

static void on_guest_ordered(void *arg, const struct guest_message *answer)
{
	desktop_orders_answered(arg, answer);
}

static void on_guest_closed(void *arg, const struct error *reason)
{
	struct desktop *desktop = arg;

	log_debug("guest_link_closed", kv_str("desktop", desktop->spec.id), kv_error(reason));
	guest_link_free(desktop->guest);
	desktop->guest = NULL;
	desktop_inspect_failed(desktop, "the guest's daemon went away");
	desktop_orders_interrupted(desktop);
	again_soon(desktop);
}

/* --- all of them --- */

static const struct qmp_handler qmp_handler = { on_qmp_ready, on_qmp_event, on_qmp_closed };

void desktop_wake_standby(struct desktop *desktop, struct qmp *qmp)
{
	qmp_hand_over(qmp, &qmp_handler, desktop);
	desktop->qmp = qmp;
	desktop->qmp_ready = true;
	desktop->resumed = true;
	desktop->times.qmp_ms = clock_monotonic_ms();
	if (qmp_execute(qmp, "cont", NULL, NULL, NULL) < 0)
		log_warn("qemu_does_not_read", kv_str("desktop", desktop->spec.id));
	watch_overlay(desktop);
}

static int connect_qmp(struct desktop *desktop, struct error *err)
{
	if (desktop->qmp)
		return 0;
	return qmp_open(desktop->host->loop, path_of(desktop, DESKTOP_QMP).text, &qmp_handler, desktop,
			&desktop->qmp, err);
}

static int connect_serial(struct desktop *desktop, struct error *err)
{
	if (desktop->serial)
		return 0;
	return serial_log_open(desktop->host->loop, path_of(desktop, DESKTOP_SERIAL).text,
			       path_of(desktop, DESKTOP_SERIAL_LOG).text, &desktop->serial, err);
}

/* A clone's guest needs no question whether it is there. */
static int greet(struct desktop *desktop)
{
	if (!desktop->resumed || desktop->state == VM_READY)
		return guest_link_ping(desktop->guest);
	if (desktop->state == VM_IDENTITY)
		desktop_send_identity(desktop);
	else
		desktop_event(desktop, VM_EV_RESUMED);
	return 0;
}

static int connect_guest(struct desktop *desktop, struct error *err)
{
	static const struct guest_link_handler handler = {
		.ready = on_guest_ready, .reachable = on_guest_reachable,
		.identified = on_guest_identified, .home = on_guest_home,
		.released = on_guest_released, .inspected = on_guest_inspected,
		.user = on_guest_user, .ordered = on_guest_ordered, .closed = on_guest_closed,
	};

	if (desktop->guest || (!desktop->qmp_ready && !desktop->resumed))
		return 0;
	int rc = guest_link_open(desktop->host->loop, path_of(desktop, DESKTOP_GUEST).text,
				 &handler, desktop, &desktop->guest, err);

	return rc < 0 ? rc : greet(desktop);
}

void desktop_connect(struct desktop *desktop)
{
	struct error err;

	if (!desktop->process)
		return;
	/* The guest first: all of these sockets listen before QEMU does anything. */
	if (connect_guest(desktop, &err) == 0 && connect_qmp(desktop, &err) == 0 &&
	    connect_serial(desktop, &err) == 0)
		return;
	log_debug("connect_refused", kv_str("desktop", desktop->spec.id), kv_error(&err));
	again_soon(desktop);
}

void desktop_disconnect(struct desktop *desktop)
{
	loop_timer_stop(desktop->reconnect);
	loop_child_free(desktop->process);
	desktop->process = NULL;
	qmp_free(desktop->qmp);
	desktop->qmp = NULL;
	desktop->qmp_ready = false;
	guest_link_free(desktop->guest);
	desktop->guest = NULL;
	desktop_orders_interrupted(desktop);
	serial_log_free(desktop->serial);
	desktop->serial = NULL;
}
