/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/images/image_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include "common/base/text.h"
#include "common/sys/fault.h"
#include "common/sys/file.h"
#include "common/wire/qcow2.h"

#define BLOCK ((size_t)1 << 20)
/* Room that is left to the store, which shares the disk. */
#define RESERVE_BYTES (INT64_C(256) << 20)
#define MIB (INT64_C(1) << 20)

struct name {
	char text[4096];
};

static struct name name_of(const char *folder, const char *sha256, const char *ending)
{
	struct name name;

	snprintf(name.text, sizeof(name.text), "%s/%s%s", folder, sha256, ending);
	return name;
}

void upload_file_done(struct upload_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
	image_hash_free(STEAL(file->hash));
	image_content_done(&file->content);
}

/* Everything that the file holds, into the hash. */
static int hash_file(int fd, struct image_hash *hash, struct error *err)
{
	OWNED(free) uint8_t *block = xcalloc(1, BLOCK);
	ssize_t got;

	while ((got = pread(fd, block, BLOCK, image_hash_bytes(hash))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_errno(err, "read an image");
		image_hash_put(hash, span_of(block, (size_t)got));
	}
	return 0;
}

/* 1 when the image is there and whole, 0 when not. */
static int look_for_whole(const char *folder, struct upload_file *f, struct error *err)
{
	struct name whole = name_of(folder, f->sha256, ".qcow2");
	OWNED_FD int fd = open(whole.text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	OWNED(image_hash_free) struct image_hash *hash = image_hash_new();
	char found[65];

	if (fd < 0)
		return errno == ENOENT ? 0 : error_errno(err, "open %s", whole.text);
	int rc = hash_file(fd, hash, err);
	if (rc < 0)
		return rc;
	image_hash_end(hash, found, &f->content);
	f->complete = strcmp(found, f->sha256) == 0 && f->content.size_bytes == f->size_bytes;
	if (!f->complete) {
		image_content_done(&f->content);
		unlink(whole.text);
	}
	return f->complete;
}

static int check_room(const char *folder, int64_t missing_bytes, struct error *err)
{
	struct statvfs fs;

	if (statvfs(folder, &fs) < 0)
		return error_errno(err, "%s", folder);
	int64_t free_bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize - RESERVE_BYTES;
	if (missing_bytes > free_bytes)
		return error_set(err, ENOSPC, "%s: %lld MiB are missing to take this image", folder,
				 (long long)((missing_bytes - free_bytes + MIB - 1) / MIB));
	return 0;
}

static int open_part(const char *folder, struct upload_file *f, struct error *err)
{
	struct name part = name_of(folder, f->sha256, ".part");
	struct stat st;

	f->fd = open(part.text, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (f->fd < 0 || fstat(f->fd, &st) < 0)
		return error_errno(err, "open %s", part.text);
	if (st.st_size >= f->size_bytes) {	/* of another announcement, or damaged */
		if (ftruncate(f->fd, 0) < 0)
			return error_errno(err, "truncate %s", part.text);
		st.st_size = 0;
	}
	int rc = check_room(folder, f->size_bytes - st.st_size, err);
	if (rc < 0)
		return rc;
	f->hash = image_hash_new();
	return hash_file(f->fd, f->hash, err);
}

int upload_file_open(const char *folder, const char *sha256, int64_t size_bytes,
		     struct upload_file *out, struct error *err)
{
	struct upload_file f = { .size_bytes = size_bytes, .fd = -1 };
	int rc = str_copy(f.sha256, sizeof(f.sha256), sha256);

	if (rc == 0)
		rc = file_make_dirs(folder, 0700, err);
	if (rc == 0)
		rc = look_for_whole(folder, &f, err);
	if (rc == 0)
		rc = open_part(folder, &f, err);
	if (rc < 0) {
		upload_file_done(&f);
		return rc;
	}
	*out = f;
	return 0;
}

static int write_at(int fd, int64_t offset, struct span bytes)
{
	while (bytes.len) {
		ssize_t put = pwrite(fd, bytes.ptr, bytes.len, offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		bytes = span_of(bytes.ptr + put, bytes.len - (size_t)put);
		offset += put;
	}
	return 0;
}

/* It gets its name only when every byte is on the disk and is what was announced. */
static int complete(const char *folder, struct upload_file *f, struct error *err)
{
	struct name part = name_of(folder, f->sha256, ".part");
	struct name whole = name_of(folder, f->sha256, ".qcow2");
	OWNED_FD int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char found[65];

	image_hash_end(f->hash, found, &f->content);
	if (strcmp(found, f->sha256) != 0) {
		unlink(part.text);
		return error_set(err, EBADMSG, "the content has the hash %.16s..., not the one that "
				 "was announced; did the file change meanwhile?", found);
	}
	FAULT_POINT("publish_received");
	if (fchmod(f->fd, 0400) < 0 || fsync(f->fd) < 0)
		return error_errno(err, "sync %s", part.text);
	FAULT_POINT("publish_synced");
	if (rename(part.text, whole.text) < 0 || dir < 0 || fsync(dir) < 0)
		return error_errno(err, "rename to %s", whole.text);
	FAULT_POINT("publish_named");
	f->complete = true;
	return 0;
}

int upload_file_put(const char *folder, struct upload_file *f, int64_t offset, struct span bytes,
		    struct error *err)
{
	struct span header = span_of(bytes.ptr, bytes.len < QCOW2_HEADER_LEN ? bytes.len :
									       QCOW2_HEADER_LEN);

	if (offset != image_hash_bytes(f->hash) || (int64_t)bytes.len > f->size_bytes - offset)
		return error_set(err, ESPIPE, "the upload goes on at byte %lld",
				 (long long)image_hash_bytes(f->hash));
	if (offset == 0 && qcow2_check_header(header, err) < 0)
		return -EBADMSG;
	int rc = write_at(f->fd, offset, bytes);
	if (rc < 0)
		return error_set(err, -rc, "write an image: %s", strerror(-rc));
	image_hash_put(f->hash, bytes);
	FAULT_POINT("publish_part");
	return image_hash_bytes(f->hash) == f->size_bytes ? complete(folder, f, err) : 0;
}

int image_file_read(const char *folder, const char *sha256, int64_t offset, size_t len,
		    struct buf *out, int64_t *size_bytes, struct error *err)
{
	struct name whole = name_of(folder, sha256, ".qcow2");
	OWNED_FD int fd = open(whole.text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, "open %s", whole.text);
	if (offset >= st.st_size)
		return error_set(err, ERANGE, "%s: ends at %lld", whole.text, (long long)st.st_size);
	uint8_t *at = buf_reserve(out, len);
	ssize_t got = at ? pread(fd, at, len, offset) : -1;
	if (got < 0)
		return error_errno(err, "read %s", whole.text);
	out->len += (size_t)got;
	*size_bytes = st.st_size;
	return 0;
}

int image_files_clean(const char *folder, int64_t before_ms, struct error *err)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int count = 0;

	if (!dir)
		return errno == ENOENT ? 0 : error_errno(err, "open %s", folder);
	while ((entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');
		struct stat st;

		if (!dot || strcmp(dot, ".part") != 0 ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    (int64_t)st.st_mtim.tv_sec * 1000 >= before_ms)
			continue;
		count += unlinkat(dirfd(dir), entry->d_name, 0) == 0;
	}
	closedir(dir);
	return count;
}
