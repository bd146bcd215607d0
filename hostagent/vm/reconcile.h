/* SPDX-License-Identifier: Apache-2.0 */
/* reconcile.h - what the broker wants against what this host has: one action for each desktop. */
#ifndef GENKAN_VM_RECONCILE_H
#define GENKAN_VM_RECONCILE_H

#include "hostagent/vm/home.h"
#include "hostagent/vm/spec.h"
#include "hostagent/vm/vm.h"

struct vm_desired {
	struct vm_spec spec;	/* without an address */
	bool running;		/* want: running or absent */
	bool for_user;		/* it has one */
	int64_t overlay_max_bytes;	/* 0: no limit */
	struct vm_home home;	/* the disk of its user; id "" = none */
	char deed[VM_DEED_SIZE];	/* the broker's word on whose it is; "" nobody's */
	char request[VM_REQUEST_SIZE];	/* of who gave the last order, for the log; "" nobody */
	int64_t inspect;	/* number of the newest inspection that is asked for; 0: none */
};

struct vm_present {
	struct vm_spec spec;
	enum vm_state state;
};

enum vm_action_kind {
	VM_CREATE,	/* nothing of it is here: make it */
	VM_KEEP,	/* as it should be */
	VM_UPDATE,	/* newer epoch: take name, size and epoch; the guest is told */
	VM_DESTROY,	/* not listed, wanted absent, or on another image now */
	VM_RESTART,	/* newer incarnation: the machine is reset once */
	VM_REFUSE,	/* the broker's epoch is older than ours: an order of the past */
};

struct vm_action {
	enum vm_action_kind kind;
	char id[VM_ID_SIZE];
	const struct vm_desired *desired;	/* borrowed; NULL when not listed */
};

/* Whether an answer may be applied: the broker's view never goes back while the agent runs. */
bool vm_generation_acceptable(int64_t applied, int64_t offered);

/* Writes one action for every id of either list; `out` has room for both. Returns the count.
 * A desktop the broker does not list has no place on this host, unless `keep_unlisted`: the broker has
 * lost its memory and is still asking. One that must be replaced is
 * destroyed first and created by the next pass, when nothing of it is left. */
size_t vm_reconcile(const struct vm_desired *desired, size_t desired_count,
		    const struct vm_present *present, size_t present_count, bool keep_unlisted,
		    struct vm_action *out);

const char *vm_action_name(enum vm_action_kind kind);

#endif
