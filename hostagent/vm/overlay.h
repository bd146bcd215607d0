/* SPDX-License-Identifier: Apache-2.0 */
/* overlay.h - how far a desktop's overlay may grow. Pure. */
#ifndef GENKAN_VM_OVERLAY_H
#define GENKAN_VM_OVERLAY_H

#include <stdbool.h>
#include <stdint.h>

struct overlay_level {
	bool full;		/* the desktop has to pause */
	int percent;		/* 80, 90 or 100: worth telling; 0: not yet */
	int64_t next_bytes;	/* of the file: ask again when it has grown to that; 0: never */
};

/* `max_bytes` 0: there is no limit. */
struct overlay_level overlay_level(int64_t file_bytes, int64_t max_bytes);

#endif
