/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/image/user_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "common/data/json.h"
#include "common/sys/clock.h"
#include "common/sys/file.h"
#include "common/wire/qcow2.h"
#include "hostagent/child.h"

enum {
	CREATE_MS = 20000, LOCK_LIMIT = 4096,
	/* The bytes that QEMU locks on an open image (block/file-posix.c, RAW_LOCK_*_BASE). */
	IMAGE_LOCK_FIRST = 100, IMAGE_LOCK_LEN = 200,
};

void user_disk_close(struct user_disk *disk)
{
	owned_fd_close(&disk->disk);
	owned_fd_close(&disk->lock);
	*disk = (struct user_disk){ -1, -1 };
}

static struct path path_of(const struct hostagent_config *config, const char *id, const char *kind)
{
	struct path path;

	snprintf(path.text, sizeof(path.text), "%.3000s/%.16s%s", config->user_disk_dir, id, kind);
	return path;
}

/* Whether anybody has a lock in the range; with `take` we have it then. */
static int lock_range(int fd, const char *path, bool take, off_t first, off_t len,
		      struct error *err)
{
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = first,
			       .l_len = len };

	if (fcntl(fd, take ? F_OFD_SETLK : F_OFD_GETLK, &range) < 0) {
		if (errno == EAGAIN || errno == EACCES)
			return error_set(err, EBUSY, "%s: another agent is at it", path);
		return error_errno(err, "%s: locks do not work on this storage", path);
	}
	if (!take && range.l_type != F_UNLCK)
		return error_set(err, EBUSY, "%s: another machine has it open", path);
	return 0;
}

static int take_lock(const struct path *path, int *out, struct error *err)
{
	OWNED_FD int fd = open(path->text, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_errno(err, "open %s", path->text);
	int rc = lock_range(fd, path->text, true, 0, 1, err);

	if (rc == 0)
		*out = steal_fd(&fd);
	return rc;
}

/* A file that cannot be read says nothing: then the image's own lock decides alone. */
static int check_epoch(int lock, const struct vm_home *home, struct error *err)
{
	OWNED(json_decref) json_t *owner = NULL;
	char text[LOCK_LIMIT], host[64];
	int64_t epoch = 0;
	ssize_t len = pread(lock, text, sizeof(text), 0);

	if (len <= 0 || json_object_parse(span_of(text, (size_t)len), &owner, NULL) < 0 ||
	    json_get_int(owner, "epoch", 0, INT64_MAX, &epoch, NULL) < 0 || epoch <= home->epoch)
		return 0;
	if (json_get_text_or(owner, "host", "", host, sizeof(host), NULL) < 0)
		host[0] = '\0';
	return error_set(err, ESTALE, "user disk %s: was given to host %s later (epoch %lld, not %lld)",
			 home->id, host, (long long)epoch, (long long)home->epoch);
}

static int note_owner(int lock, const struct hostagent_config *config, const struct vm_home *home,
		      const char *desktop, struct error *err)
{
	OWNED(buf_done) struct buf text = { 0 };
	OWNED(json_decref) json_t *owner = json_pack(
		"{s:I, s:s, s:s, s:s, s:I}", "epoch", (json_int_t)home->epoch, "host", config->name,
		"desktop", desktop, "user", home->user, "at_ms", (json_int_t)clock_wall_ms());

	json_write(owner, &text);
	buf_put_u8(&text, '\n');
	if (pwrite(lock, text.ptr, text.len, 0) != (ssize_t)text.len ||
	    ftruncate(lock, (off_t)text.len) < 0 || fsync(lock) < 0)
		return error_errno(err, "note the owner of user disk %s", home->id);
	return 0;
}

static int create(const struct hostagent_config *config, const struct path *path,
		  const struct vm_home *home, struct error *err)
{
	struct path fresh = path_of(config, home->id, ".new");
	char size[32];
	const char *const argv[] = { config->qemu_img, "create", "-q", "-f", "qcow2", fresh.text, size,
				     NULL };

	snprintf(size, sizeof(size), "%lld", (long long)home->size_bytes);
	unlink(fresh.text);
	int rc = child_run(argv, (struct span){ 0 }, CREATE_MS, NULL, err);

	if (rc < 0)
		return rc;
	if (chmod(fresh.text, 0600) < 0 || rename(fresh.text, path->text) < 0)
		return error_errno(err, "rename to %s", path->text);
	return 0;
}

/* The header is QEMU's, and QEMU may have been its guest's: no file but this one may be meant. */
static int check_file(int fd, const struct path *path, struct error *err)
{
	uint8_t header[QCOW2_HEADER_LEN];
	struct stat st;

	if (fstat(fd, &st) < 0 || pread(fd, header, sizeof(header), 0) != sizeof(header))
		return error_errno(err, "read %s", path->text);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid != geteuid())
		return error_set(err, EPERM, "%s: not a plain file of the agent", path->text);
	int rc = qcow2_check_header(span_of(header, sizeof(header)), err);

	return rc < 0 ? error_prefix(err, "%s", path->text) : 0;
}

static int open_disk(const struct hostagent_config *config, const struct vm_home *home, int *out,
		     struct error *err)
{
	struct path path = path_of(config, home->id, ".qcow2");
	int rc = 0;

	if (home->fresh && access(path.text, F_OK) < 0)
		rc = create(config, &path, home, err);
	if (rc < 0)
		return rc;
	OWNED_FD int fd = open(path.text, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return error_errno(err, "open %s", path.text);
	if ((rc = check_file(fd, &path, err)) < 0 ||
	    (rc = lock_range(fd, path.text, false, IMAGE_LOCK_FIRST, IMAGE_LOCK_LEN, err)) < 0)
		return rc;
	*out = steal_fd(&fd);
	return 0;
}

int user_disk_open(const struct hostagent_config *config, const struct vm_home *home,
		   const char *desktop, struct user_disk *out, struct error *err)
{
	struct user_disk disk = { -1, -1 };
	struct path lock = path_of(config, home->id, ".lock");
	int rc;

	if (!config->user_disk_dir[0])
		return error_set(err, ENODEV, "this host has no user_disk_dir");
	if ((rc = take_lock(&lock, &disk.lock, err)) < 0 ||
	    (rc = check_epoch(disk.lock, home, err)) < 0 ||
	    (rc = open_disk(config, home, &disk.disk, err)) < 0 ||
	    (rc = note_owner(disk.lock, config, home, desktop, err)) < 0) {
		user_disk_close(&disk);
		return rc;
	}
	*out = disk;
	return 0;
}

int64_t user_disk_used(const struct hostagent_config *config, const char *id)
{
	struct stat st;

	return stat(path_of(config, id, ".qcow2").text, &st) == 0 ? (int64_t)st.st_blocks * 512 : 0;
}
