/* SPDX-License-Identifier: Apache-2.0 */
/* placement.h - which host gets a new desktop. Pure: hosts and a need in, an index or a reason
 * out; equal inputs give equal answers.
 *
 * Theory. Desktops that are forked from one template share most of their memory, and an overlay is
 * small at first. So a host is not filled by what desktops could take at the most, but by what those
 * of the pool were seen to take, with a margin: the largest of them so far, a quarter more, and never
 * less than a quarter of what they have. A pool of which nothing was measured counts in full. Room is
 * bounded twice: by what all desktops together are expected to take of the whole host, and by what the
 * host says is free now, less what its desktops may still grow by. */
#ifndef GENKAN_POOL_PLACEMENT_H
#define GENKAN_POOL_PLACEMENT_H

#include <stdbool.h>
#include <sys/types.h>
#include "pool/pool.h"
#include "pool/reason.h"

/* Virtual processors given out for each real one. */
#define PLACEMENT_CPU_OVERCOMMIT 8
/* The least an overlay is expected to take. */
#define PLACEMENT_OVERLAY_MIN (INT64_C(64) << 20)

struct placement_host {
	const char *name;
	bool active;       /* takes new desktops */
	bool silent;       /* has not reported lately */
	bool paused;       /* starts of the needed image fail there */
	bool image_coming; /* is fetching the needed image */
	bool image_bad;    /* reported the needed image as missing or bad */
	bool image_ready;  /* reported it as ready; neither: not known yet */
	int64_t cpus;      /* real ones */
	int64_t cpus_used; /* virtual ones given out */
	int64_t memory_bytes;
	int64_t memory_free_bytes;	/* that may be given out */
	int64_t disk_bytes;		/* 0: not known, and not looked at */
	int64_t disk_free_bytes;	/* that may be given out */
};

struct placement_need {
	int64_t cpus;
	int64_t memory_bytes;		/* that it is expected to take */
	int64_t disk_bytes;
};

/* What the desktops of one pool were seen to take at the most; 0: nothing was seen. */
struct placement_peak {
	int64_t memory_bytes, overlay_bytes;
};

/* A desktop that is on the host. */
struct placement_desktop {
	int64_t cpus, memory_bytes;
	int64_t pss_bytes, overlay_bytes;	/* measured; 0: not yet */
	bool up;				/* it runs already */
	struct placement_peak peak;		/* of its pool */
};

struct placement_need placement_expect(const struct desktop_size *size,
				       const struct placement_peak *peak);
/* Takes from a host, whose room is still all that it says is free, what a desktop is expected to
 * take and has not taken yet. `committed_bytes` adds up what the desktops are expected to take. */
void placement_account(struct placement_host *host, const struct placement_desktop *desktop,
		       int64_t *committed_bytes);

/* REASON_OK when the desktop fits, else why not. */
enum reason placement_fits(const struct placement_host *host, const struct placement_need *need);

/* The fitting host that has the image and then the largest share of memory left afterwards; ties
 * go to the first. -1 and REASON_NO_HOST when none fits; `why_not` (count entries, may be NULL)
 * gets every host's reason. */
ssize_t placement_choose(const struct placement_host *hosts, size_t count,
			 const struct placement_need *need, enum reason *why_not);

/* Whether no host fits now but one will once it has fetched the image. */
bool placement_is_coming(const struct placement_host *hosts, size_t count,
			 const struct placement_need *need);

/* Whether no host fits now but one could once others' desktops are gone. */
bool placement_is_full(const struct placement_host *hosts, size_t count,
		       const struct placement_need *need);

#endif
