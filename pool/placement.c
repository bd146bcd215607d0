/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/placement.h"

enum reason placement_fits(const struct placement_host *host, const struct desktop_size *need)
{
	if (!host->active)
		return REASON_HOST_NOT_ACTIVE;
	if (host->silent)
		return REASON_HOST_SILENT;
	if (host->image_bad)
		return REASON_HOST_IMAGE;
	if (host->paused)
		return REASON_HOST_PAUSED;
	if (host->memory_free_bytes < need->memory_bytes)
		return REASON_HOST_MEMORY;
	/* One desktop may have at most as many processors as the host really has. */
	if (need->cpus > host->cpus ||
	    host->cpus_used + need->cpus > host->cpus * PLACEMENT_CPU_OVERCOMMIT)
		return REASON_HOST_CPU;
	return REASON_OK;
}

/* Share of memory left free afterwards, in 1/65536; hosts of zero memory never get here. */
static int64_t free_share(const struct placement_host *host, const struct desktop_size *need)
{
	int64_t mib = host->memory_bytes >> 20;
	int64_t left_mib = (host->memory_free_bytes - need->memory_bytes) >> 20;

	return mib > 0 ? left_mib * 65536 / mib : 0;
}

ssize_t placement_choose(const struct placement_host *hosts, size_t count,
			 const struct desktop_size *need, enum reason *why_not)
{
	ssize_t best = -1;
	int64_t best_share = 0;
	bool best_ready = false;

	for (size_t i = 0; i < count; i++) {
		enum reason fits = placement_fits(&hosts[i], need);

		if (why_not)
			why_not[i] = fits;
		if (fits != REASON_OK)
			continue;

		int64_t share = free_share(&hosts[i], need);
		bool ready = hosts[i].image_ready;

		if (best >= 0 && (ready < best_ready || (ready == best_ready && share <= best_share)))
			continue;
		best = (ssize_t)i;
		best_share = share;
		best_ready = ready;
	}
	return best;
}

bool placement_is_full(const struct placement_host *hosts, size_t count,
		       const struct desktop_size *need)
{
	bool full = false;

	for (size_t i = 0; i < count; i++) {
		enum reason fits = placement_fits(&hosts[i], need);

		if (fits == REASON_OK)
			return false;
		full |= (fits == REASON_HOST_MEMORY || fits == REASON_HOST_CPU) &&
			hosts[i].memory_bytes >= need->memory_bytes && hosts[i].cpus >= need->cpus;
	}
	return full;
}
