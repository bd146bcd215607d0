/* SPDX-License-Identifier: Apache-2.0 */
/* user_disk.h - the files of users' disks. Blocking: work jobs only.
 *
 * USER_DISK_DIR/<id>.qcow2 is the disk, <id>.lock says who was given it last. Both belong to the
 * agent's account, 0600; QEMU is handed a descriptor and can open nothing. The folder may be shared
 * between hosts (NFS 4): what keeps a disk from two desktops then is, in this order, the broker's
 * order, the epoch in the lock file, and the lock that QEMU holds on the image as long as it runs.
 * The host never reads what is on the disk. */
#ifndef GENKAN_IMAGE_USER_DISK_H
#define GENKAN_IMAGE_USER_DISK_H

#include "hostagent/config.h"
#include "hostagent/vm/home.h"

struct user_disk {
	int disk, lock;		/* descriptors; -1 = not open. Until `lock` is closed no other agent
				 * may open the disk; then QEMU's own lock has to hold. */
};

void user_disk_close(struct user_disk *disk);
/* Makes it first when it is fresh. -EBUSY: another QEMU or agent has it. -ESTALE: it was given to
 * somebody else later. -ENOENT: it is not here. */
int user_disk_open(const struct hostagent_config *config, const struct vm_home *home,
		   const char *desktop, struct user_disk *out, struct error *err) MUST_CHECK;
/* Bytes its file takes; 0 when it cannot be told. */
int64_t user_disk_used(const struct hostagent_config *config, const char *id);

#endif
