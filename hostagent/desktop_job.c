/* SPDX-License-Identifier: Apache-2.0 */
/* Blocking work for one desktop. Jobs of the host's queue run one after the other, in order. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/sys/clock.h"
#include "common/sys/fault.h"
#include "common/sys/file.h"
#include "common/sys/log.h"
#include "hostagent/desktop_parts.h"
#include "hostagent/image/image.h"
#include "hostagent/images.h"
#include "hostagent/memory.h"
#include "hostagent/rdp_check.h"
#include "hostagent/spec_file.h"
#include "hostagent/templates.h"
#include "hostagent/weigh.h"

enum { RDP_CHECK_MS = 15000 };

struct job {
	struct desktop_host *host;
	struct spec_note note;		/* copies: the desktop may be gone when the job ends */
	unsigned attempt;
	enum vm_event done, failed;	/* VM_EVENTS: say nothing */
	int (*work)(struct job *job, struct error *err);
	bool clone;			/* forked, not booted */
	char template_id[VM_ID_SIZE];	/* that it can be forked from */
	char machine[VM_ID_SIZE];	/* that stood by and becomes the desktop's */
	struct desktop_check check;
	pid_t pid;
	int result;
	struct error err;
};

static void run_job(void *arg)
{
	struct job *job = arg;

	job->result = job->work(job, &job->err);
}

static void spawned(struct desktop *desktop, const struct job *job)
{
	desktop->times.spawned_ms = clock_monotonic_ms();
	desktop->waking = job->clone && !desktop->stood_by;
	desktop->guest_boot[0] = '\0';
	desktop_watch(desktop, job->pid);
}

static void cloned(struct desktop *desktop, const struct job *job)
{
	desktop->resumed = job->clone;
	memcpy(desktop->spec.template_id, job->note.spec.template_id, VM_ID_SIZE);
}

static int check_image(struct job *job, struct error *err)
{
	return image_verify(job->host->config, job->note.spec.image_sha256, err);
}

/* An image that is not here says nothing about the image. */
static enum vm_event without_image(struct desktop *desktop)
{
	if (images_coming(desktop->host->images, desktop->spec.image_sha256)) {
		desktop_set_reason(desktop, "waits for its image");
		return VM_EV_IMAGE_COMING;
	}
	desktop->blameless = true;
	return VM_EV_FAILED;
}

static void finish(struct job *job, struct desktop *desktop)
{
	enum vm_event event = job->result < 0 ? job->failed : job->done;

	if (job->result == -ENOENT && job->work == check_image)
		event = without_image(desktop);
	if (job->result < 0 && event != VM_EVENTS && event != VM_EV_IMAGE_COMING)
		desktop_set_reason(desktop, "%.250s", job->err.text);
	else if (event == VM_EV_SPAWNED && desktop->state == VM_STARTING)
		spawned(desktop, job);
	else if (event == VM_EV_CLONED)
		cloned(desktop, job);
	/* Watching a process that is gone already has told so, and may have ended the desktop. */
	desktop = desktop_find(job->host, job->note.spec.id);
	if (desktop && event == VM_EV_IMAGE_READY)
		desktop_turn_ask(desktop);
	else if (desktop && event != VM_EVENTS)
		desktop_event(desktop, event);
	else if (desktop && job->check.sha256[0])
		desktop_rdp_checked(desktop, &job->check);
}

static void job_done(void *arg, int status)
{
	struct job *job = arg;
	struct desktop *desktop;

	if (status < 0)
		job->result = job->check.result =
			error_set(&job->err, -status, "the host's queue of work is full");
	if (job->result < 0 && status != -ECANCELED &&
	    !(job->result == -ENOENT && job->work == check_image))
		log_warn("desktop_job_failed", kv_str("desktop", job->note.spec.id),
			 kv_error(&job->err));
	if (job->result < 0 && status != -ECANCELED && job->machine[0])
		standby_discard(job->host, job->machine);
	desktop = status == -ECANCELED ? NULL : desktop_find(job->host, job->note.spec.id);
	if (desktop && desktop->attempt == job->attempt)
		finish(job, desktop);
	free(job);
}

static void refuse(void *arg)
{
	job_done(arg, -EAGAIN);
}

static void already_spawned(void *arg)
{
	job_done(arg, 0);
}

static struct job *job_new(struct desktop *desktop, int (*work)(struct job *job, struct error *err),
			   enum vm_event done, enum vm_event failed)
{
	struct job *job = xnew(struct job);

