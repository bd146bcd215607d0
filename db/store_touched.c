/* SPDX-License-Identifier: Apache-2.0 */
/* Which rows were written to, in the words of the API. The engine tells of each row by its table
 * and number, whoever wrote it: code that changes something need not remember to say so. */
#include "db/store_internal.h"

#include <string.h>

static const struct {
	const char *table;
	enum store_kind kind;
	enum statement find;
	bool gone_too; /* one that is deleted is a change of what people see */
} tables[] = {
	{ "desktop", STORE_KIND_DESKTOP, ST_TOUCHED_DESKTOP, true },
	{ "assignment", STORE_KIND_DESKTOP, ST_TOUCHED_ASSIGNMENT, true },
	{ "pool", STORE_KIND_POOL, ST_TOUCHED_POOL, true },
	{ "waiter", STORE_KIND_POOL, ST_TOUCHED_WAITER, true },
	{ "rollout", STORE_KIND_POOL, ST_TOUCHED_ROLLOUT, false },
	{ "image", STORE_KIND_IMAGE, ST_TOUCHED_IMAGE, true },
	{ "image_channel", STORE_KIND_IMAGE, ST_TOUCHED_CHANNEL, false },
	{ "host", STORE_KIND_HOST, ST_TOUCHED_HOST, true },
	{ "rdp_session", STORE_KIND_SESSION, ST_TOUCHED_SESSION, false },
	{ "audit", STORE_KIND_DENIED, ST_TOUCHED_AUDIT, false },
	{ "exception", STORE_KIND_EXCEPTION, ST_TOUCHED_EXCEPTION, false },
};
_Static_assert(ARRAY_LEN(tables) <= ARRAY_LEN(((struct store_touched *)0)->many), "tables");

const char *store_kind_word(enum store_kind kind)
{
	static const char *const words[STORE_KINDS] = {
		[STORE_KIND_POOL] = "pool",           [STORE_KIND_DESKTOP] = "desktop",
		[STORE_KIND_HOST] = "host",           [STORE_KIND_SESSION] = "session",
		[STORE_KIND_DENIED] = "denied",       [STORE_KIND_IMAGE] = "image",
		[STORE_KIND_EXCEPTION] = "exception",
	};

	return words[kind];
}

void store_touch_list_done(struct store_touch_list *list)
{
	free(list->items);
	*list = (struct store_touch_list){ 0 };
}

void store_touched_note(struct store_touched *touched, const char *table, int64_t row)
{
	size_t t = 0;

	while (t < ARRAY_LEN(tables) && strcmp(tables[t].table, table) != 0)
		t++;
	if (t == ARRAY_LEN(tables) || touched->many[t])
		return;
	for (size_t i = 0; i < touched->count; i++)
		if (touched->rows[i].table == t && touched->rows[i].row == row)
			return;
	if (touched->count == ARRAY_LEN(touched->rows)) {
		touched->many[t] = true;
		return;
	}
	touched->rows[touched->count].table = (uint8_t)t;
	touched->rows[touched->count++].row = row;
}

void store_watch(struct store *store)
{
	*store_touched_of(store) = (struct store_touched){ .on = true };
}

static struct store_touch *add(struct store_touch_list *list, enum store_kind kind)
{
	struct store_touch *touch = STORE_APPEND(list);

	touch->kind = kind;
	return touch;
}

static int look_up(struct store *store, size_t table, int64_t row, struct store_touch_list *list,
		   struct error *err)
{
	OWNED(query_done) struct query q = query(store, tables[table].find);
	int rc;

	query_int(&q, row);
	rc = query_row(&q, err);
	if (rc < 0 || (rc == 0 && !tables[table].gone_too))
		return rc;
	struct store_touch *touch = add(list, tables[table].kind);

	if (rc == 0)
		return 0;
	get_text(&q, touch->id, sizeof(touch->id));
	get_text(&q, touch->pool, sizeof(touch->pool));
	get_text(&q, touch->person, sizeof(touch->person));
	return query_sound(&q, err);
}

int store_touched(struct store *store, struct store_touch_list *out, struct error *err)
{
	struct store_touched *touched = store_touched_of(store);
	OWNED(store_touch_list_done) struct store_touch_list list = { 0 };
	int rc = 0;

	for (size_t i = 0; i < touched->count && rc >= 0; i++)
		rc = look_up(store, touched->rows[i].table, touched->rows[i].row, &list, err);
	for (size_t t = 0; t < ARRAY_LEN(tables); t++)
		if (touched->many[t])
			add(&list, tables[t].kind);
	store_watch(store);
	if (rc < 0)
		return rc;
	*out = list;
	list = (struct store_touch_list){ 0 };
	return 0;
}
