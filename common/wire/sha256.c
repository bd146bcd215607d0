/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/sha256.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

/* Looked up once: SHA256() does it each time, which costs more than a short text's hash. */
static const EVP_MD *digest;

static void fetch(void)
{
	digest = EVP_MD_fetch(NULL, "SHA2-256", NULL);
}

void sha256(const void *bytes, size_t len, uint8_t out[SHA256_DIGEST_LENGTH])
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (pthread_once(&once, fetch) != 0 || !digest ||
	    EVP_Digest(bytes, len, out, NULL, digest, NULL) != 1)
		abort();
}
