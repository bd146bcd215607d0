/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "hostagent/vm/spec.h"

static bool lowercase_hex(const char *text, size_t digits)
{
	return strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

bool vm_id_valid(const char *id)
{
	return lowercase_hex(id, VM_ID_SIZE - 1);
}

bool vm_sha256_valid(const char *sha256)
{
	return lowercase_hex(sha256, VM_SHA256_SIZE - 1);
}

bool vm_name_valid(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len < VM_NAME_SIZE && name[0] >= 'a' && name[0] <= 'z' &&
	       name[len - 1] != '-' && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

int vm_spec_check(const struct vm_spec *spec, struct error *err)
{
	if (!vm_id_valid(spec->id))
		return error_set(err, EINVAL, "desktop id is not 16 lowercase hex digits");
	if (!vm_name_valid(spec->name))
		return error_set(err, EINVAL, "desktop %s: bad name", spec->id);
	if (!vm_sha256_valid(spec->image_sha256))
		return error_set(err, EINVAL, "desktop %s: bad image hash", spec->id);
	if (spec->epoch < 0)
		return error_set(err, EINVAL, "desktop %s: negative epoch", spec->id);
	if (spec->cpus < 1 || spec->cpus > VM_CPUS_MAX)
		return error_set(err, EINVAL, "desktop %s: cpus must be 1 to %d", spec->id,
				 VM_CPUS_MAX);
	if (spec->memory_bytes < VM_MEMORY_MIN || spec->memory_bytes > VM_MEMORY_MAX)
		return error_set(err, EINVAL, "desktop %s: memory must be 64 MiB to 1 TiB",
				 spec->id);
	return 0;
}

void vm_tap_name(const char *id, char out[VM_TAP_SIZE])
{
	snprintf(out, VM_TAP_SIZE, "gk%.10s", id);
}

void vm_mac(uint32_t address, char out[VM_MAC_SIZE])
{
	snprintf(out, VM_MAC_SIZE, "52:54:%02x:%02x:%02x:%02x", address >> 24, address >> 16 & 255,
		 address >> 8 & 255, address & 255);
}
