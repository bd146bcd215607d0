/* SPDX-License-Identifier: Apache-2.0 */
/* account_add_io.h - a new account, as useradd(8) would make it, but without its seven processes and
 * twelve forced writes: a person waits for it at the first login. Blocking. */
#ifndef GENKAN_GUEST_ACCOUNT_ADD_IO_H
#define GENKAN_GUEST_ACCOUNT_ADD_IO_H

#include <stdint.h>
#include "common/base/error.h"

struct new_account {
	const char *name, *full_name;
	uint32_t uid;	/* its group has the same name and number */
};

struct account_places {
	const char *etc, *skeleton, *home;	/* "/etc", "/etc/skel", "/home" */
};

/* The line of passwd comes last: who finds it finds all of it, and who does not goes on where a
 * crash has stopped. A home that is there already stays as it is. -EBUSY: the group's name or number
 * is taken, so that useradd has to find another; nothing was changed. */
int account_add(const struct account_places *places, const struct new_account *account,
		struct error *err) MUST_CHECK;

#endif
