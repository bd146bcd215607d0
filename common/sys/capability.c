/* SPDX-License-Identifier: Apache-2.0 */
#include "common/sys/capability.h"

#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int capability_drop(int capability, struct error *err)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
	struct __user_cap_data_struct *set = &sets[CAP_TO_INDEX(capability)];
	uint32_t bit = CAP_TO_MASK(capability);

	/* Without CAP_SETPCAP the bounding set stays; programs gain nothing from it by exec when
	 * the unit says NoNewPrivileges. */
	(void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
	if (syscall(SYS_capget, &header, sets) < 0)
		return error_errno(err, "look at capabilities");
	set->effective &= ~bit;
	set->permitted &= ~bit;
	set->inheritable &= ~bit;
	return syscall(SYS_capset, &header, sets) < 0
		       ? error_errno(err, "drop capability %d", capability)
		       : 0;
}
