/* SPDX-License-Identifier: Apache-2.0 */
/* pool_diff.h - two pools as the API shows them, compared key by key. Pure. */
#ifndef GENKAN_CTL_POOL_DIFF_H
#define GENKAN_CTL_POOL_DIFF_H

#include "common/data/json.h"

/* "  size.max: 4 -> 8\n" for each key of `after` that differs in `before`, in key order. */
void pool_diff_lines(const json_t *before, const json_t *after, struct buf *out);

#endif
