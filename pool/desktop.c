/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/desktop.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

static const char *const state_words[DESKTOP_STATES] = {
	[DESKTOP_ABSENT] = "absent",	     [DESKTOP_CLONING] = "cloning",
	[DESKTOP_STARTING] = "starting",     [DESKTOP_READY] = "ready",
	[DESKTOP_STOPPING] = "stopping",     [DESKTOP_MIGRATING] = "migrating",
	[DESKTOP_SUSPENDED] = "suspended",   [DESKTOP_ERROR] = "error",
};
static const char *const use_words[DESKTOP_USES] = {
	[DESKTOP_SPARE] = "spare",
	[DESKTOP_ASSIGNED] = "assigned",
	[DESKTOP_CONNECTED] = "connected",
	[DESKTOP_DISCONNECTED] = "disconnected",
	[DESKTOP_LOGGED_OFF] = "logged_off",
};
static const char *const want_words[DESKTOP_WANTS] = {
	[DESKTOP_WANT_RUNNING] = "running",
	[DESKTOP_WANT_ABSENT] = "absent",
};
static const char *const stage_words[DESKTOP_STAGES] = {
	[DESKTOP_STAGE_QUEUED] = "queued",
	[DESKTOP_STAGE_STARTING] = "starting",
	[DESKTOP_STAGE_BOOTING] = "booting",
	[DESKTOP_STAGE_IDENTITY] = "identity",
	[DESKTOP_STAGE_READY] = "ready",
};

static const char *const disk_words[] = {
	[DESKTOP_DISK_NONE] = "none",	      [DESKTOP_DISK_ATTACHING] = "attaching",
	[DESKTOP_DISK_MOUNTED] = "mounted",   [DESKTOP_DISK_BROKEN] = "broken",
	[DESKTOP_DISK_LOCKED] = "locked",     [DESKTOP_DISK_FAILED] = "failed",
	[DESKTOP_DISK_RELEASING] = "releasing",
};

static int word_index(const char *const *words, int count, const char *word)
{
	for (int i = 0; i < count; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -EINVAL;
}

#define DEFINE_WORDS(life, COUNT)                                                                  \
	const char *desktop_##life##_word(enum desktop_##life value)                               \
	{                                                                                          \
		assert((unsigned)value < (COUNT));                                                 \
		return life##_words[value];                                                        \
	}                                                                                          \
	int desktop_##life##_parse(const char *word, enum desktop_##life *out)                     \
	{                                                                                          \
		int index = word_index(life##_words, COUNT, word);                                 \
                                                                                                   \
		if (index < 0)                                                                     \
			return index;                                                              \
		*out = (enum desktop_##life)index;                                                 \
		return 0;                                                                          \
	}                                                                                          \
	struct desktop_##life##_needs_semicolon

DEFINE_WORDS(state, DESKTOP_STATES);
DEFINE_WORDS(use, DESKTOP_USES);
DEFINE_WORDS(want, DESKTOP_WANTS);
DEFINE_WORDS(stage, DESKTOP_STAGES);
DEFINE_WORDS(disk, DESKTOP_DISKS);
