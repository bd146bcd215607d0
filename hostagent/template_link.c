/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets and the process of a template that is being made. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "common/sys/log.h"
#include "hostagent/qemu_log.h"
#include "hostagent/template_parts.h"

enum { RECONNECT_MS = 100 };

static struct path path_of(const struct template *template, enum desktop_file file)
{
	return desktop_path(template->templates->host->config, template->spec.id, file);
}

static void PRINTF_LIKE(2, 3) fail(struct template *template, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	template_set_reason(template, text);
	template_event(template, TEMPLATE_EV_FAILED);
}

static void on_process_end(void *arg, pid_t pid, int status)
{
	struct template *template = arg;
	char line[181], text[256];

	qemu_last_words(path_of(template, DESKTOP_QEMU_LOG).text, line, sizeof(line));
	snprintf(text, sizeof(text), "QEMU ended unexpectedly%s%s", *line ? ": " : "", line);
	template_set_reason(template, text);
	template_event(template, TEMPLATE_EV_EXITED);
}

void template_watch(struct template *template, pid_t pid)
{
	template->pid = pid;
	loop_child_free(template->process);
	template->process = NULL;
	if (loop_child_new(template->templates->host->loop, pid, on_process_end, template,
			   &template->process) < 0)
		on_process_end(template, pid, 0);
}

/* --- QMP --- */

static void on_qmp_ready(void *arg)
{
	struct template *template = arg;

	template->qmp_ready = true;
	template_connect(template);
}

static void on_qmp_event(void *arg, const char *name, const json_t *data)
{
	struct template *template = arg;
	const char *status = json_string_value(json_object_get(data, "status"));

	if (strcmp(name, "MIGRATION") != 0 || !status)
		return;
	if (strcmp(status, "completed") == 0)
		template_event(template, TEMPLATE_EV_SAVED);
	else if (strcmp(status, "failed") == 0)
		fail(template, "QEMU could not save the state of its devices");
}

static void on_qmp_closed(void *arg, const struct error *reason)
{
	struct template *template = arg;

	qmp_free(template->qmp);
	template->qmp = NULL;
	template->qmp_ready = false;
	loop_timer_start(template->reconnect, RECONNECT_MS);
}

static void on_save_begun(void *arg, const json_t *result, const struct error *err)
{
	if (!result && err->code != ECANCELED)
		fail(arg, "save the state of its devices: %.180s", err->text);
}

void template_save(struct template *template)
{
	if (!template->qmp ||
	    qmp_save_state(template->qmp, VM_STATE_SET, on_save_begun, template) < 0)
		fail(template, "QEMU does not listen");
}

/* --- the guest's daemon --- */

static void on_guest_ready(void *arg)
{
	template_event(arg, TEMPLATE_EV_GUEST_READY);
}

static void on_guest_identified(void *arg, const struct guest_message *answer)
{
}

static void on_guest_user(void *arg, const struct guest_message *event)
{
	if (event->kind == GUEST_EVENT_SESSIONS && !event->text[0] && event->id == 0)
		return;		/* nobody is logged on, nobody ever was */
	fail(arg, "somebody logged in to it");
}

static void on_guest_frozen(void *arg, const struct guest_message *answer)
{
	if (answer->ok)
		template_event(arg, TEMPLATE_EV_FROZEN);
	else
		fail(arg, "the guest cannot be frozen: %.180s", answer->text);
}

static void on_guest_closed(void *arg, const struct error *reason)
{
	struct template *template = arg;

	guest_link_free(template->guest);
	template->guest = NULL;
	loop_timer_start(template->reconnect, RECONNECT_MS);
}

void template_freeze(struct template *template)
{
	if (!template->guest || guest_link_freeze(template->guest) < 0)
		fail(template, "the guest does not listen");
}

/* --- all of them --- */

static int connect_all(struct template *template, struct error *err)
{
	static const struct qmp_handler qmp_handler = { on_qmp_ready, on_qmp_event, on_qmp_closed };
	static const struct guest_link_handler guest_handler = {
		.ready = on_guest_ready, .identified = on_guest_identified,
		.frozen = on_guest_frozen, .user = on_guest_user, .closed = on_guest_closed,
	};
	struct loop *loop = template->templates->host->loop;
	int rc;

	if (!template->qmp)
		return qmp_open(loop, path_of(template, DESKTOP_QMP).text, &qmp_handler, template,
				&template->qmp, err);
	if (!template->qmp_ready || template->guest)
		return 0;
	rc = guest_link_open(loop, path_of(template, DESKTOP_GUEST).text, &guest_handler, template,
			     &template->guest, err);
	return rc < 0 ? rc : guest_link_ping(template->guest);
}

void template_connect(struct template *template)
{
	struct error err;

	if (template->process && connect_all(template, &err) < 0)
		loop_timer_start(template->reconnect, RECONNECT_MS);
}

void template_disconnect(struct template *template)
{
	loop_timer_stop(template->reconnect);
	loop_child_free(template->process);
	template->process = NULL;
	qmp_free(template->qmp);
	template->qmp = NULL;
	template->qmp_ready = false;
	guest_link_free(template->guest);
	template->guest = NULL;
}
