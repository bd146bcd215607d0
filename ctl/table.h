/* SPDX-License-Identifier: Apache-2.0 */
/* table.h - rows for people: columns as wide as their text on a terminal (East Asian characters
 * count two), cut with an ellipsis to the width there is. Control characters never reach the
 * terminal. Call setlocale(LC_CTYPE, "C.UTF-8") before. */
#ifndef GENKAN_CTL_TABLE_H
#define GENKAN_CTL_TABLE_H

#include <stdint.h>
#include "common/base/buf.h"

struct table;

/* `titles` is borrowed and ended by NULL. */
struct table *table_new(const char *const *titles);
void table_free(struct table *table);
DEFINE_OWNED(table_free, struct table);
/* Cells from left to right; a row is full when each column has one. */
void table_text(struct table *table, const char *text);
void table_int(struct table *table, int64_t value);
/* 1.5 GiB; 512 MiB */
void table_bytes(struct table *table, int64_t bytes);
/* Local time to the second; "-" for 0. */
void table_time(struct table *table, int64_t at_ms);
void table_time_text(int64_t at_ms, struct buf *out);
/* `width` in columns of the terminal; 0: as wide as it gets. */
void table_render(const struct table *table, int width, struct buf *out);

/* Columns that `text` takes, as table cells show it. */
int table_width(const char *text);

#endif
