/* SPDX-License-Identifier: Apache-2.0 */
/* schedule.h - how many spares a pool keeps at which hour. Pure: local time comes as the minute of
 * the week, so that time zones and summer time are the caller's.
 *
 *	mon-fri 07:30-18:00 spare 20
 *	sat,sun 00:00-24:00 spare 1
 *
 * A span whose end is not after its beginning ends on the next day. */
#ifndef GENKAN_POOL_SCHEDULE_H
#define GENKAN_POOL_SCHEDULE_H

#include "pool/pool.h"

#define SCHEDULE_DAY_MINUTES (24 * 60)
#define SCHEDULE_WEEK_MINUTES (7 * SCHEDULE_DAY_MINUTES)	/* Monday 00:00 is minute 0 */

struct schedule_line {
	unsigned days;		/* bit 0: Monday */
	int from, until;	/* minutes of the day; until <= from: on the next day */
	int64_t spare;
};

int schedule_parse(const char *text, struct schedule_line *out, struct error *err) MUST_CHECK;
bool schedule_holds(const struct schedule_line *line, int week_minute);

/* The largest number of the lines that hold now, or size.spare when none does. */
int64_t schedule_spare(const struct pool *pool, int week_minute);

#endif
