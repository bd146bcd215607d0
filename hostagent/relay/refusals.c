/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/relay/refusals.h"

#include <stdio.h>
#include <string.h>

static bool same(const struct event *a, const struct event *b)
{
	return strcmp(a->client_address, b->client_address) == 0 && strcmp(a->what, b->what) == 0 &&
	       strcmp(a->name, b->name) == 0;
}

bool refusals_note(struct refusals *r, const struct event *e)
{
	struct event *rest = &r->slots[REFUSALS_SLOTS];

	for (size_t i = 0; i < r->used; i++) {
		if (same(&r->slots[i], e)) {
			r->slots[i].count += e->count;
			return false;
		}
	}
	if (r->used < REFUSALS_SLOTS) {
		r->slots[r->used] = *e;
		r->slots[r->used].count = 0;
		r->used++;
		return true;
	}
	if (rest->count == 0) {
		*rest = *e;
		rest->count = 0;
		snprintf(rest->client_address, sizeof(rest->client_address), "%s", "several");
		snprintf(rest->detail, sizeof(rest->detail), "%s",
			 "more sources than are kept apart");
	}
	rest->count += e->count;
	return false;
}

size_t refusals_collect(struct refusals *r, int64_t at_ms, struct event *out)
{
	size_t count = 0;

	for (size_t i = 0; i <= REFUSALS_SLOTS; i++) {
		if (r->slots[i].count) {
			out[count] = r->slots[i];
			out[count++].at_ms = at_ms;
		}
	}
	memset(r, 0, sizeof(*r));
	return count;
}
