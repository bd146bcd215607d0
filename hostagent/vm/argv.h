/* SPDX-License-Identifier: Apache-2.0 */
/* argv.h - the command line of a desktop's QEMU, and how to recognise one that runs.
 *
 * QEMU is handed every file as an open descriptor at a fixed number: its own uid may open nothing
 * of ours, neither disk, nor image, nor socket folder. */
#ifndef GENKAN_VM_ARGV_H
#define GENKAN_VM_ARGV_H

#include "hostagent/vm/spec.h"

enum vm_accel { VM_ACCEL_NONE, VM_ACCEL_KVM, VM_ACCEL_TCG };

/* How a QEMU begins. */
enum vm_launch {
	VM_LAUNCH_BOOT,		/* from its disk */
	VM_LAUNCH_TEMPLATE,	/* from its disk, with memory that others will map */
	VM_LAUNCH_CLONE,	/* in the middle of the template's life */
	VM_LAUNCH_STANDBY,	/* the same, and stands there until it is told to go on */
};

enum vm_fd {
	VM_FD_QMP = 3,		/* listening unix sockets */
	VM_FD_GUEST,
	VM_FD_QGA,
	VM_FD_SERIAL,
	VM_FD_TAP,
	VM_FD_OVERLAY,		/* read-write */
	VM_FD_IMAGE,		/* read-only */
	VM_FD_TEMPLATE,		/* disk of the template, read-only; on the image */
	VM_FD_MEMORY,		/* of a template: read-write; of its clones: read-only */
	VM_FD_STATE,		/* devices of a template: written by it, read by its clones */
	VM_FD_END,
};

enum {
	VM_ARGV_MAX = 140,
	VM_STATE_SET = 4,	/* descriptor set of VM_FD_STATE, as QMP names it */
};

struct vm_argv {
	char *items[VM_ARGV_MAX + 1];	/* NULL-ended, as execv wants it */
	size_t count;
};

void vm_argv_done(struct vm_argv *argv);
DEFINE_OWNED_VALUE(vm_argv_done, struct vm_argv);

void vm_argv_build(const struct vm_spec *spec, enum vm_launch launch, enum vm_accel accel,
		   const char *qemu, struct vm_argv *out);
/* `cmdline` is /proc/PID/cmdline: NUL-separated. True for the QEMU of this desktop only. */
bool vm_argv_matches(const char *cmdline, size_t len, const char *id);
const char *vm_accel_name(enum vm_accel accel);

#endif
