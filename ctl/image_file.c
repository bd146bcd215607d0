/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/image_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include "common/base/buf.h"
#include "common/base/text.h"
#include "common/wire/image_content.h"
#include "common/wire/qcow2.h"

#define BLOCK ((size_t)1 << 20)
int image_open(const char *path, int64_t *size, struct error *err)
{
	OWNED_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t header[QCOW2_HEADER_LEN];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, "open %s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, EINVAL, "%s: is not a file", path);

	ssize_t got = pread(fd, header, sizeof(header), 0);
	if (got < 0)
		return error_errno(err, "read %s", path);
	if (qcow2_check_header(span_of(header, (size_t)got), err) < 0)
		return error_prefix(err, "%s", path);	/* qemu-img convert -O qcow2 makes one */
	*size = st.st_size;
	return steal_fd(&fd);
}

/* Everything that a pass over the file needs. */
struct pass {
	const char *what;
	int in, out;	/* out < 0: only read */
	int64_t total;
	image_progress_fn *progress;
	void *arg;
};

static int write_all(int fd, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Reads `in` from its start, copies it to `out` if there is one, and hashes it. */
static int run_pass(const struct pass *p, char sha256[65], struct image_content *content,
		    struct error *err)
{
	OWNED(image_hash_free) struct image_hash *hash = image_hash_new();
	OWNED(free) uint8_t *block = xcalloc(BLOCK, 1);
	int64_t done = 0;
	ssize_t n;

	while ((n = pread(p->in, block, BLOCK, done)) != 0) {
		if (n < 0)
			return error_errno(err, "%s: read", p->what);
		image_hash_put(hash, span_of(block, (size_t)n));
		int rc = p->out < 0 ? 0 : write_all(p->out, block, (size_t)n);
		if (rc < 0)
			return error_set(err, -rc, "%s: write: %s", p->what, strerror(-rc));
		done += n;
		if (p->progress)
			p->progress(p->arg, p->what, done, p->total);
	}
	image_hash_end(hash, sha256, content);
	return 0;
}

int image_read(int fd, int64_t size_bytes, image_progress_fn *progress, void *arg, char sha256[65],
	       struct image_content *content, struct error *err)
{
	struct pass p = { "reading", fd, -1, size_bytes, progress, arg };

	return run_pass(&p, sha256, content, err);
}

/* Shared blocks if the file system can; then the hash still is of what was made. */
static int fill(struct pass *p, char sha256[65], struct error *err)
{
	if (ioctl(p->out, FICLONE, p->in) == 0) {
		p->what = "checking";
		p->in = p->out;
		p->out = -1;
	}
	return run_pass(p, sha256, NULL, err);
}

static bool present(const char *path, int64_t size)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == size;
}

static int sync_folder(const char *folder, struct error *err)
{
	OWNED_FD int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? error_errno(err, "%s: sync", folder) : 0;
}

/* Fills the temporary file, makes it durable and gives it its name. */
static int complete(struct pass *p, const char *temporary, const char *folder,
		    const char *target, const char *sha256, struct error *err)
{
	char made[65];
	int fd = p->out;
	int rc = fill(p, made, err);

	if (rc < 0)
		return rc;
	if (strcmp(made, sha256) != 0)
		return error_set(err, EIO, "%s: the file changed while it was copied", temporary);
	if (fchmod(fd, 0444) < 0 || fsync(fd) < 0 || rename(temporary, target) < 0)
		return error_errno(err, "%s", target);
	return sync_folder(folder, err);
}

static int install_copy(int in, const char *folder, const char *target, int64_t size,
			const char *sha256, image_progress_fn *progress, void *arg,
			struct error *err)
{
	OWNED(buf_done) struct buf name = BUF_LIMIT(4096);

	buf_printf(&name, "%s/.publish-XXXXXX", folder);
	OWNED(free) char *temporary = buf_steal_text(&name);
	OWNED_FD int out = mkostemp(temporary, O_CLOEXEC);
	if (out < 0)
		return error_errno(err, "%s: create a file there", folder);

	struct pass p = { "copying", in, out, size, progress, arg };
	int rc = complete(&p, temporary, folder, target, sha256, err);
	if (rc < 0)
		unlink(temporary);
	return rc;
}

int image_install(const char *path, const char *folder, image_progress_fn *progress, void *arg,
		  struct image_file *out, struct error *err)
{
	OWNED(buf_done) struct buf target = BUF_LIMIT(4096);
	struct image_file image = { 0 };
	OWNED_FD int in = image_open(path, &image.size_bytes, err);
	int rc = in;

	if (rc < 0)
		return rc;
	if ((rc = image_read(in, image.size_bytes, progress, arg, image.sha256, &image.content,
			     err)) < 0)
		return rc;
	buf_printf(&target, "%s/%s.qcow2", folder, image.sha256);
	image.copied = !present(buf_text(&target), image.size_bytes);
	if (image.copied &&
	    (rc = install_copy(in, folder, buf_text(&target), image.size_bytes, image.sha256,
			       progress, arg, err)) < 0) {
		image_content_done(&image.content);
		return rc;
	}
	*out = image;
	return 0;
}
