/* SPDX-License-Identifier: Apache-2.0 */
/* capability.h - a privilege of root that is needed at the start and never again. Any thread,
 * before there are others. */
#ifndef GENKAN_COMMON_SYS_CAPABILITY_H
#define GENKAN_COMMON_SYS_CAPABILITY_H

#include "common/base/error.h"

/* `capability`: CAP_... of <linux/capability.h>. Gone for good, for programs started from here as
 * well; 0 also when there was none. */
int capability_drop(int capability, struct error *err);

#endif