	job->host = desktop->host;
	job->note.spec = desktop->spec;
	job->note.ready = desktop->state == VM_READY;
	job->note.logoffs = desktop->logoffs;
	job->note.resets = desktop->resets;
	memcpy(job->note.deed, desktop->deed, sizeof(job->note.deed));
	job->note.guest_logoffs = desktop->guest_logoffs;
	memcpy(job->note.guest_boot, desktop->guest_boot, sizeof(job->note.guest_boot));
	memcpy(job->note.rdp_certificate_sha256, desktop->rdp_certificate_sha256, VM_SHA256_SIZE);
	job->attempt = desktop->attempt;
	job->work = work;
	job->done = done;
	job->failed = failed;
	job->clone = desktop->resumed;
	if (!templates_for(desktop->host->templates, &desktop->spec, job->template_id))
		job->template_id[0] = '\0';
	return job;
}

static void submit_job(struct desktop *desktop, struct work *queue, struct job *job)
{
	if (work_submit(queue, 0, run_job, job_done, job) < 0)
		loop_post(desktop->host->loop, refuse, job);	/* not inside the caller */
}

static void submit(struct desktop *desktop, struct work *queue,
		   int (*work)(struct job *job, struct error *err), enum vm_event done,
		   enum vm_event failed)
{
	submit_job(desktop, queue, job_new(desktop, work, done, failed));
}

void desktop_job_check_image(struct desktop *desktop)
{
	submit(desktop, desktop->host->image_jobs, check_image, VM_EV_IMAGE_READY, VM_EV_FAILED);
}

static int save(struct job *job, struct error *err)
{
	return spec_file_write(job->host->config, &job->note, err);
}

/* Only a new overlay fits the memory of its template: what a desktop has run on is booted. */
static int clone(struct job *job, struct error *err)
{
	const struct hostagent_config *config = job->host->config;
	struct vm_spec *spec = &job->note.spec;
	struct path folder = desktop_path(config, spec->id, DESKTOP_FOLDER);
	bool fresh = !overlay_exists(config, spec->id);
	int rc;

	if (fresh)
		memcpy(spec->template_id, job->template_id, VM_ID_SIZE);
	job->clone = fresh && spec->template_id[0];
	if ((rc = memory_admit(memory_free(), config->memory_reserve_bytes,
			       memory_needed(spec, job->clone), err)) < 0 ||
	    (fresh && (rc = disk_admit(disk_room(config).free_bytes, config->disk_reserve_bytes,
				       err)) < 0) ||
	    (rc = file_make_dirs(folder.text, 0700, err)) < 0)
		return rc;
	FAULT_POINT("clone_folder");
	if ((rc = save(job, err)) < 0)
		return rc;
	FAULT_POINT("clone_spec");
	rc = fresh ? overlay_create(config, spec, err) : 0;
	FAULT_POINT("clone_overlay");
	return rc;
}

/* Its overlay, folder and QEMU get the desktop's name; the guest runs already. Whatever cuts it off:
 * up to priv_take() the machine is one that stood by and is removed, after it the desktop's. */
static int become(struct job *job, struct error *err)
{
	const struct hostagent_config *config = job->host->config;
	struct path from = desktop_path(config, job->machine, DESKTOP_OVERLAY);
	struct path to = desktop_path(config, job->note.spec.id, DESKTOP_OVERLAY);
	int rc;

	if ((rc = file_make_dirs(desktop_path(config, job->note.spec.id, DESKTOP_FOLDER).text,
				 0700, err)) < 0 ||
	    (rc = save(job, err)) < 0)
		return rc;
	FAULT_POINT("standby_wanted");
	if (rename(from.text, to.text) < 0)
		return error_errno(err, "rename to %s", to.text);
	FAULT_POINT("standby_overlay_taken");
	if ((rc = priv_take(job->host->priv, &job->note.spec, job->machine, err)) < 0)
		return rc;
	FAULT_POINT("standby_taken");
	return file_remove_tree(desktop_path(config, job->machine, DESKTOP_FOLDER).text, err);
}

static int nothing(struct job *job, struct error *err)
{
	return 0;
}

/* Addresses are taken where all desktops are known: on the loop, by the one that needs it. */
int desktop_take_address(struct desktop_host *host, const char *id, uint32_t *out,
			 struct error *err)
{
	uint32_t taken[PRIV_PORTS_MAX];
	size_t count = templates_addresses(host->templates, taken, ARRAY_LEN(taken));

	LIST_EACH(it, &host->desktops) {
		const struct desktop *other = desktop_of(it);

		if (other->spec.address && count < ARRAY_LEN(taken))
			taken[count++] = other->spec.address;
	}
	return vm_address_take(&host->config->subnet, id, taken, count, out, err);
}

static int no_address(struct job *job, struct error *err)
{
	return error_set(err, ENOSPC, "no free address in the bridge's subnet");
}

