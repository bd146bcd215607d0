/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
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

int overlay_create(const struct hostagent_config *config, const struct vm_spec *spec,
		   struct error *err)
{
	struct path overlay = desktop_path(config, spec->id, DESKTOP_OVERLAY);
	struct path image = image_path(config, spec->image_sha256);
	OWNED(buf_done) struct buf fresh = { 0 };

	if (access(overlay.text, F_OK) == 0)
		return 0;
	buf_printf(&fresh, "%s.new", overlay.text);
	unlink(buf_text(&fresh));
	int rc = run_qemu_img(config, image.text, buf_text(&fresh), err);

	if (rc < 0)
		return rc;
	if (rename(buf_text(&fresh), overlay.text) < 0)
		return error_errno(err, "rename to %s", overlay.text);
	return 0;
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
