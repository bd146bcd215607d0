/* SPDX-License-Identifier: Apache-2.0 */
/* The machine that stands by for the next desktop of a template.
 *
 * Theory. A third of the time that a clone takes goes into starting an emulator and loading a
 * state, which are the same for every clone. Most of the rest is code that runs for the first time
 * in its process: TCG translates it, and under any accelerator pages are mapped and copied.
 *
 * One such machine is made ahead while the host rests: it has the template's memory and devices, an
 * overlay, an address and a port that is not connected. Its guest is woken up, rehearses what an
 * identity will take (guest/freeze_io.h) and is stopped again; nobody's name is in it. The next
 * desktop of the kind takes it over and it is replaced once that desktop is ready.
 *
 * On disk it looks like a desktop of its own id whose spec file says that it stands by. An agent
 * that finds one removes it as it removes any desktop that nobody wants, and so do we. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/fault.h"
#include "common/sys/file.h"
#include "common/sys/log.h"
#include "hostagent/desktop_parts.h"
#include "hostagent/image/image.h"
#include "hostagent/memory.h"
#include "hostagent/spec_file.h"
#include "hostagent/template_parts.h"

enum { END_MS = 1000, REHEARSE_MS = 30000 };

/* --- making it --- */

struct job {
	struct templates *templates;
	char template_id[VM_ID_SIZE];
	struct spec_note note;
	pid_t pid;
	int64_t pss_bytes;
	int result;
	struct error err;
};

static void run_make(void *arg)
{
	struct job *job = arg;
	struct desktop_host *host = job->templates->host;
	const struct vm_spec *spec = &job->note.spec;
	struct error *err = &job->err;
	int rc = file_make_dirs(desktop_path(host->config, spec->id, DESKTOP_FOLDER).text, 0700,
				err);

	if (rc == 0)
		rc = spec_file_write(host->config, &job->note, err);
	FAULT_POINT("standby_spec");
	if (rc == 0)
		rc = overlay_create(host->config, spec, err);
	FAULT_POINT("standby_overlay");
	if (rc == 0)
		rc = priv_spawn(host->priv, spec, VM_LAUNCH_STANDBY, &job->pid, err);
	FAULT_POINT("standby_spawned");
	job->result = rc;
}

static void fail(struct standby *standby, const char *why)
{
	struct template *template = standby->template;

	log_warn("standby_failed", kv_str("template", template->spec.id), kv_str("reason", why));
	standby->failures++;
	standby_drop(standby);
	standby->resting = true;
	loop_timer_start(standby->retry, template_retry_ms(standby->failures));
}

static void on_process_end(void *arg, pid_t pid, int status)
{
	fail(arg, "its QEMU has ended");
}

/* --- loading the template's state --- */

static void run_weigh(void *arg)
{
	struct job *job = arg;
	int64_t templates_bytes;

	job->result = priv_weigh(job->templates->host->priv, job->note.spec.id, &job->pss_bytes,
				 &templates_bytes, &job->err);
}

static void weighed(void *arg, int status)
{
	struct job *job = arg;
	struct template *template =
		status < 0 ? NULL : template_find(job->templates, job->template_id);

	if (template && job->result == 0 &&
	    strcmp(template->standby.spec.id, job->note.spec.id) == 0)
		template->standby.pss_bytes = job->pss_bytes;
	free(job);
}

static struct job *job_new(const struct standby *standby)
{
	struct job *job = xnew(struct job);

	job->templates = standby->template->templates;
	memcpy(job->template_id, standby->template->spec.id, VM_ID_SIZE);
	job->note.spec = standby->spec;
	job->note.standby = true;
	return job;
}

static void weigh(const struct standby *standby)
{
	struct job *job = job_new(standby);

	if (work_submit(job->templates->host->jobs, 0, run_weigh, weighed, job) < 0)
		free(job);
}

static void ready(struct standby *standby)
{
	standby->state = STANDBY_READY;
	standby->failures = 0;
	weigh(standby);
	log_info("standby_ready", kv_str("template", standby->template->spec.id),
		 kv_str("machine", standby->spec.id),
		 kv_int("took_ms", clock_monotonic_ms() - standby->began_ms));
}

/* --- rehearsing --- */

static void on_stopped(void *arg, const json_t *result, const struct error *err)
{
	struct standby *standby = arg;

	if (result)
		ready(standby);
	else if (err->code != ECANCELED)
		fail(standby, err->text);
}

static void hang_up(struct standby *standby)
{
	if (standby->state == STANDBY_REHEARSING)
		loop_timer_stop(standby->retry);
	guest_link_free(standby->guest);
	standby->guest = NULL;
}

