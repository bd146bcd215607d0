/* SPDX-License-Identifier: Apache-2.0 */
/* Blocking work for one template, and its spec file. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/sys/fault.h"
#include "common/sys/file.h"
#include "common/sys/log.h"
#include "hostagent/child.h"
#include "hostagent/image/image.h"
#include "hostagent/template_parts.h"

enum {
	FILE_LIMIT = 8192, VERSION_MS = 10000,
	LAYOUT = 2,	/* of the machine in vm/argv.c; a template of another one is of no use */
};

struct job {
	struct templates *templates;
	struct vm_spec spec;	/* copy: the template may be gone when the job ends */
	unsigned attempt;
	int (*work)(struct job *job, struct error *err);
	enum template_event done, failed;	/* TEMPLATE_EVENTS: say nothing */
	pid_t pid;
	int result;
	struct error err;
};

static const struct hostagent_config *config_of(const struct job *job)
{
	return job->templates->host->config;
}

static void run_job(void *arg)
{
	struct job *job = arg;

	job->result = job->work(job, &job->err);
}

static void finish(struct job *job, struct template *template)
{
	enum template_event event = job->result < 0 ? job->failed : job->done;

	if (job->result < 0)
		template_set_reason(template, job->err.text);
	template->spec = job->spec;
	if (event == TEMPLATE_EV_STARTED && template->state == TEMPLATE_STARTING)
		template_watch(template, job->pid);
	if (event != TEMPLATE_EVENTS)
		template_event(template, event);
}

static void job_done(void *arg, int status)
{
	struct job *job = arg;
	struct template *template;

	if (status < 0)
		job->result = error_set(&job->err, -status, "the host's queue of work is full");
	template = status == -ECANCELED ? NULL : template_find(job->templates, job->spec.id);
	if (template && template->attempt == job->attempt)
		finish(job, template);
	free(job);
}

static void refuse(void *arg)
{
	job_done(arg, -EAGAIN);
}

static void submit(struct template *template, int (*work)(struct job *job, struct error *err),
		   enum template_event done, enum template_event failed)
{
	struct job *job = xnew(struct job);
	struct desktop_host *host = template->templates->host;

	job->templates = template->templates;
	job->spec = template->spec;
	job->attempt = template->attempt;
	job->work = work;
	job->done = done;
	job->failed = failed;
	if (work_submit(host->jobs, 0, run_job, job_done, job) < 0)
		loop_post(host->loop, refuse, job);
}

/* --- the spec file --- */

static int write_spec(const struct job *job, bool sealed, struct error *err)
{
	OWNED(buf_done) struct buf text = { 0 };
	OWNED(json_decref) json_t *object = json_pack(
		"{s:s, s:s, s:I, s:I, s:s, s:s, s:i, s:b}", "id", job->spec.id, "image_sha256",
		job->spec.image_sha256, "cpus", (json_int_t)job->spec.cpus, "memory_bytes",
		(json_int_t)job->spec.memory_bytes, "qemu", job->templates->qemu, "accel",
		vm_accel_name(job->templates->accel), "layout", LAYOUT, "sealed", sealed);

	json_write(object, &text);
	buf_put_u8(&text, '\n');
	return file_write(template_path(config_of(job), job->spec.id, TEMPLATE_FILE_SPEC).text,
			  buf_span(&text), 0600, err);
}

struct spec_note {
	char qemu[QEMU_VERSION_SIZE], accel[16];
	int64_t layout;
	bool sealed;
};

static int parse_spec(const json_t *object, struct vm_spec *spec, struct spec_note *note,
		      struct error *err)
{
	char id[VM_ID_SIZE];
	int64_t cpus;
	int rc;

	if ((rc = json_get_text(object, "id", id, sizeof(id), err)) < 0 ||
	    (rc = json_get_text(object, "image_sha256", spec->image_sha256,
				sizeof(spec->image_sha256), err)) < 0 ||
	    (rc = json_get_int(object, "cpus", 1, VM_CPUS_MAX, &cpus, err)) < 0 ||
	    (rc = json_get_int(object, "memory_bytes", VM_MEMORY_MIN, VM_MEMORY_MAX,
			       &spec->memory_bytes, err)) < 0 ||
	    (rc = json_get_text(object, "qemu", note->qemu, sizeof(note->qemu), err)) < 0 ||
	    (rc = json_get_text(object, "accel", note->accel, sizeof(note->accel), err)) < 0 ||
	    (rc = json_get_int(object, "layout", 0, INT32_MAX, &note->layout, err)) < 0 ||
	    (rc = json_get_bool_or(object, "sealed", false, &note->sealed, err)) < 0)
		return rc;
	if (strcmp(id, spec->id) != 0)
		return error_set(err, EINVAL, "it is another template's");
	spec->cpus = (unsigned)cpus;
	memcpy(spec->name, "template", sizeof("template"));
	return vm_spec_check(spec, err);
}

