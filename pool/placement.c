/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/placement.h"

static int64_t most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

struct placement_need placement_expect(const struct desktop_size *size,
				       const struct placement_peak *peak)
{
	int64_t memory = most(peak->memory_bytes / 4 * 5, size->memory_bytes / 4);

	return (struct placement_need){
		.cpus = size->cpus,
		.memory_bytes = peak->memory_bytes ? least(memory, size->memory_bytes) :
						     size->memory_bytes,
		.disk_bytes = most(peak->overlay_bytes / 4 * 5, PLACEMENT_OVERLAY_MIN),
	};
}

/* One that runs and was not measured has taken its share of what is free already. */
static int64_t still_to_come(int64_t expected, int64_t taken, bool up)
{
	if (taken)
		return most(expected - taken, 0);
	return up ? 0 : expected;
}

void placement_account(struct placement_host *host, const struct placement_desktop *d,
		       int64_t *committed_bytes)
{
	const struct desktop_size size = { .cpus = d->cpus, .memory_bytes = d->memory_bytes };
	struct placement_need expected = placement_expect(&size, &d->peak);

	host->cpus_used += d->cpus;
	host->memory_free_bytes -= still_to_come(expected.memory_bytes, d->pss_bytes, d->up);
	host->disk_free_bytes -= still_to_come(expected.disk_bytes, d->overlay_bytes, d->up);
	*committed_bytes += expected.memory_bytes;
}

enum reason placement_fits(const struct placement_host *host, const struct placement_need *need)
{
	if (!host->active)
		return REASON_HOST_NOT_ACTIVE;
	if (host->silent)
		return REASON_HOST_SILENT;
	if (host->image_coming)
		return REASON_HOST_FETCHING;
	if (host->image_bad)
		return REASON_HOST_IMAGE;
	if (host->paused)
		return REASON_HOST_PAUSED;
	if (host->memory_free_bytes < need->memory_bytes)
		return REASON_HOST_MEMORY;
	if (host->disk_bytes && host->disk_free_bytes < need->disk_bytes)
		return REASON_HOST_DISK;
	/* One desktop may have at most as many processors as the host really has. */
	if (need->cpus > host->cpus ||
	    host->cpus_used + need->cpus > host->cpus * PLACEMENT_CPU_OVERCOMMIT)
		return REASON_HOST_CPU;
	return REASON_OK;
}

/* Share of memory left free afterwards, in 1/65536; hosts of zero memory never get here. */
static int64_t free_share(const struct placement_host *host, const struct placement_need *need)
{
	int64_t mib = host->memory_bytes >> 20;
	int64_t left_mib = (host->memory_free_bytes - need->memory_bytes) >> 20;

	return mib > 0 ? left_mib * 65536 / mib : 0;
}

ssize_t placement_choose(const struct placement_host *hosts, size_t count,
			 const struct placement_need *need, enum reason *why_not)
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

bool placement_is_coming(const struct placement_host *hosts, size_t count,
			 const struct placement_need *need)
{
	bool coming = false;

	for (size_t i = 0; i < count; i++) {
		struct placement_host with_image = hosts[i];

		if (placement_fits(&hosts[i], need) == REASON_OK)
			return false;
		with_image.image_coming = with_image.image_bad = false;
		coming |= hosts[i].image_coming && placement_fits(&with_image, need) == REASON_OK;
	}
	return coming;
}

bool placement_is_full(const struct placement_host *hosts, size_t count,
		       const struct placement_need *need)
{
	bool full = false;

	for (size_t i = 0; i < count; i++) {
		enum reason fits = placement_fits(&hosts[i], need);

		if (fits == REASON_OK)
			return false;
		full |= (fits == REASON_HOST_MEMORY || fits == REASON_HOST_CPU ||
			 fits == REASON_HOST_DISK) &&
			hosts[i].memory_bytes >= need->memory_bytes && hosts[i].cpus >= need->cpus;
	}
	return full;
}