/* However well it went, it is of use. */
static void rehearsed(struct standby *standby, const char *complaint)
{
	if (complaint)
		log_info("standby_unrehearsed", kv_str("machine", standby->spec.id),
			 kv_str("reason", complaint));
	hang_up(standby);
	if (qmp_execute(standby->qmp, "stop", NULL, on_stopped, standby) < 0)
		fail(standby, "QEMU does not read");
}

static void on_guest_rehearsed(void *arg, const struct guest_message *answer)
{
	rehearsed(arg, answer->ok ? NULL : answer->text);
}

static void on_guest_closed(void *arg, const struct error *reason)
{
	rehearsed(arg, reason->text);
}

static void on_guest_word(void *arg)
{
}

static void on_guest_message(void *arg, const struct guest_message *message)
{
}

static int ask_guest(struct standby *standby, struct error *err)
{
	static const struct guest_link_handler handler = {
		.ready = on_guest_word, .identified = on_guest_message,
		.rehearsed = on_guest_rehearsed, .user = on_guest_message,
		.closed = on_guest_closed,
	};
	struct desktop_host *host = standby->template->templates->host;
	struct path path = desktop_path(host->config, standby->spec.id, DESKTOP_GUEST);
	int rc = guest_link_open(host->loop, path.text, &handler, standby, &standby->guest, err);

	if (rc == 0 && desktop_rehearse_identity(host, &standby->spec, standby->guest) < 0)
		rc = error_set(err, EIO, "the guest does not read");
	return rc;
}

static void rehearse(struct standby *standby)
{
	struct error err;

	standby->state = STANDBY_REHEARSING;
	if (qmp_execute(standby->qmp, "cont", NULL, NULL, NULL) < 0) {
		fail(standby, "QEMU does not read");
		return;
	}
	FAULT_POINT("standby_rehearsing");
	loop_timer_start(standby->retry, REHEARSE_MS);
	if (ask_guest(standby, &err) < 0)
		rehearsed(standby, err.text);
}

static void check_loaded(struct standby *standby)
{
	if (standby->begun && standby->loaded)
		rehearse(standby);
}

static void on_load_begun(void *arg, const json_t *result, const struct error *err)
{
	struct standby *standby = arg;

	if (!result && err->code == ECANCELED)
		return;
	if (!result) {
		fail(standby, err->text);
		return;
	}
	standby->begun = true;
	check_loaded(standby);
}

static void on_qmp_ready(void *arg)
{
	struct standby *standby = arg;

	if (qmp_load_state(standby->qmp, VM_STATE_SET, on_load_begun, standby) < 0)
		fail(standby, "QEMU does not read");
}

static void on_qmp_event(void *arg, const char *name, const json_t *data)
{
	struct standby *standby = arg;
	const char *status = json_string_value(json_object_get(data, "status"));

	if (strcmp(name, "RESET") == 0 || strcmp(name, "BLOCK_IO_ERROR") == 0) {
		fail(standby, "its guest is not its template's any more");
		return;
	}
	if (strcmp(name, "MIGRATION") != 0 || !status)
		return;
	if (strcmp(status, "failed") == 0) {
		fail(standby, "QEMU could not load the template's state");
	} else if (strcmp(status, "completed") == 0) {
		standby->loaded = true;
		check_loaded(standby);
	}
}

static void disconnect_lines(struct standby *standby)
{
	qmp_free(standby->qmp);
	standby->qmp = NULL;
	hang_up(standby);
}

/* Its end follows, and only then its cgroup can go. */
static void on_qmp_closed(void *arg, const struct error *reason)
{
	struct standby *standby = arg;

	disconnect_lines(standby);
	standby->state = STANDBY_LOADING;
	loop_timer_start(standby->retry, END_MS);
}

static int watch(struct standby *standby, pid_t pid, struct error *err)
{
	static const struct qmp_handler handler = { on_qmp_ready, on_qmp_event, on_qmp_closed };
	struct desktop_host *host = standby->template->templates->host;

	standby->pid = pid;
	if (loop_child_new(host->loop, pid, on_process_end, standby, &standby->process) < 0)
		return error_set(err, ESRCH, "its QEMU has ended");
	return qmp_open(host->loop, desktop_path(host->config, standby->spec.id, DESKTOP_QMP).text,
			&handler, standby, &standby->qmp, err);
}

/* --- removing it --- */

/* It goes the way of a desktop that nobody wants. */
void standby_discard(struct desktop_host *host, const char *id)
{
	struct desktop *desktop;

	if (!desktop_find(host, id))
		desktop_adopt(host, id);
	desktop = desktop_find(host, id);
	if (desktop) /* not even its spec file may have been written */
		desktop_event(desktop, VM_EV_UNWANTED);
}

