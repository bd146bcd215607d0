/* SPDX-License-Identifier: Apache-2.0 */
#include "common/sys/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>
#include "common/base/text.h"
#include "common/sys/clock.h"

static int open_input(const char *path, struct error *err)
{
	if (strcmp(path, "-") == 0)
		return dup(STDIN_FILENO);

	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? error_errno(err, "open %s", path) : fd;
}

int file_read(const char *path, size_t limit, struct buf *out, struct error *err)
{
	OWNED_FD int fd = open_input(path, err);
	size_t start = out->len;

	if (fd < 0)
		return fd;
	for (;;) {
		size_t room = limit - (out->len - start) + 1;	/* one more tells that it is longer */

		if (room > 16384)
			room = 16384;

		uint8_t *at = buf_reserve(out, room);

		if (!at)
			return error_set(err, EFBIG, "%s: too large", path);

		ssize_t got = read(fd, at, room);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_errno(err, "read %s", path);
		if (got == 0)
			return 0;
		out->len += (size_t)got;
		if (out->len - start > limit)
			return error_set(err, EFBIG, "%s: larger than %zu bytes", path, limit);
	}
}

int file_read_secret(const char *path, struct secret *out, struct error *err)
{
	struct buf content = BUF_LIMIT(SECRET_MAX + 1);
	int result = file_read(path, SECRET_MAX, &content, err);

	if (result == 0) {
		if (content.len && content.ptr[content.len - 1] == '\n')
			content.len--;
		result = secret_set(out, buf_span(&content));
	}
	if (content.ptr)
		memory_wipe(content.ptr, content.capacity);
	buf_done(&content);
	return result;
}

static int write_all(int fd, struct span content)
{
	while (content.len) {
		ssize_t put = write(fd, content.ptr, content.len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		content.ptr += put;
		content.len -= (size_t)put;
	}
	return 0;
}

static int sync_folder_of(const char *path)
{
	char folder[PATH_MAX];
	char *slash;

	if (str_copy(folder, sizeof(folder), path) < 0)
		return -ENAMETOOLONG;
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';

	OWNED_FD int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int file_write(const char *path, struct span content, mode_t mode, struct error *err)
{
	char temporary[PATH_MAX];
	uint32_t unique;

	random_bytes(&unique, sizeof(unique));
	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.new-%08x", path, unique) >=
	    sizeof(temporary))
		return error_set(err, ENAMETOOLONG, "write %s", path);

	OWNED_FD int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	if (fd < 0)
		return error_errno(err, "create %s", temporary);
	errno = 0;
	int result = write_all(fd, content);

	if (result == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(temporary, path) < 0))
		result = -errno;
	if (result == 0)
		result = sync_folder_of(path);
	if (result < 0) {
		unlink(temporary);
		errno = -result;
		return error_errno(err, "write %s", path);
	}
	return 0;
}

int file_make_dirs(const char *path, mode_t mode, struct error *err)
{
	char part[PATH_MAX];

	if (str_copy(part, sizeof(part), path) < 0)
		return error_set(err, ENAMETOOLONG, "make folder %s", path);
	for (char *at = part + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return error_errno(err, "make folder %s", part);
		*at = '/';
	}
	if (mkdir(part, mode) < 0 && errno != EEXIST)
		return error_errno(err, "make folder %s", part);
	return 0;
}

static int remove_at(int parent, const char *name)
{
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;

	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int result = 0;

	if (!folder) {
		result = -errno;
		if (fd >= 0)
			close(fd);
		return result;
	}
	while (result == 0 && (entry = readdir(folder)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			result = remove_at(dirfd(folder), entry->d_name);
	closedir(folder);
	if (result == 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0)
		result = -errno;
	return result;
}

int file_remove_tree(const char *path, struct error *err)
{
	int result = remove_at(AT_FDCWD, path);

	if (result < 0) {
		errno = -result;
		return error_errno(err, "remove %s", path);
	}
	return 0;
}

int file_sha256(const char *path, char *out, struct error *err)
{
	OWNED_FD int fd = open_input(path, err);
	OWNED(free) uint8_t *block = xcalloc(1, 1 << 18);
	EVP_MD_CTX *hash;
	uint8_t digest[32];
	ssize_t got;

	if (fd < 0)
		return fd;
	hash = EVP_MD_CTX_new();
	bool hashed = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
	while ((got = read(fd, block, 1 << 18)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			break;
		hashed = hashed && EVP_DigestUpdate(hash, block, (size_t)got);
	}
	int cause = errno;
	hashed = hashed && EVP_DigestFinal_ex(hash, digest, NULL);
	EVP_MD_CTX_free(hash);
	if (got < 0)
		return error_set(err, cause, "read %s: %s", path, strerror(cause));
	if (!hashed)
		return error_set(err, ENOMEM, "SHA-256 of %s", path);
	hex_encode(span_of(digest, sizeof(digest)), out);
	return 0;
}
