/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/table.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#define GAP 2
#define NARROWEST 6	/* columns are not cut below this */

struct table {
	const char *const *titles;
	int columns;
	char **cells;
	size_t count;
};

struct table *table_new(const char *const *titles)
{
	struct table *table = xnew(struct table);

	table->titles = titles;
	while (titles[table->columns])
		table->columns++;
	return table;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table);
}

/* The next character: its bytes and its columns; what is not printable counts as one '?'. */
static size_t next_char(const char *text, int *columns)
{
	mbstate_t state = { 0 };
	wchar_t wide;
	size_t len = mbrtowc(&wide, text, strlen(text), &state);

	if (len == (size_t)-1 || len == (size_t)-2 || len == 0) {
		*columns = -1;
		return 1;
	}
	*columns = wcwidth(wide);
	return len;
}

int table_width(const char *text)
{
	int width = 0;

	while (*text) {
		int columns;

		text += next_char(text, &columns);
		width += columns < 0 ? 1 : columns;
	}
	return width;
}

/* At most `width` columns, with an ellipsis when something was cut, padded unless it is the last. */
static void put_cell(struct buf *out, const char *text, int width, bool last)
{
	bool cut = table_width(text) > width;
	int used = 0;

	while (*text) {
		int columns;
		size_t len = next_char(text, &columns);
		int room = columns < 0 ? 1 : columns;

		if (used + room > width - cut)
			break;
		if (columns < 0)
			buf_put_u8(out, '?');
		else
			buf_put(out, text, len);
		used += room;
		text += len;
	}
	if (cut) {
		buf_put_text(out, "…");
		used++;
	}
	if (!last)
		buf_printf(out, "%*s", width - used + GAP, "");
}

void table_text(struct table *table, const char *text)
{
	table->cells = xrealloc(table->cells, (table->count + 1) * sizeof(*table->cells));
	table->cells[table->count++] = xstrdup(text && *text ? text : "-");
}

void table_int(struct table *table, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	table_text(table, text);
}

void table_bytes(struct table *table, int64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	char text[32];
	size_t unit = 0;
	double value = (double)bytes;

	while (value >= 1024 && unit + 1 < ARRAY_LEN(units)) {
		value /= 1024;
		unit++;
	}
	bool whole = value == (double)(int64_t)value;
	snprintf(text, sizeof(text), "%.*f %s", whole ? 0 : 1, value, units[unit]);
	table_text(table, text);
}

void table_time_text(int64_t at_ms, struct buf *out)
{
	char text[32] = "-";
	time_t seconds = at_ms / 1000;
	struct tm tm;

	if (at_ms && localtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	buf_put_text(out, text);
}

void table_time(struct table *table, int64_t at_ms)
{
	OWNED(buf_done) struct buf text = BUF_LIMIT(64);

	table_time_text(at_ms, &text);
	table_text(table, buf_text(&text));
}

static void measure(const struct table *table, int *widths)
{
	for (int c = 0; c < table->columns; c++)
		widths[c] = table_width(table->titles[c]);
	for (size_t i = 0; i < table->count; i++) {
		int c = (int)(i % (size_t)table->columns);
		int width = table_width(table->cells[i]);

		if (width > widths[c])
			widths[c] = width;
	}
}

/* Takes columns off the widest until the row fits. */
static void shrink(int *widths, int columns, int width)
{
	int total = (columns - 1) * GAP;

	for (int c = 0; c < columns; c++)
		total += widths[c];
	while (width > 0 && total > width) {
		int widest = 0;

		for (int c = 1; c < columns; c++)
			if (widths[c] > widths[widest])
				widest = c;
		if (widths[widest] <= NARROWEST)
			return;
		widths[widest]--;
		total--;
	}
}

void table_render(const struct table *table, int width, struct buf *out)
{
	OWNED(free) int *widths = xcalloc((size_t)table->columns, sizeof(*widths));
	size_t rows = table->count / (size_t)table->columns;

	assert(table->count % (size_t)table->columns == 0);
	measure(table, widths);
	shrink(widths, table->columns, width);
	for (int c = 0; c < table->columns; c++)
		put_cell(out, table->titles[c], widths[c], c + 1 == table->columns);
	buf_put_u8(out, '\n');
	for (size_t r = 0; r < rows; r++) {
		for (int c = 0; c < table->columns; c++)
			put_cell(out, table->cells[r * (size_t)table->columns + (size_t)c],
				 widths[c], c + 1 == table->columns);
		buf_put_u8(out, '\n');
	}
}
