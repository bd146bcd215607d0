/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/settings_io.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/base/secret.h"
#include "common/base/text.h"
#include "common/net/self_signed.h"
#include "common/sys/clock.h"
#include "common/sys/file.h"
#include "guest/paths.h"

static int write_in_place(int fd, const char *path, struct span content, struct error *err)
{
	struct stat st;

	if (fd < 0)
		return error_errno(err, "open %s", path);
	if (content.len > 0 && write(fd, content.ptr, content.len) != (ssize_t)content.len)
		return error_errno(err, "write %s", path);
	if (fstat(fd, &st) < 0 ||
	    (st.st_size > (off_t)content.len && ftruncate(fd, (off_t)content.len) < 0))
		return error_errno(err, "cut %s", path);
	return 0;
}

/* A file that is cut to nothing first would be written out by ext4 as soon as it is closed. */
int settings_write(const char *path, const struct buf *text, struct error *err)
{
	OWNED_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	return write_in_place(fd, path, buf_span(text), err);
}

int settings_names(const struct identity *id, struct error *err)
{
	OWNED(buf_done) struct buf text = BUF_LIMIT(1024);
	int rc;

	if (sethostname(id->hostname, strlen(id->hostname)) < 0)
		return error_errno(err, "set the host name");
	buf_printf(&text, "%s\n", id->hostname);
	rc = settings_write("/etc/hostname", &text, err);
	if (rc < 0)
		return rc;
	buf_reset(&text);
	buf_printf(&text, "127.0.0.1 localhost\n127.0.1.1 %s\n::1 localhost\n", id->hostname);
	rc = settings_write("/etc/hosts", &text, err);
	if (rc < 0)
		return rc;
	buf_reset(&text);
	buf_printf(&text, "%s\n", id->machine_id);
	return settings_write("/etc/machine-id", &text, err);
}

int settings_resolver(const struct identity *id, struct error *err)
{
	OWNED(buf_done) struct buf text = BUF_LIMIT(1024);
	char address[INET_ADDRSTRLEN];

	for (size_t i = 0; i < id->dns_count; i++)
		buf_printf(&text, "nameserver %s\n",
			   inet_ntop(AF_INET, &id->dns[i], address, sizeof(address)));
	return settings_write("/etc/resolv.conf", &text, err);
}

/* Read from the file, once: a static program has no name service. */
static gid_t rdp_group(void)
{
	static gid_t gid;
	FILE *file = gid ? NULL : fopen("/etc/group", "re");
	struct group *group;

	while (file && (group = fgetgrent(file)))
		if (strcmp(group->gr_name, GUEST_RDP_GROUP) == 0)
			gid = group->gr_gid;
	if (file)
		fclose(file);
	return gid;
}

/* In place: a server that reads half of it refuses one connection, and a template has the files
 * already, so that its clones only fill them in. */
static int write_for_rdp(const char *path, struct span pem, mode_t mode, struct error *err)
{
	bool fresh = access(path, F_OK) < 0;
	OWNED_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0 && fresh && (fchown(fd, 0, rdp_group()) < 0 || fchmod(fd, mode) < 0))
		return error_errno(err, "give %s to the RDP server", path);
	return write_in_place(fd, path, pem, err);
}

static int write_pair(struct span key, struct span certificate, struct error *err)
{
	int rc = write_for_rdp(GUEST_RDP_KEY, key, 0640, err);

	if (rc == -ENOENT) {
		rc = file_make_dirs(GUEST_RDP_DIR, 0755, err);
		if (rc == 0)
			rc = write_for_rdp(GUEST_RDP_KEY, key, 0640, err);
	}
	return rc < 0 ? rc : write_for_rdp(GUEST_RDP_CERTIFICATE, certificate, 0644, err);
}

int settings_forget_rdp_key(struct error *err)
{
	static const struct span nothing = { 0 };

	return write_pair(nothing, nothing, err);
}

static int make_pair(const char *name, char *sha256, struct error *err)
{
	OWNED(buf_done) struct buf key = BUF_LIMIT(8192);
	OWNED(buf_done) struct buf certificate = BUF_LIMIT(8192);
	int rc;

	/* This process's generator may have been copied in the middle of its life. */
	if (RAND_poll() != 1)
		return error_set(err, EIO, "reseed the generator of keys");
	rc = self_signed_make(name, clock_wall_ms(), &key, &certificate, sha256, err);
	if (rc == 0)
		rc = write_pair(buf_span(&key), buf_span(&certificate), err);
	memory_wipe(key.ptr, key.len);
	return rc;
}

int settings_rdp_key(const struct identity *id, char *sha256, struct error *err)
{
	if (!id->rdp_key[0])
		return make_pair(id->hostname, sha256, err);
	memcpy(sha256, id->rdp_certificate_sha256, sizeof(id->rdp_certificate_sha256));
	return write_pair(span_text(id->rdp_key), span_text(id->rdp_certificate), err);
}

/* --- templates --- */

/* An empty file in memory that is seen at `path`: a clone that writes there does not touch its
 * disk. What stays beneath is for a clone that boots again. */
static int cover(const char *path, struct error *err)
{
	static const struct buf nothing = { 0 };
	char above[128];
	int rc;

	snprintf(above, sizeof(above), "%s/%s", GUEST_ETC_DIR, strrchr(path, '/') + 1);
	rc = settings_write(above, &nothing, err);
	if (rc == 0)
		rc = settings_write(path, &nothing, err);
	if (rc == 0 && mount(above, path, NULL, MS_BIND, NULL) < 0)
		rc = error_errno(err, "cover %s", path);
	return rc;
}

int settings_cover(struct error *err)
{
	static const char *const paths[] = { "/etc/hostname", "/etc/hosts", "/etc/machine-id",
					     "/etc/resolv.conf" };
	int rc = file_make_dirs(GUEST_ETC_DIR, 0755, err);

	for (size_t i = 0; i < ARRAY_LEN(paths) && rc == 0; i++)
		rc = cover(paths[i], err);
	return rc;
}
