/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/data/json.h"
#include "common/sys/file.h"
#include "hostagent/spec_file.h"

enum { FILE_LIMIT = 8192 };

int spec_file_write(const struct hostagent_config *config, const struct spec_note *note,
		    struct error *err)
{
	const struct vm_spec *spec = &note->spec;
	char address[VM_ADDRESS_SIZE];
	OWNED(buf_done) struct buf text = { 0 };

	vm_address_text(spec->address, address);
	OWNED(json_decref) json_t *object = json_pack(
		"{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:I, s:I, s:s, s:b, s:s, s:s, s:b, s:s}", "id", spec->id,
		"name", spec->name, "epoch", (json_int_t)spec->epoch, "incarnation",
		(json_int_t)spec->incarnation, "logoffs", (json_int_t)note->logoffs, "resets",
		(json_int_t)note->resets, "guest_logoffs", (json_int_t)note->guest_logoffs,
		"guest_boot", note->guest_boot,
		"image_sha256", spec->image_sha256, "cpus",
		(json_int_t)spec->cpus, "memory_bytes", (json_int_t)spec->memory_bytes, "address",
		address, "ready", note->ready, "rdp_certificate_sha256",
		note->rdp_certificate_sha256, "template", spec->template_id, "standby",
		note->standby, "deed", note->deed);

	json_write(object, &text);
	buf_put_u8(&text, '\n');
	return file_write(desktop_path(config, spec->id, DESKTOP_SPEC).text, buf_span(&text), 0600,
			  err);
}

static int parse(const struct hostagent_config *config, const json_t *object,
		 struct spec_note *note, struct error *err)
{
	struct vm_spec *spec = &note->spec;
	char address[VM_ADDRESS_SIZE];
	int64_t cpus;
	int rc;

	if ((rc = json_get_text(object, "id", spec->id, sizeof(spec->id), err)) < 0 ||
	    (rc = json_get_text(object, "name", spec->name, sizeof(spec->name), err)) < 0 ||
	    (rc = json_get_int(object, "epoch", 0, INT64_MAX, &spec->epoch, err)) < 0 ||
	    (rc = json_get_int_or(object, "incarnation", 0, 0, INT64_MAX, &spec->incarnation,
				  err)) < 0 ||
	    (rc = json_get_int_or(object, "logoffs", 0, 0, INT64_MAX, &note->logoffs, err)) < 0 ||
	    (rc = json_get_int_or(object, "resets", 0, 0, INT64_MAX, &note->resets, err)) < 0 ||
	    (rc = json_get_int_or(object, "guest_logoffs", 0, 0, INT64_MAX, &note->guest_logoffs,
				  err)) < 0 ||
	    (rc = json_get_text_or(object, "guest_boot", "", note->guest_boot,
				   sizeof(note->guest_boot), err)) < 0 ||
	    (rc = json_get_text(object, "image_sha256", spec->image_sha256,
				sizeof(spec->image_sha256), err)) < 0 ||
	    (rc = json_get_int(object, "cpus", 1, VM_CPUS_MAX, &cpus, err)) < 0 ||
	    (rc = json_get_int(object, "memory_bytes", VM_MEMORY_MIN, VM_MEMORY_MAX,
			       &spec->memory_bytes, err)) < 0 ||
	    (rc = json_get_text(object, "address", address, sizeof(address), err)) < 0 ||
	    (rc = json_get_bool_or(object, "ready", false, &note->ready, err)) < 0 ||
	    (rc = json_get_bool_or(object, "standby", false, &note->standby, err)) < 0 ||
	    (rc = json_get_text_or(object, "rdp_certificate_sha256", "",
				   note->rdp_certificate_sha256,
				   sizeof(note->rdp_certificate_sha256), err)) < 0 ||
	    (rc = json_get_text_or(object, "deed", "", note->deed, sizeof(note->deed), err)) < 0 ||
	    (rc = json_get_text_or(object, "template", "", spec->template_id,
				   sizeof(spec->template_id), err)) < 0)
		return rc;
	if (spec->template_id[0] && !vm_id_valid(spec->template_id))
		return error_set(err, EINVAL, "template: not an id");
	spec->cpus = (unsigned)cpus;
	if (vm_address_parse(address, &spec->address) < 0 ||
	    !vm_subnet_has(&config->subnet, spec->address))
		return error_set(err, EINVAL, "address: not in the bridge's subnet");
	return vm_spec_check(spec, err);
}

