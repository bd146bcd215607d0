/* SPDX-License-Identifier: Apache-2.0 */
/* accel.h - finds out what really runs a 64-bit guest here. /dev/kvm alone proves nothing: only
 * the answer of a tiny guest (accel_guest.S) does. Blocking, at the start. */
#ifndef GENKAN_HOSTAGENT_ACCEL_H
#define GENKAN_HOSTAGENT_ACCEL_H

#include "hostagent/config.h"
#include "hostagent/vm/argv.h"

/* 0 when the guest answered under this accelerator. */
int accel_probe(const struct hostagent_config *config, enum vm_accel accel,
		struct error *err) MUST_CHECK;

/* KVM when it works, else emulation where the configuration allows it, else -ENOTSUP. */
int accel_choose(const struct hostagent_config *config, enum vm_accel *out,
		 struct error *err) MUST_CHECK;

#endif
