/* SPDX-License-Identifier: Apache-2.0 */
/* pool_diff.h - two definitions of a pool, compared key by key, in words. Pure. */
#ifndef GENKAN_CTL_POOL_DIFF_H
#define GENKAN_CTL_POOL_DIFF_H

#include "common/base/buf.h"
#include "pool/pool.h"

/* A line for each key that differs, as the file has it and in its order:
 * "  size.max: 4 becomes 8 (most desktops, spares included)\n". */
void pool_diff_lines(const struct pool *before, const struct pool *after, struct buf *out);

#endif
