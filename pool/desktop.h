/* SPDX-License-Identifier: Apache-2.0 */
/* desktop.h - the two lives of a desktop, kept apart: the VM's and the user's. Pure words. */
#ifndef GENKAN_POOL_DESKTOP_H
#define GENKAN_POOL_DESKTOP_H

enum desktop_state {	/* the VM, as its host reports it */
	DESKTOP_ABSENT,
	DESKTOP_CLONING,
	DESKTOP_STARTING,
	DESKTOP_READY,
	DESKTOP_STOPPING,
	DESKTOP_MIGRATING,
	DESKTOP_SUSPENDED,
	DESKTOP_ERROR,
	DESKTOP_STATES
};

enum desktop_use {	/* the user's side */
	DESKTOP_SPARE,
	DESKTOP_ASSIGNED,
	DESKTOP_CONNECTED,
	DESKTOP_DISCONNECTED,
	DESKTOP_LOGGED_OFF,
	DESKTOP_USES
};

enum desktop_want { DESKTOP_WANT_RUNNING, DESKTOP_WANT_ABSENT, DESKTOP_WANTS };

enum desktop_stage {	/* how far a start has come */
	DESKTOP_STAGE_QUEUED,
	DESKTOP_STAGE_STARTING,
	DESKTOP_STAGE_BOOTING,
	DESKTOP_STAGE_IDENTITY,
	DESKTOP_STAGE_READY,
	DESKTOP_STAGES
};

enum desktop_disk {	/* the user's own disk beside the desktop, as its host reports it */
	DESKTOP_DISK_NONE,
	DESKTOP_DISK_ATTACHING,
	DESKTOP_DISK_MOUNTED,
	DESKTOP_DISK_BROKEN,	/* a temporary home instead */
	DESKTOP_DISK_LOCKED,	/* somebody else has it open */
	DESKTOP_DISK_FAILED,
	DESKTOP_DISK_RELEASING,
	DESKTOP_DISKS
};

/* Fixed words: "absent", "ready", "logged_off" ... Parsing returns -EINVAL for other words. */
const char *desktop_state_word(enum desktop_state state);
const char *desktop_use_word(enum desktop_use use);
const char *desktop_want_word(enum desktop_want want);
const char *desktop_stage_word(enum desktop_stage stage);
int desktop_state_parse(const char *word, enum desktop_state *out);
int desktop_use_parse(const char *word, enum desktop_use *out);
int desktop_want_parse(const char *word, enum desktop_want *out);
int desktop_stage_parse(const char *word, enum desktop_stage *out);
const char *desktop_disk_word(enum desktop_disk disk);
int desktop_disk_parse(const char *word, enum desktop_disk *out);

#endif
