/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/account_add_io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "common/base/buf.h"
#include "common/base/text.h"
#include "common/sys/file.h"

#define FILE_MAX (4 * 1024 * 1024)
#define LINE_MAX 1024
#define DEPTH_MAX 8
#define DAY_S (24 * 60 * 60)

DEFINE_OWNED(fclose, FILE);
DEFINE_OWNED(closedir, DIR);

struct place {
	char text[512];
};

static struct place in(const char *folder, const char *name)
{
	struct place place;

	snprintf(place.text, sizeof(place.text), "%s/%s", folder, name);
	return place;
}

/* --- lines --- */

static bool has_line_of(struct span text, const char *name)
{
	size_t len = strlen(name);

	for (const uint8_t *at = text.ptr, *end = at + text.len; at && at < end;) {
		if ((size_t)(end - at) > len && memcmp(at, name, len) == 0 && at[len] == ':')
			return true;
		at = memchr(at, '\n', (size_t)(end - at));
		at += at != NULL;
	}
	return false;
}

/* In one write, so that nobody reads half of it. */
static int append(const char *path, struct span line, struct error *err)
{
	OWNED_FD int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	if (fd < 0 || write(fd, line.ptr, line.len) != (ssize_t)line.len)
		return error_errno(err, "add to %s", path);
	return 0;
}

/* Unless one of this name is there. */
static int add_line(struct place file, const char *name, const struct buf *line, struct error *err)
{
	OWNED(buf_done) struct buf text = { 0 }, out = BUF_LIMIT(LINE_MAX);
	int rc = file_read(file.text, FILE_MAX, &text, err);

	if (rc < 0 || has_line_of(buf_span(&text), name))
		return rc;
	if (text.len > 0 && text.ptr[text.len - 1] != '\n')
		buf_put_u8(&out, '\n');
	buf_put_span(&out, buf_span(line));
	if (line->failed || out.failed)
		return error_set(err, ENAMETOOLONG, "a line of %s would be too long", file.text);
	return append(file.text, buf_span(&out), err);
}

/* Its own from an earlier try does not stand in the way. */
static int check_group(const char *path, const struct new_account *a, struct error *err)
{
	OWNED(fclose) FILE *file = fopen(path, "re");
	struct group *group;

	if (!file)
		return error_errno(err, "open %s", path);
	while ((group = fgetgrent(file)))
		if ((strcmp(group->gr_name, a->name) == 0) != (group->gr_gid == a->uid))
			return error_set(err, EBUSY, "group %s, number %u: taken by %s, number %u",
					 a->name, a->uid, group->gr_name, group->gr_gid);
	return 0;
}

/* --- the home --- */

static int copy_tree(int from, int to, const struct new_account *a, int depth, struct error *err);

static int copy_file(int from, int to, const char *name, const struct stat *st,
		     const struct new_account *a, struct error *err)
{
	OWNED_FD int in_fd = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	OWNED_FD int out_fd = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (in_fd < 0 || out_fd < 0)
		return error_errno(err, "copy %s", name);
	for (off_t left = st->st_size; left > 0;) {
		ssize_t n = sendfile(out_fd, in_fd, NULL, (size_t)left);

		if (n <= 0)
			return error_errno(err, "copy %s", name);
		left -= n;
	}
	if (fchown(out_fd, a->uid, a->uid) < 0 || fchmod(out_fd, st->st_mode & 0777) < 0)
		return error_errno(err, "own %s", name);
	return 0;
}

static int copy_folder(int from, int to, const char *name, const struct stat *st,
		       const struct new_account *a, int depth, struct error *err)
{
	OWNED_FD int in_fd = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (in_fd < 0 || mkdirat(to, name, 0700) < 0)
		return error_errno(err, "copy %s", name);
	OWNED_FD int out_fd = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int rc = out_fd < 0 ? error_errno(err, "copy %s", name)
			    : copy_tree(in_fd, out_fd, a, depth + 1, err);

	if (rc == 0 &&
	    (fchown(out_fd, a->uid, a->uid) < 0 || fchmod(out_fd, st->st_mode & 0777) < 0))
		rc = error_errno(err, "own %s", name);
	return rc;
}

static int copy_link(int from, int to, const char *name, const struct new_account *a,
		     struct error *err)
{
	char target[512];
	ssize_t len = readlinkat(from, name, target, sizeof(target) - 1);

