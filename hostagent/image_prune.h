/* SPDX-License-Identifier: Apache-2.0 */
/* image_prune.h - removes images that nobody needs any more. Loop thread only. */
#ifndef GENKAN_HOSTAGENT_IMAGE_PRUNE_H
#define GENKAN_HOSTAGENT_IMAGE_PRUNE_H

#include "hostagent/desktop.h"

/* The broker has these images and says that no pool, desktop or rollback needs them. Those that a
 * desktop or a template here still lies on stay; ask again. */
void image_prune(struct desktop_host *host, const struct sync_answer *answer);

#endif