static bool is_room(const struct desktop *desktop)
{
	const struct hostagent_config *config = desktop->host->config;

	return memory_admit(memory_free(), config->memory_reserve_bytes,
			    memory_needed(&desktop->spec, true), NULL) == 0 &&
	       disk_admit(disk_room(config).free_bytes, config->disk_reserve_bytes, NULL) == 0;
}

/* The guest begins to wake up while its machine gets its name. */
static bool take_standby(struct desktop *desktop)
{
	struct standby_machine machine;
	struct job *job;

	if (desktop->spec.address || overlay_exists(desktop->host->config, desktop->spec.id) ||
	    !is_room(desktop) ||
	    !templates_take_standby(desktop->host->templates, &desktop->spec, &machine))
		return false;
	desktop->spec.address = machine.address;
	desktop->pid = machine.pid;
	desktop->stood_by = true;
	memcpy(desktop->spec.template_id, machine.template_id, VM_ID_SIZE);
	desktop_wake_standby(desktop, machine.qmp);
	job = job_new(desktop, become, VM_EV_CLONED, VM_EV_FAILED);
	memcpy(job->machine, machine.id, VM_ID_SIZE);
	submit_job(desktop, desktop->host->jobs, job);
	return true;
}

void desktop_job_clone(struct desktop *desktop)
{
	if (take_standby(desktop))
		return;
	desktop->stood_by = false;
	bool placed = desktop->spec.address ||
		      desktop_take_address(desktop->host, desktop->spec.id, &desktop->spec.address,
					   NULL) == 0;

	submit(desktop, desktop->host->jobs, placed ? clone : no_address, VM_EV_CLONED,
	       VM_EV_FAILED);
}

static int spawn(struct job *job, struct error *err)
{
	int rc = priv_spawn(job->host->priv, &job->note.spec,
			    job->clone ? VM_LAUNCH_CLONE : VM_LAUNCH_BOOT, &job->pid, err);

	FAULT_POINT("spawned");
	return rc;
}

void desktop_job_spawn(struct desktop *desktop)
{
	desktop->attempt++;
	desktop->started_ms = clock_monotonic_ms();
	if (!desktop->stood_by) {
		submit(desktop, desktop->host->jobs, spawn, VM_EV_SPAWNED, VM_EV_FAILED);
		return;
	}
	struct job *job = job_new(desktop, nothing, VM_EV_SPAWNED, VM_EV_FAILED);

	job->pid = desktop->pid;
	loop_post(desktop->host->loop, already_spawned, job);	/* not inside the caller */
}

static int end(struct job *job, struct error *err)
{
	FAULT_POINT("refresh_begin");
	int rc = priv_kill(job->host->priv, job->note.spec.id, err);

	FAULT_POINT("refresh_ended");
	return rc;
}

/* When it cannot be ended the state's deadline asks again. */
void desktop_job_kill(struct desktop *desktop)
{
	submit(desktop, desktop->host->jobs, end, VM_EV_EXITED, VM_EVENTS);
}

static int clean(struct job *job, struct error *err)
{
	const struct hostagent_config *config = job->host->config;
	const char *id = job->note.spec.id;
	int rc = priv_clean(job->host->priv, &job->note.spec, err);

	FAULT_POINT("refresh_cleaned");
	if (rc < 0 || (rc = overlay_remove(config, id, err)) < 0)
		return rc;
	FAULT_POINT("refresh_overlay");
	rc = file_remove_tree(desktop_path(config, id, DESKTOP_FOLDER).text, err);
	FAULT_POINT("refresh_folder");
	return rc;
}

void desktop_job_clean(struct desktop *desktop)
{
	submit(desktop, desktop->host->jobs, clean, VM_EV_CLEANED, VM_EV_FAILED);
}

void desktop_job_save(struct desktop *desktop)
{
	submit(desktop, desktop->host->jobs, save, VM_EVENTS, VM_EVENTS);
}

/* --- asking the RDP server: what comes of it depends on more than this --- */

static int check_rdp(struct job *job, struct error *err)
{
	struct desktop_check *check = &job->check;

	FAULT_POINT("identity_told");
	check->result = rdp_check(job->note.spec.address, check->sha256, RDP_CHECK_MS,
				  &check->confirmed_ms, &check->err);
	return 0;
}

/* Ready is what answers: its port, with the certificate that the guest has or was given. */
void desktop_job_check_rdp(struct desktop *desktop)
{
	struct job *job = job_new(desktop, check_rdp, VM_EVENTS, VM_EVENTS);

	job->check.number = desktop->proof.number;
	memcpy(job->check.sha256, desktop->proof.asked_sha256, VM_SHA256_SIZE);
	submit_job(desktop, desktop->host->checks, job);
}
