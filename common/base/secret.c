/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/secret.h"

#include <errno.h>
#include <string.h>

void memory_wipe(void *ptr, size_t len)
{
	if (len)	/* an empty buffer has no address */
		explicit_bzero(ptr, len);
}

int secret_set(struct secret *out, struct span bytes)
{
	secret_wipe(out);
	if (bytes.len > SECRET_MAX)
		return -EMSGSIZE;
	if (bytes.len)
		memcpy(out->bytes, bytes.ptr, bytes.len);
	out->len = bytes.len;
	return 0;
}

void secret_wipe(struct secret *s)
{
	memory_wipe(s, sizeof(*s));
}
