/* SPDX-License-Identifier: Apache-2.0 */
/* placement.h - which host gets a new desktop. Pure: hosts and a need in, an index or a reason
 * out; equal inputs give equal answers. */
#ifndef GENKAN_POOL_PLACEMENT_H
#define GENKAN_POOL_PLACEMENT_H

#include <stdbool.h>
#include <sys/types.h>
#include "pool/pool.h"
#include "pool/reason.h"

/* Virtual processors given out for each real one. */
#define PLACEMENT_CPU_OVERCOMMIT 8

struct placement_host {
	const char *name;
	bool active;			/* takes new desktops */
	bool silent;			/* has not reported lately */
	bool paused;			/* starts of the needed image fail there */
	bool image_bad;			/* reported the needed image as missing or bad */
	bool image_ready;		/* reported it as ready; neither: not known yet */
	int64_t cpus;			/* real ones */
	int64_t cpus_used;		/* virtual ones given out */
	int64_t memory_bytes;
	int64_t memory_free_bytes;	/* not promised to any desktop */
};

/* REASON_OK when the desktop fits, else why not. */
enum reason placement_fits(const struct placement_host *host, const struct desktop_size *need);

/* The fitting host that has the image and then the largest share of memory left afterwards; ties
 * go to the first. -1 and REASON_NO_HOST when none fits; `why_not` (count entries, may be NULL)
 * gets every host's reason. */
ssize_t placement_choose(const struct placement_host *hosts, size_t count,
			 const struct desktop_size *need, enum reason *why_not);

/* Whether no host fits now but one could once others' desktops are gone. */
bool placement_is_full(const struct placement_host *hosts, size_t count,
		       const struct desktop_size *need);

#endif
