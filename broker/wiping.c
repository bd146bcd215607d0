/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/wiping.h"

#include <event2/event.h>
#include <jansson.h>
#include <lber.h>
#include <malloc.h>
#include <openssl/crypto.h>

#include "common/base/secret.h"

static void wiping_free(void *ptr)
{
	if (ptr)
		memory_wipe(ptr, malloc_usable_size(ptr));
	free(ptr);
}

static void *wiping_realloc(void *old, size_t size)
{
	if (!old)
		return malloc(size);

	size_t held = malloc_usable_size(old);
	void *fresh = size ? malloc(size) : NULL;

	if (!fresh && size)
		return NULL;
	if (fresh)
		memcpy(fresh, old, held < size ? held : size);
	wiping_free(old);
	return fresh;
}

static void *crypto_malloc(size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return size ? malloc(size) : NULL;
}

static void *crypto_realloc(void *old, size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return wiping_realloc(old, size);
}

static void crypto_free(void *ptr, const char *file, int line)
{
	(void)file, (void)line;
	wiping_free(ptr);
}

static void *lber_malloc(ber_len_t size, void *context)
{
	(void)context;
	return malloc(size);
}

static void *lber_calloc(ber_len_t count, ber_len_t size, void *context)
{
	(void)context;
	return calloc(count, size);
}

static void *lber_realloc(void *old, ber_len_t size, void *context)
{
	(void)context;
	return wiping_realloc(old, size);
}

static void lber_free(void *ptr, void *context)
{
	(void)context;
	wiping_free(ptr);
}

void wiping_install(void)
{
	static BerMemoryFunctions lber = { lber_malloc, lber_calloc, lber_realloc, lber_free };

	CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free);
	event_set_mem_functions(malloc, wiping_realloc, wiping_free);
	json_set_alloc_funcs(malloc, wiping_free);
	ber_set_option(NULL, LBER_OPT_MEMORY_FNS, &lber);
}
