/* SPDX-License-Identifier: Apache-2.0 */
/* The initial RAM disk holds this program as /init, drivers, and /modules: their paths in the
 * order of loading. A shell and its tools would take a second of a machine without KVM.
 *
 * Drivers probe while they are loaded, so afterwards the disk is there or never will be. */
#include "guest/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include "common/base/buf.h"
#include "common/base/text.h"
#include "common/sys/file.h"

#define EXT4_UUID_AT (1024 + 0x68)
#define NEW_ROOT "/root"

static int load_module(const char *path, struct error *err)
{
	OWNED_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_errno(err, "open %s", path);
	if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST)
		return error_errno(err, "load %s", path);
	unlink(path);	/* gives its memory back */
	return 0;
}

static int load_modules(struct error *err)
{
	OWNED(buf_done) struct buf list = { 0 };
	int rc = file_read("/modules", 65536, &list, err);
	char *rest, *path;

	if (rc < 0)
		return rc;
	buf_put_u8(&list, '\0');
	rest = (char *)list.ptr;
	while (rc == 0 && (path = strsep(&rest, "\n")))
		rc = *path ? load_module(path, err) : 0;
	return rc;
}

/* The value of `key` (with its =) on the kernel's command line; -ENOENT. */
static int kernel_option(const char *key, char *out, size_t size, struct error *err)
{
	OWNED(buf_done) struct buf line = { 0 };
	int rc = file_read("/proc/cmdline", 8192, &line, err);
	char *rest, *word;

	if (rc < 0)
		return rc;
	buf_put_u8(&line, '\0');
	rest = (char *)line.ptr;
	while ((word = strsep(&rest, " \n")))
		if (str_starts(word, key))
			return str_copy(out, size, word + strlen(key));
	return error_set(err, ENOENT, "%s is not on the kernel's command line", key);
}

static bool partition_has_uuid(const char *path, const char *uuid)
{
	OWNED_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t found[16], wanted[16];
	char digits[33];
	size_t n = 0;

	for (const char *c = uuid; *c && n < sizeof(digits) - 1; c++)
		if (*c != '-')
			digits[n++] = *c;
	digits[n] = '\0';
	return fd >= 0 && hex_decode(digits, wanted, sizeof(wanted)) == 0 &&
	       pread(fd, found, sizeof(found), EXT4_UUID_AT) == sizeof(found) &&
	       memcmp(found, wanted, sizeof(found)) == 0;
}

static int mount_root(struct error *err)
{
	char uuid[64], path[] = "/dev/vda2";
	int rc = kernel_option("root=UUID=", uuid, sizeof(uuid), err);

	if (rc < 0)
		return rc;
	for (char disk = 'a'; disk <= 'z'; disk++) {
		path[strlen("/dev/vd")] = disk;
		if (!partition_has_uuid(path, uuid))
			continue;
		if (mount(path, NEW_ROOT, "ext4", MS_NOATIME, NULL) < 0)
			return error_errno(err, "mount %s", path);
		return 0;
	}
	return error_set(err, ENODEV, "no disk has the root file system %s", uuid);
}

static int enter_root(struct error *err)
{
	if (mount("/dev", NEW_ROOT "/dev", NULL, MS_MOVE, NULL) < 0 || umount("/proc") < 0 ||
	    chdir(NEW_ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
	    chdir("/") < 0)
		return error_errno(err, "enter the root file system");
	execl("/sbin/init", "/sbin/init", (char *)NULL);
	return error_errno(err, "start /sbin/init");
}

int guest_initrd(struct error *err)
{
	int rc;

	if (mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755") < 0 ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return error_errno(err, "mount the first file systems");
	rc = load_modules(err);
	if (rc == 0)
		rc = mount_root(err);
	return rc < 0 ? rc : enter_root(err);
}
