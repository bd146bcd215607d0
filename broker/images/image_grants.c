/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/images/image_grants.h"

#include <string.h>
#include "common/base/text.h"

static bool is_of(const struct image_grant *grant, const char *host, const char *sha256)
{
	return strcmp(grant->host, host) == 0 && strcmp(grant->sha256, sha256) == 0;
}

bool image_grants_has(const struct image_grants *grants, const char *host, const char *sha256,
		      int64_t now_ms)
{
	for (size_t i = 0; i < IMAGE_GRANTS_MAX; i++)
		if (is_of(&grants->items[i], host, sha256))
			return now_ms < grants->items[i].until_ms;
	return false;
}

void image_grants_add(struct image_grants *grants, const char *host, const char *sha256,
		      int64_t now_ms)
{
	struct image_grant made = { .until_ms = now_ms + IMAGE_GRANT_MS };
	struct image_grant *place = &grants->items[0];

	if (str_copy(made.host, sizeof(made.host), host) < 0 ||
	    str_copy(made.sha256, sizeof(made.sha256), sha256) < 0)
		return;
	for (size_t i = 0; i < IMAGE_GRANTS_MAX; i++) {
		struct image_grant *grant = &grants->items[i];

		if (is_of(grant, host, sha256)) {
			place = grant;
			break;
		}
		if (grant->until_ms < place->until_ms)
			place = grant;
	}
	*place = made;
}