static void disconnect(struct standby *standby)
{
	loop_child_free(standby->process);
	standby->process = NULL;
	disconnect_lines(standby);
	standby->begun = standby->loaded = false;
}

void standby_drop(struct standby *standby)
{
	enum standby_state before = standby->state;

	disconnect(standby);
	standby->state = STANDBY_NONE;
	/* One that is being made is removed when that is done: standby_made() misses it then. */
	if (before > STANDBY_MAKING)
		standby_discard(standby->template->templates->host, standby->spec.id);
}

static void standby_made(void *arg, int status)
{
	struct job *job = arg;
	struct template *template =
		status == -ECANCELED ? NULL : template_find(job->templates, job->template_id);
	struct standby *standby = template ? &template->standby : NULL;

	if (status < 0)
		job->result = error_set(&job->err, -status, "the host's queue of work is full");
	if (standby &&
	    (standby->state != STANDBY_MAKING || strcmp(standby->spec.id, job->note.spec.id) != 0))
		standby = NULL;
	if (!standby && status != -ECANCELED)
		standby_discard(job->templates->host, job->note.spec.id);
	if (standby) {
		standby->state = STANDBY_LOADING;
		if (job->result < 0 || watch(standby, job->pid, &job->err) < 0)
			fail(standby, job->err.text);
	}
	free(job);
}

static void refuse(void *arg)
{
	standby_made(arg, -EAGAIN);
}

static int choose(struct standby *standby)
{
	const struct template *template = standby->template;
	struct vm_spec *spec = &standby->spec;
	uint8_t id[8];

	*spec = template->spec;
	random_bytes(id, sizeof(id));
	hex_encode(span_of(id, sizeof(id)), spec->id);
	memcpy(spec->name, "standby", sizeof("standby"));
	memcpy(spec->template_id, template->spec.id, VM_ID_SIZE);
	return desktop_take_address(template->templates->host, spec->id, &spec->address, NULL);
}

static bool host_rests(struct desktop_host *host)
{
	struct vm_present present;

	LIST_EACH(it, &host->desktops)
	{
		desktop_present(desktop_of(it), &present);
		if (present.state >= VM_QUEUED && present.state <= VM_IDENTITY)
			return false;
	}
	return true;
}

static void make(struct standby *standby)
{
	struct desktop_host *host = standby->template->templates->host;

	if (choose(standby) < 0)
		return; /* no address is free: it has no right to one */
	struct job *job = job_new(standby);

	standby->state = STANDBY_MAKING;
	standby->began_ms = clock_monotonic_ms();
	standby->pss_bytes = 0;
	if (work_submit(host->jobs, 0, run_make, standby_made, job) < 0)
		loop_post(host->loop, refuse, job);
}

void standby_tend(struct standby *standby)
{
	struct templates *templates = standby->template->templates;
	struct desktop_host *host = templates->host;
	int64_t reserve = host->config->memory_reserve_bytes;

	if (standby->state != STANDBY_NONE) {
		if (memory_free() < reserve)
			standby_drop(standby); /* what is left is the desktops' */
		return;
	}
	if (host->config->standby && templates->able && host->synced && !standby->resting &&
	    standby->template->state == TEMPLATE_READY && host_rests(host) &&
	    memory_admit(memory_free(), reserve, memory_needed(&standby->template->spec, true),
			 NULL) == 0)
		make(standby);
}

/* --- taking it --- */

bool templates_take_standby(struct templates *templates, const struct vm_spec *desktop,
			    struct standby_machine *out)
{
	struct template *template = template_of_kind(templates, desktop);
	struct standby *standby = template ? &template->standby : NULL;

	if (!standby || template->state != TEMPLATE_READY || standby->state != STANDBY_READY)
		return false;
	*out = (struct standby_machine){ .address = standby->spec.address,
					 .pid = standby->pid,
					 .qmp = standby->qmp };
	memcpy(out->id, standby->spec.id, VM_ID_SIZE);
	memcpy(out->template_id, template->spec.id, VM_ID_SIZE);
	standby->qmp = NULL;
	disconnect(standby);
	standby->state = STANDBY_NONE;
	return true;
}

/* --- */

static void on_retry(void *arg)
{
	struct standby *standby = arg;

	if (standby->process && !standby->qmp) {
		fail(standby, "its QEMU does not listen any more");
		return;
	}
	if (standby->state == STANDBY_REHEARSING) {
		rehearsed(standby, "it takes too long");
		return;
	}
	standby->resting = false;
	templates_tend(standby->template->templates);
}

void standby_init(struct standby *standby, struct template *template)
{
	standby->template = template;
	standby->retry = loop_timer_new(template->templates->host->loop, on_retry, standby);
}

void standby_done(struct standby *standby)
{
	disconnect(standby);
	loop_timer_free(standby->retry);
}
