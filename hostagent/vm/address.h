/* SPDX-License-Identifier: Apache-2.0 */
/* address.h - IPv4 addresses of desktops: taken from the bridge's subnet. Which are taken is told
 * by the desktops' own spec files, so that the choice survives a restart without a second list. */
#ifndef GENKAN_VM_ADDRESS_H
#define GENKAN_VM_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/base/error.h"

enum { VM_ADDRESS_SIZE = 16 };

struct vm_subnet {
	uint32_t gateway;	/* the bridge's own address, host byte order */
	unsigned prefix;	/* 16 to 30 */
};

/* "10.77.0.1/24" */
int vm_subnet_parse(const char *text, struct vm_subnet *out, struct error *err) MUST_CHECK;
/* Inside the subnet and neither the network, the broadcast nor the bridge. */
bool vm_subnet_has(const struct vm_subnet *subnet, uint32_t address);
/* Index of an address in its subnet: picks the uid of the VM. */
uint32_t vm_subnet_slot(const struct vm_subnet *subnet, uint32_t address);
/* The first free address from a place that the id names; -ENOSPC when all are taken. */
int vm_address_take(const struct vm_subnet *subnet, const char *id, const uint32_t *taken,
		    size_t count, uint32_t *out, struct error *err) MUST_CHECK;
void vm_address_text(uint32_t address, char out[VM_ADDRESS_SIZE]);
/* Dotted quad; -EINVAL otherwise. */
int vm_address_parse(const char *text, uint32_t *out) MUST_CHECK;

#endif
