/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/timings.h"

#include "common/sys/clock.h"

#define KEPT 256

struct timing {
	int64_t at_ms, search_us, bind_us, groups_us, assign_us, total_us;
};

struct timings {
	struct timing items[KEPT];
	size_t count; /* ever noted */
};

struct timings *timings_new(void)
{
	return xnew(struct timings);
}

void timings_free(struct timings *timings)
{
	free(timings);
}

void timings_note(struct timings *timings, const struct request *r, int64_t total_us)
{
	timings->items[timings->count++ % KEPT] = (struct timing){
		clock_wall_ms(), r->search_us, r->bind_us, r->groups_us, r->assign_us, total_us,
	};
}

void timings_get(struct request *r)
{
	const struct timings *timings = r->broker->timings;
	json_t *logins = json_array();

	for (size_t i = timings->count > KEPT ? timings->count - KEPT : 0; i < timings->count;
	     i++) {
		const struct timing *t = &timings->items[i % KEPT];

		json_array_append_new(logins, json_pack("{s:I, s:f, s:f, s:f, s:f, s:f}", "at_ms",
							(json_int_t)t->at_ms, "search_ms",
							(double)t->search_us / 1e3, "bind_ms",
							(double)t->bind_us / 1e3, "groups_ms",
							(double)t->groups_us / 1e3, "assign_ms",
							(double)t->assign_us / 1e3, "total_ms",
							(double)t->total_us / 1e3));
	}
	request_reply(r, 200, json_pack("{s:o}", "logins", logins));
}
