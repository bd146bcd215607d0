/* SPDX-License-Identifier: Apache-2.0 */
/* image_grants.h - which host was found to need which image a moment ago, so that the store is not
 * asked for each of a thousand parts. Pure. */
#ifndef GENKAN_IMAGES_IMAGE_GRANTS_H
#define GENKAN_IMAGES_IMAGE_GRANTS_H

#include <stdbool.h>
#include "db/store.h"

enum { IMAGE_GRANTS_MAX = 64, IMAGE_GRANT_MS = 10000 };

struct image_grant {
	char host[STORE_NAME_SIZE];
	char sha256[STORE_SHA256_SIZE];
	int64_t until_ms;
};
struct image_grants {
	struct image_grant items[IMAGE_GRANTS_MAX];
};

bool image_grants_has(const struct image_grants *grants, const char *host, const char *sha256,
		      int64_t now_ms);
/* Good for IMAGE_GRANT_MS; when there are too many, the one that ends first makes room. Names that
 * are too long are not kept. */
void image_grants_add(struct image_grants *grants, const char *host, const char *sha256,
		      int64_t now_ms);

#endif
