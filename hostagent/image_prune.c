/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/image_prune.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "common/sys/log.h"
#include "hostagent/image/image.h"
#include "hostagent/templates.h"

struct prune {
	const struct hostagent_config *config;
	size_t count;
	char sha256[][VM_SHA256_SIZE];
};

static void run(void *arg)
{
	const struct prune *prune = arg;

	for (size_t i = 0; i < prune->count; i++) {
		int rc = image_remove(prune->config, prune->sha256[i]);

		if (rc == 0)
			log_info("image_removed", kv_str("sha256", prune->sha256[i]),
				 kv_str("reason", "no pool, desktop or rollback needs it"));
		else if (rc != -ENOENT)
			log_warn("image_not_removed", kv_str("sha256", prune->sha256[i]),
				 kv_str("reason", strerror(-rc)));
	}
}

static void done(void *arg, int status)
{
	free(arg);
}

static bool in_use(struct desktop_host *host, const struct sync_answer *answer, const char *sha256)
{
	struct vm_present present;

	for (size_t i = 0; i < answer->image_count; i++)
		if (strcmp(answer->images[i].sha256, sha256) == 0)
			return true;
	LIST_EACH(it, &host->desktops)
	{
		desktop_present(desktop_of(it), &present);
		if (strcmp(present.spec.image_sha256, sha256) == 0)
			return true;
	}
	return templates_lie_on(host->templates, sha256);
}

void image_prune(struct desktop_host *host, const struct sync_answer *answer)
{
	struct prune *prune =
		xcalloc(1, sizeof(*prune) + (answer->needless_count + 1) * VM_SHA256_SIZE);

	prune->config = host->config;
	for (size_t i = 0; i < answer->needless_count; i++)
		if (!in_use(host, answer, answer->needless[i]))
			memcpy(prune->sha256[prune->count++], answer->needless[i], VM_SHA256_SIZE);
	/* The queue in which images are looked at: nothing is removed under a look. */
	if (!prune->count || work_submit(host->image_jobs, 0, run, done, prune) < 0)
		free(prune);
}
