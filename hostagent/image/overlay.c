/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include "hostagent/child.h"
#include "hostagent/image/image.h"

enum { CREATE_MS = 20000 };

static int run_qemu_img(const struct hostagent_config *config, const char *image,
			const char *overlay, struct error *err)
{
	const char *const argv[] = { config->qemu_img, "create", "-q", "-f", "qcow2", "-F", "qcow2",
				     "-b", image, overlay, NULL };

	return child_run(argv, (struct span){ 0 }, CREATE_MS, NULL, err);
}

/* Written beside its place and moved there. */
static int take_place(struct buf *fresh, const char *overlay, struct error *err)
{
	if (rename(buf_text(fresh), overlay) < 0)
		return error_errno(err, "rename to %s", overlay);
	return 0;
}

int overlay_make(const struct hostagent_config *config, const char *backing, const char *overlay,
		 struct error *err)
{
	OWNED(buf_done) struct buf fresh = { 0 };

	buf_printf(&fresh, "%s.new", overlay);
	unlink(buf_text(&fresh));
	int rc = run_qemu_img(config, backing, buf_text(&fresh), err);

	return rc < 0 ? rc : take_place(&fresh, overlay, err);
}

/* Every overlay on a template begins with the same bytes: copying them is ten times as quick as
 * running a program that makes them. */
static int copy_blank(const char *blank, const char *overlay, struct error *err)
{
	OWNED(buf_done) struct buf fresh = { 0 };
	OWNED_FD int in = open(blank, O_RDONLY | O_CLOEXEC);
	off_t at = 0;
	struct stat st;

	if (in < 0 || fstat(in, &st) < 0)
		return error_errno(err, "open %s", blank);
	buf_printf(&fresh, "%s.new", overlay);
	unlink(buf_text(&fresh));
	OWNED_FD int out = open(buf_text(&fresh), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (out < 0)
		return error_errno(err, "make %s", buf_text(&fresh));
	while (at < st.st_size) {
		ssize_t n = sendfile(out, in, &at, (size_t)(st.st_size - at));

		if (n <= 0)
			return error_errno(err, "copy %s", blank);
	}
	return take_place(&fresh, overlay, err);
}

bool overlay_exists(const struct hostagent_config *config, const char *id)
{
	return access(desktop_path(config, id, DESKTOP_OVERLAY).text, F_OK) == 0;
}

int overlay_create(const struct hostagent_config *config, const struct vm_spec *spec,
		   struct error *err)
{
	struct path overlay = desktop_path(config, spec->id, DESKTOP_OVERLAY);

	if (spec->template_id[0])
		return copy_blank(template_path(config, spec->template_id,
						TEMPLATE_FILE_BLANK).text, overlay.text, err);
	return overlay_make(config, image_path(config, spec->image_sha256).text, overlay.text, err);
}

int overlay_remove(const struct hostagent_config *config, const char *id, struct error *err)
{
	struct path overlay = desktop_path(config, id, DESKTOP_OVERLAY);
	OWNED(buf_done) struct buf fresh = { 0 };

	buf_printf(&fresh, "%s.new", overlay.text);
	unlink(buf_text(&fresh));
	if (unlink(overlay.text) < 0 && errno != ENOENT)
		return error_errno(err, "remove %s", overlay.text);
	return 0;
}
