/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/stay.h"

#define NOTHING POOL_AFTER_NOTHING
#define KEEP POOL_AFTER_KEEP
#define RELEASE POOL_AFTER_RELEASE
#define EXCHANGE POOL_AFTER_EXCHANGE

/* A dedicated desktop may be rebooted and left alone for as long as its owner likes. */
static const enum pool_after_stay rules[2][3][POOL_STAY_ENDS] = {
	/*                            logoff    reboot   unused */
	[POOL_FLOATING] = {
		[POOL_LOGOFF_REFRESH] = { RELEASE,  RELEASE, RELEASE },
		[POOL_LOGOFF_KEEP]    = { KEEP,     NOTHING, RELEASE },
		[POOL_LOGOFF_DELETE]  = { RELEASE,  RELEASE, RELEASE },
	},
	[POOL_DEDICATED] = {
		[POOL_LOGOFF_REFRESH] = { EXCHANGE, NOTHING, NOTHING },
		[POOL_LOGOFF_KEEP]    = { KEEP,     NOTHING, NOTHING },
		[POOL_LOGOFF_DELETE]  = { RELEASE,  NOTHING, NOTHING },
	},
};

enum pool_after_stay pool_after_stay(enum pool_assignment assignment,
				     enum pool_on_logoff on_logoff, enum pool_stay_end how)
{
	return rules[assignment][on_logoff][how];
}
