/* SPDX-License-Identifier: Apache-2.0 */
/* stay.h - what becomes of a desktop when its user's stay ends. Pure. */
#ifndef GENKAN_POOL_STAY_H
#define GENKAN_POOL_STAY_H

#include "pool/pool.h"

enum pool_stay_end {
	POOL_STAY_LOGOFF,	/* the user logged off inside the guest */
	POOL_STAY_REBOOT,	/* the guest rebooted by itself */
	POOL_STAY_UNUSED,	/* nobody was connected for too long */
	POOL_STAY_ENDS
};

enum pool_after_stay {
	POOL_AFTER_NOTHING,
	POOL_AFTER_KEEP,	/* stays with its user, who is logged off */
	POOL_AFTER_RELEASE,	/* destroyed; the user has none */
	POOL_AFTER_EXCHANGE,	/* destroyed; the user gets a new one */
};

enum pool_after_stay pool_after_stay(enum pool_assignment assignment,
				     enum pool_on_logoff on_logoff, enum pool_stay_end how);

#endif
