/* SPDX-License-Identifier: Apache-2.0 */
/* In this program, memory is wiped when it is freed.
 *
 * A password travels through buffers of many libraries - HTTP bodies (libevent), JSON text
 * (jansson), TLS records (OpenSSL, GnuTLS under libldap), LDAP requests (liblber) - and each frees
 * them as they are. Instead of asking each for its hooks, which not all have, the program brings
 * its own free() and realloc(), which the dynamic linker gives to all of them. The rest of the
 * allocator stays glibc's. Sanitizers bring their own allocator and are left alone. */
#ifndef GENKAN_SANITIZED

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void __libc_free(void *ptr);

void free(void *ptr)
{
	int saved = errno;	/* POSIX.1-2024: free() keeps it */

	if (ptr)
		explicit_bzero(ptr, malloc_usable_size(ptr));
	__libc_free(ptr);
	errno = saved;
}

void *realloc(void *old, size_t size)
{
	if (!old)
		return malloc(size);

	size_t held = malloc_usable_size(old);
	if (size && size <= held && size >= held / 2)
		return old;

	void *fresh = size ? malloc(size) : NULL;
	if (!fresh && size)
		return NULL;
	if (fresh)
		memcpy(fresh, old, held < size ? held : size);
	free(old);
	return fresh;
}

#else

typedef int nothing_to_wipe_with;

#endif
