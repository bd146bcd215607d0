/* SPDX-License-Identifier: Apache-2.0 */
/* weigh.h - what desktops really take: memory as PSS (what clones share counts once among them), disk
 * as allocated blocks. One after the other, so that a full host never waits for it. Loop thread only. */
#ifndef GENKAN_HOSTAGENT_WEIGH_H
#define GENKAN_HOSTAGENT_WEIGH_H

#include "hostagent/desktop.h"

struct weigher;

/* `host` must outlive it. */
struct weigher *weigher_new(struct desktop_host *host);
void weigher_free(struct weigher *weigher);

/* Room where overlays are. */
struct disk_room {
	int64_t bytes, free_bytes;	/* 0, 0: cannot be told */
};
struct disk_room disk_room(const struct hostagent_config *config);
/* Memory that templates take on their RAM disk. */
int64_t weigher_templates_bytes(const struct weigher *weigher);

#endif
