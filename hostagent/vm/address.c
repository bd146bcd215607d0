/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hostagent/vm/address.h"

enum { PREFIX_MIN = 16, PREFIX_MAX = 30 };

static bool decimal(const char **text, unsigned limit, unsigned *out)
{
	const char *p = *text;
	unsigned value = 0, digits = 0;

	while (*p >= '0' && *p <= '9' && digits < 3) {
		value = value * 10 + (unsigned)(*p++ - '0');
		digits++;
	}
	*text = p;
	*out = value;
	return digits > 0 && value <= limit;
}

static bool quad(const char **text, uint32_t *out)
{
	uint32_t address = 0;
	unsigned part;

	for (int i = 0; i < 4; i++) {
		if (i > 0 && *(*text)++ != '.')
			return false;
		if (!decimal(text, 255, &part))
			return false;
		address = address << 8 | part;
	}
	*out = address;
	return true;
}

int vm_address_parse(const char *text, uint32_t *out)
{
	uint32_t address;

	if (!quad(&text, &address) || *text)
		return -EINVAL;
	*out = address;
	return 0;
}

int vm_subnet_parse(const char *text, struct vm_subnet *out, struct error *err)
{
	struct vm_subnet subnet;
	const char *p = text;

	if (!quad(&p, &subnet.gateway) || *p++ != '/' || !decimal(&p, PREFIX_MAX, &subnet.prefix) ||
	    *p || subnet.prefix < PREFIX_MIN)
		return error_set(err, EINVAL, "\"%s\" is not an IPv4 address with a prefix of "
				 "%d to %d", text, PREFIX_MIN, PREFIX_MAX);
	*out = subnet;
	if (vm_subnet_slot(&subnet, subnet.gateway) == 0)
		return error_set(err, EINVAL, "\"%s\" is the network's own address", text);
	return 0;
}

static uint32_t subnet_size(const struct vm_subnet *subnet)
{
	return (uint32_t)1 << (32 - subnet->prefix);
}

static uint32_t subnet_base(const struct vm_subnet *subnet)
{
	return subnet->gateway & ~(subnet_size(subnet) - 1);
}

uint32_t vm_subnet_slot(const struct vm_subnet *subnet, uint32_t address)
{
	return address & (subnet_size(subnet) - 1);
}

bool vm_subnet_has(const struct vm_subnet *subnet, uint32_t address)
{
	uint32_t slot = address - subnet_base(subnet);

	return address >= subnet_base(subnet) && slot > 0 && slot < subnet_size(subnet) - 1 &&
	       address != subnet->gateway;
}

static bool address_taken(uint32_t address, const uint32_t *taken, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (taken[i] == address)
			return true;
	return false;
}

int vm_address_take(const struct vm_subnet *subnet, const char *id, const uint32_t *taken,
		    size_t count, uint32_t *out, struct error *err)
{
	uint32_t size = subnet_size(subnet);
	uint32_t start = (uint32_t)strtoull(id, NULL, 16) % size;

	for (uint32_t i = 0; i < size; i++) {
		uint32_t address = subnet_base(subnet) + (start + i) % size;

		if (!vm_subnet_has(subnet, address) || address_taken(address, taken, count))
			continue;
		*out = address;
		return 0;
	}
	return error_set(err, ENOSPC, "no free address in the bridge's subnet");
}

void vm_address_text(uint32_t address, char out[VM_ADDRESS_SIZE])
{
	snprintf(out, VM_ADDRESS_SIZE, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
		 address >> 8 & 255, address & 255);
}