int spec_file_read(const struct hostagent_config *config, const char *id, struct spec_note *out,
		   struct error *err)
{
	struct path path = desktop_path(config, id, DESKTOP_SPEC);
	OWNED(buf_done) struct buf text = { 0 };
	OWNED(json_decref) json_t *object = NULL;
	struct spec_note note = { 0 };
	int rc = file_read(path.text, FILE_LIMIT, &text, err);

	if (rc < 0)
		return rc;
	if ((rc = json_object_parse(buf_span(&text), &object, err)) < 0 ||
	    (rc = parse(config, object, &note, err)) < 0)
		return error_prefix(err, "%s", path.text);
	if (strcmp(note.spec.id, id) != 0)
		return error_set(err, EINVAL, "%s: it is another desktop's", path.text);
	*out = note;
	return 0;
}

static bool is_in(const char *folder, const char *id)
{
	struct path path;

	snprintf(path.text, sizeof(path.text), "%.3000s/%.16s", folder, id);
	return folder[0] && access(path.text, F_OK) == 0;
}

static void each_in(const char *folder, const char *unless_in, const char *nor_in,
		    spec_each_fn *fn, void *arg)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (vm_id_valid(entry->d_name) && !is_in(unless_in, entry->d_name) &&
		    !is_in(nor_in, entry->d_name))
			fn(arg, entry->d_name);
	if (dir)
		closedir(dir);
}

void spec_each_id(const struct hostagent_config *config, spec_each_fn *fn, void *arg)
{
	struct path kept = host_path(config, HOST_DESKTOPS);
	struct path running = host_path(config, HOST_RUN_DESKTOPS);

	struct path templates = host_path(config, HOST_TEMPLATES);

	each_in(kept.text, "", "", fn, arg);
	each_in(running.text, kept.text, templates.text, fn, arg);
}

static int folder_check(const char *folder, struct error *err)
{
	DIR *dir = opendir(folder);

	if (!dir && errno != ENOENT)
		return error_errno(err, "%s", folder);
	if (dir)
		closedir(dir);
	return 0;
}

struct check {
	const struct hostagent_config *config;
	struct error *err;
	int rc;	/* of the first that cannot be read */
};

static void check_one(void *arg, const char *id)
{
	struct check *check = arg;
	OWNED(buf_done) struct buf text = { 0 };
	struct error err;
	int rc = file_read(desktop_path(check->config, id, DESKTOP_SPEC).text, FILE_LIMIT, &text,
			   &err);

	if (check->rc < 0 || rc >= 0 || rc == -ENOENT || rc == -EFBIG)
		return;
	check->rc = error_set(check->err, -rc, "desktop %s: %s", id, err.text);
}

int spec_check_readable(const struct hostagent_config *config, struct error *err)
{
	struct check check = { .config = config, .err = err };
	int rc = folder_check(host_path(config, HOST_DESKTOPS).text, err);

	if (rc == 0)
		rc = folder_check(host_path(config, HOST_RUN_DESKTOPS).text, err);
	if (rc < 0)
		return rc;
	spec_each_id(config, check_one, &check);
	return check.rc;
}

void template_each_id(const struct hostagent_config *config, spec_each_fn *fn, void *arg)
{
	each_in(host_path(config, HOST_TEMPLATES).text, "", "", fn, arg);
}