	if (len < 0)
		return error_errno(err, "copy %s", name);
	target[len] = '\0';
	if (symlinkat(target, to, name) < 0 ||
	    fchownat(to, name, a->uid, a->uid, AT_SYMLINK_NOFOLLOW) < 0)
		return error_errno(err, "copy %s", name);
	return 0;
}

static int copy_one(int from, int to, const char *name, const struct new_account *a, int depth,
		    struct error *err)
{
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_errno(err, "copy %s", name);
	if (S_ISREG(st.st_mode))
		return copy_file(from, to, name, &st, a, err);
	if (S_ISLNK(st.st_mode))
		return copy_link(from, to, name, a, err);
	return S_ISDIR(st.st_mode) ? copy_folder(from, to, name, &st, a, depth, err) : 0;
}

static int copy_tree(int from, int to, const struct new_account *a, int depth, struct error *err)
{
	int listed = depth < DEPTH_MAX ? fcntl(from, F_DUPFD_CLOEXEC, 0) : -1;
	OWNED(closedir) DIR *dir = listed < 0 ? NULL : fdopendir(listed);
	struct dirent *entry;
	int rc = 0;

	if (!dir)
		return error_set(err, ELOOP, "read a folder of the skeleton");
	while (rc == 0 && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			rc = copy_one(from, to, entry->d_name, a, depth, err);
	return rc;
}

/* Made under another name: a home that is there is whole. */
static int make_home(const struct account_places *places, const struct new_account *a,
		     struct error *err)
{
	struct place home = in(places->home, a->name), half = in(places->home, ".genkan-new");
	struct stat st;

	if (lstat(home.text, &st) == 0)
		return 0;
	int rc = file_remove_tree(half.text, err);

	if (rc < 0)
		return rc;
	if (mkdir(half.text, 0700) < 0)
		return error_errno(err, "make %s", half.text);
	OWNED_FD int from = open(places->skeleton, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWNED_FD int to = open(half.text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	rc = to < 0 ? error_errno(err, "open %s", half.text) : 0;
	if (rc == 0 && from >= 0) /* an image without a skeleton gives empty homes */
		rc = copy_tree(from, to, a, 0, err);
	if (rc == 0 && (fchown(to, a->uid, a->uid) < 0 || rename(half.text, home.text) < 0))
		rc = error_errno(err, "make %s", home.text);
	return rc;
}

static int add_group(const struct account_places *places, const struct new_account *a,
		     struct error *err)
{
	OWNED(buf_done) struct buf group = BUF_LIMIT(LINE_MAX), gshadow = BUF_LIMIT(LINE_MAX);
	int rc;

	buf_printf(&group, "%s:x:%u:\n", a->name, a->uid);
	buf_printf(&gshadow, "%s:!::\n", a->name);
	rc = add_line(in(places->etc, "group"), a->name, &group, err);
	if (rc == 0 && access(in(places->etc, "gshadow").text, F_OK) == 0)
		rc = add_line(in(places->etc, "gshadow"), a->name, &gshadow, err);
	return rc;
}

/* There is no password, and none that runs out. */
static int add_user(const struct account_places *places, const struct new_account *a,
		    struct error *err)
{
	OWNED(buf_done) struct buf shadow = BUF_LIMIT(LINE_MAX), passwd = BUF_LIMIT(LINE_MAX);
	int rc;

	buf_printf(&shadow, "%s:!:%lld:0:99999:7:::\n", a->name, (long long)(time(NULL) / DAY_S));
	buf_printf(&passwd, "%s:x:%u:%u:%s:/home/%s:/bin/bash\n", a->name, a->uid, a->uid,
		   a->full_name, a->name);
	rc = add_line(in(places->etc, "shadow"), a->name, &shadow, err);
	return rc < 0 ? rc : add_line(in(places->etc, "passwd"), a->name, &passwd, err);
}

int account_add(const struct account_places *places, const struct new_account *a, struct error *err)
{
	int rc = check_group(in(places->etc, "group").text, a, err);

	if (rc == 0)
		rc = make_home(places, a, err);
	if (rc == 0)
		rc = add_group(places, a, err);
	return rc < 0 ? rc : add_user(places, a, err);
}
