/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/sys/file.h"
#include "common/wire/qcow2.h"
#include "hostagent/image/image.h"

enum { NOTE_LIMIT = 256 };

static int header_of(const char *path, struct stat *st, struct error *err)
{
	uint8_t header[QCOW2_HEADER_LEN];
	OWNED_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, st) < 0)
		return error_errno(err, "open %s", path);
	if (!S_ISREG(st->st_mode))
		return error_set(err, EBADMSG, "%s: not a regular file", path);
	ssize_t len = pread(fd, header, sizeof(header), 0);

	if (len < 0)
		return error_errno(err, "read %s", path);
	int rc = qcow2_check_header(span_of(header, (size_t)len), err);

	return rc < 0 ? error_prefix(err, "%s", path) : 0;
}

static void note_text(const struct stat *st, char *out, size_t size)
{
	snprintf(out, size, "%lld %lld.%09ld %llu\n", (long long)st->st_size,
		 (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
		 (unsigned long long)st->st_ino);
}

static void note_path(const struct hostagent_config *config, const char *sha256, struct buf *out)
{
	buf_printf(out, "%s/%s", host_path(config, HOST_VERIFIED).text, sha256);
}

static bool noted(const char *path, const char *text)
{
	OWNED(buf_done) struct buf note = { 0 };

	return file_read(path, NOTE_LIMIT, &note, NULL) == 0 && strcmp(buf_text(&note), text) == 0;
}

int image_note(const struct hostagent_config *config, const char *sha256, int fd,
	       struct error *err)
{
	OWNED(buf_done) struct buf note = { 0 };
	char text[NOTE_LIMIT];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_errno(err, "look at an image");
	note_text(&st, text, sizeof(text));
	note_path(config, sha256, &note);
	return file_write(buf_text(&note), span_text(text), 0600, err);
}

int image_verify(const struct hostagent_config *config, const char *sha256, struct error *err)
{
	struct path path = image_path(config, sha256);
	OWNED(buf_done) struct buf note = { 0 };
	char text[NOTE_LIMIT], actual[VM_SHA256_SIZE];
	struct stat st;
	int rc = header_of(path.text, &st, err);

	if (rc < 0)
		return rc;
	note_text(&st, text, sizeof(text));
	note_path(config, sha256, &note);
	if (noted(buf_text(&note), text))
		return 0;
	rc = file_sha256(path.text, actual, err);
	if (rc < 0)
		return rc;
	if (strcmp(actual, sha256) != 0)
		return error_set(err, EBADMSG, "%s: its content has the hash %.16s...", path.text,
				 actual);
	return file_write(buf_text(&note), span_text(text), 0600, err);
}

/* Beside the note: the file was fetched by this agent, and by nobody else. */
static void mark_path(const struct hostagent_config *config, const char *sha256, struct buf *out)
{
	note_path(config, sha256, out);
	buf_put_text(out, ".fetched");
}

int image_mark_fetched(const struct hostagent_config *config, const char *sha256, struct error *err)
{
	OWNED(buf_done) struct buf mark = { 0 };

	mark_path(config, sha256, &mark);
	return file_write(buf_text(&mark), (struct span){ 0 }, 0600, err);
}

int image_remove(const struct hostagent_config *config, const char *sha256)
{
	OWNED(buf_done) struct buf note = { 0 }, mark = { 0 };

	mark_path(config, sha256, &mark);
	if (access(buf_text(&mark), F_OK) < 0)
		return -errno;
	if (unlink(image_path(config, sha256).text) < 0 && errno != ENOENT)
		return -errno;
	note_path(config, sha256, &note);
	unlink(buf_text(&note));
	unlink(buf_text(&mark));
	return 0;
}
