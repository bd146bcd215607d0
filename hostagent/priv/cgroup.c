/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <linux/magic.h>
#include "hostagent/priv/cgroup.h"

enum { QEMU_OVERHEAD = 512 << 20 };

/* Where version 2 is mounted: alone, or beside version 1. */
static const char *mount_point(void)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	struct statfs fs;

	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (statfs(places[i], &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
			return places[i];
	return NULL;
}

static void write_setting(const char *folder, const char *name, const char *value)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	OWNED_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

	/* A controller that is not offered here limits nothing; the desktop runs all the same. */
	if (fd >= 0 && write(fd, value, strlen(value)) < 0)
		return;
}

int cgroup_open(const struct vm_spec *spec)
{
	const char *root = mount_point();
	char parent[128], folder[192], path[256], limit[32];

	if (!root)
		return -1;
	snprintf(parent, sizeof(parent), "%s/genkan", root);
	snprintf(folder, sizeof(folder), "%s/%s", parent, spec->id);
	mkdir(parent, 0755);
	write_setting(parent, "cgroup.subtree_control", "+memory +pids");
	if (mkdir(folder, 0755) < 0 && errno != EEXIST)
		return -1;
	snprintf(limit, sizeof(limit), "%lld", (long long)spec->memory_bytes + QEMU_OVERHEAD);
	write_setting(folder, "memory.max", limit);
	write_setting(folder, "pids.max", "256");
	snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
	return open(path, O_WRONLY | O_CLOEXEC);
}

void cgroup_remove(const char *id)
{
	const char *root = mount_point();
	char folder[192];

	if (!root)
		return;
	snprintf(folder, sizeof(folder), "%s/genkan/%s", root, id);
	rmdir(folder);
}

void cgroup_remove_all(void)
{
	const char *root = mount_point();
	char folder[192];

	if (!root)
		return;
	snprintf(folder, sizeof(folder), "%s/genkan", root);
	rmdir(folder);
}