static int read_spec(struct job *job, struct spec_note *note, struct error *err)
{
	struct path path = template_path(config_of(job), job->spec.id, TEMPLATE_FILE_SPEC);
	OWNED(buf_done) struct buf text = { 0 };
	OWNED(json_decref) json_t *object = NULL;
	int rc = file_read(path.text, FILE_LIMIT, &text, err);

	if (rc == 0)
		rc = json_object_parse(buf_span(&text), &object, err);
	return rc < 0 ? rc : parse_spec(object, &job->spec, note, err);
}

/* --- jobs --- */

/* What is not sealed is half made; what is sealed for another machine, or has lost its memory in a
 * reboot, still has the disk that its clones lie on. */
static int look(struct job *job, struct error *err)
{
	struct spec_note note = { 0 };

	if (read_spec(job, &note, err) < 0 || !note.sealed) {
		job->done = TEMPLATE_EV_FOUND_BROKEN;
		return 0;
	}
	bool same = strcmp(note.qemu, job->templates->qemu) == 0 && note.layout == LAYOUT &&
		    strcmp(note.accel, vm_accel_name(job->templates->accel)) == 0;

	job->done = job->templates->able && same &&
				    priv_seal(job->templates->host->priv, job->spec.id, err) == 0 ?
			    TEMPLATE_EV_FOUND_READY : TEMPLATE_EV_FOUND_STALE;
	return 0;
}

void template_job_look(struct template *template)
{
	submit(template, look, TEMPLATE_EV_FOUND_BROKEN, TEMPLATE_EV_FOUND_BROKEN);
}

static int start(struct job *job, struct error *err)
{
	const struct hostagent_config *config = config_of(job);
	const char *id = job->spec.id;
	int rc;

	if ((rc = image_verify(config, job->spec.image_sha256, err)) < 0 ||
	    (rc = file_make_dirs(template_path(config, id, TEMPLATE_FILES).text, 0700, err)) < 0 ||
	    (rc = write_spec(job, false, err)) < 0 ||
	    (rc = overlay_make(config, image_path(config, job->spec.image_sha256).text,
			       template_path(config, id, TEMPLATE_FILE_DISK).text, err)) < 0)
		return rc;
	FAULT_POINT("template_disk");
	rc = priv_spawn(job->templates->host->priv, &job->spec, VM_LAUNCH_TEMPLATE, &job->pid, err);
	FAULT_POINT("template_spawned");
	return rc;
}

void template_job_start(struct template *template)
{
	template->attempt++;
	submit(template, start, TEMPLATE_EV_STARTED, TEMPLATE_EV_FAILED);
}

/* The note that it is sealed comes last: before it, a restarted agent throws all of it away. */
static int seal(struct job *job, struct error *err)
{
	const struct hostagent_config *config = config_of(job);
	struct priv *priv = job->templates->host->priv;
	struct path disk = template_path(config, job->spec.id, TEMPLATE_FILE_DISK);
	int rc;

	if ((rc = priv_kill(priv, job->spec.id, err)) < 0 ||
	    (rc = priv_clean(priv, &job->spec, err)) < 0 ||
	    (rc = priv_seal(priv, job->spec.id, err)) < 0)
		return rc;
	FAULT_POINT("template_frozen");
	if (chmod(disk.text, 0400) < 0)
		return error_errno(err, "seal %s", disk.text);
	rc = overlay_make(config, disk.text,
			  template_path(config, job->spec.id, TEMPLATE_FILE_BLANK).text, err);
	FAULT_POINT("template_blank");
	rc = rc < 0 ? rc : write_spec(job, true, err);
	FAULT_POINT("template_sealed");
	return rc;
}

void template_job_seal(struct template *template)
{
	submit(template, seal, TEMPLATE_EV_SEALED, TEMPLATE_EV_FAILED);
}

static int retire(struct job *job, struct error *err)
{
	return priv_drop(job->templates->host->priv, job->spec.id, err);
}

void template_job_retire(struct template *template)
{
	submit(template, retire, TEMPLATE_EVENTS, TEMPLATE_EV_FAILED);
}

static int drop(struct job *job, struct error *err)
{
	struct priv *priv = job->templates->host->priv;
	int rc;

	if ((rc = priv_kill(priv, job->spec.id, err)) < 0 ||
	    (rc = priv_clean(priv, &job->spec, err)) < 0 ||
	    (rc = priv_drop(priv, job->spec.id, err)) < 0)
		return rc;
	return file_remove_tree(template_path(config_of(job), job->spec.id, TEMPLATE_FILES).text,
				err);
}

void template_job_drop(struct template *template)
{
	submit(template, drop, TEMPLATE_EV_DROPPED, TEMPLATE_EV_FAILED);
}

void template_qemu_version(const struct hostagent_config *config, char out[QEMU_VERSION_SIZE])
{
	const char *const argv[] = { config->qemu, "--version", NULL };
	OWNED(buf_done) struct buf text = BUF_LIMIT(4096);
	const char *at;
	struct error err;

	out[0] = '\0';
	if (child_run(argv, (struct span){ 0 }, VERSION_MS, &text, &err) < 0) {
		log_warn("qemu_version_unknown", kv_error(&err));
		return;
	}
	at = strstr(buf_text(&text), "version ");
	if (at)
		snprintf(out, QEMU_VERSION_SIZE, "%.*s", (int)strcspn(at + 8, "\n"), at + 8);
}
