/* SPDX-License-Identifier: Apache-2.0 */
/* home_io.h - the user's own disk as the home folder. Blocking, bounded.
 *
 * What is on the disk is the user's, whole: only this guest ever mounts or checks it, never the host.
 * A disk whose file system cannot be repaired without losing something is left exactly as it is, and
 * the user gets a home that lasts as long as the desktop. */
#ifndef GENKAN_GUEST_HOME_IO_H
#define GENKAN_GUEST_HOME_IO_H

#include "guest/identity.h"

struct home {
	struct home_order order;
	bool given;	/* the host said which disk */
	bool broken;	/* it cannot be used: the home is a temporary one */
};

/* Waits for the disk, checks it if need be, formats it when it is fresh, mounts it. The same order
 * again changes nothing. -EUCLEAN: its file system is broken, and nothing was changed. */
int home_mount(struct home *home, const struct home_order *order, struct error *err) MUST_CHECK;
/* Before a session of the user begins: whatever the host said before is true again. */
int home_ensure(struct home *home, const char *user, struct error *err) MUST_CHECK;
/* Ends what the user still runs, then unmounts. Without a mounted disk there is nothing to do. */
int home_release(struct home *home, struct error *err) MUST_CHECK;

/* What the host said, kept for a restarted daemon and for whoever asks whether to wait. */
void home_load(struct home *home);
bool home_is_expected(void);

/* What the first 2048 bytes of the disk say. Pure. */
enum home_content {
	HOME_NO_FILE_SYSTEM,	/* no superblock of ext2, 3 or 4 */
	HOME_CLEAN,		/* was unmounted, no errors were seen: e2fsck -p would end at once */
	HOME_TO_CHECK,
};
enum home_content home_look(struct span head);
/* Whether a check kept anything in its undo file, which begins so. Pure. */
bool home_has_undo(struct span head);

#endif
