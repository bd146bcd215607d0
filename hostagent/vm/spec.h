/* SPDX-License-Identifier: Apache-2.0 */
/* spec.h - what one desktop is: the values a broker decided and the address this host gave it. */
#ifndef GENKAN_VM_SPEC_H
#define GENKAN_VM_SPEC_H

#include <stdbool.h>
#include <stdint.h>
#include "common/base/error.h"

enum {
	VM_ID_SIZE = 17,	/* 16 lowercase hex digits */
	VM_NAME_SIZE = 64,
	VM_SHA256_SIZE = 65,
	VM_TAP_SIZE = 16,	/* IFNAMSIZ */
	VM_MAC_SIZE = 18,
	VM_CPUS_MAX = 64,
	VM_REQUEST_SIZE = 65,
	VM_DEED_SIZE = 1024,
};
#define VM_MEMORY_MIN ((int64_t)64 << 20)
#define VM_MEMORY_MAX ((int64_t)1 << 40)

struct vm_spec {
	char id[VM_ID_SIZE];
	char name[VM_NAME_SIZE];	/* also the guest's hostname */
	char image_sha256[VM_SHA256_SIZE];
	int64_t epoch;
	int64_t incarnation;		/* how often it was restarted by order */
	int64_t memory_bytes;
	unsigned cpus;
	uint32_t address;		/* IPv4 in host byte order; 0 = none yet */
	char template_id[VM_ID_SIZE];	/* whose disk the overlay lies on; "" = the image itself */
};

bool vm_id_valid(const char *id);
bool vm_sha256_valid(const char *sha256);
/* <pool>-<NNN>: lowercase letters, digits and dashes, begins with a letter. */
bool vm_name_valid(const char *name);
/* 0, or -EINVAL with the first field that is out of range. The address is not looked at. */
int vm_spec_check(const struct vm_spec *spec, struct error *err) MUST_CHECK;

/* "gk" and the first ten digits of the id. */
void vm_tap_name(const char *id, char out[VM_TAP_SIZE]);
/* Locally administered, made of the address: unique on the bridge, kept when the VM moves. */
void vm_mac(uint32_t address, char out[VM_MAC_SIZE]);

#endif
