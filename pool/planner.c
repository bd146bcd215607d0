/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/planner.h"

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t at_least_zero(int64_t v)
{
	return v > 0 ? v : 0;
}

struct planner_actions planner_plan(int64_t max, int64_t spare, bool deleted,
				    struct planner_present present)
{
	/* Users come first: what they hold is not available for spares. */
	int64_t room = at_least_zero(max - present.assigned);
	int64_t wanted = deleted ? 0 : least(spare, room);
	int64_t rows = present.assigned + present.spare_ready + present.spare_failed +
		       present.leaving;

	/* Failed and surplus spares still hold their places until they are gone, so replacements
	 * are ordered by a later plan if the pool is tight. */
	return (struct planner_actions){
		.destroy_failed = present.spare_failed,
		.destroy_spare = at_least_zero(present.spare_ready - wanted),
		.create = at_least_zero(
			least(wanted - present.spare_ready, at_least_zero(max - rows))),
	};
}
