/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/schedule.h"

#include <errno.h>
#include <string.h>

#define DAYS 7

static const char day_words[DAYS][4] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

/* Each of these moves `*at` behind what it read, or returns a negative errno. */

static int read_day(const char **at)
{
	for (int day = 0; day < DAYS; day++) {
		if (strncmp(*at, day_words[day], 3) != 0)
			continue;
		*at += 3;
		return day;
	}
	return -EINVAL;
}

static int read_days(const char **at, unsigned *days)
{
	*days = 0;
	for (;;) {
		int first = read_day(at), last = first;

		if (first >= 0 && **at == '-') {
			++*at;
			last = read_day(at);
		}
		if (first < 0 || last < 0)
			return -EINVAL;
		for (int day = first;; day = (day + 1) % DAYS) {
			*days |= 1u << day;
			if (day == last)
				break;
		}
		if (**at != ',')
			return 0;
		++*at;
	}
}

static int read_number(const char **at, int digits_max, int64_t *out)
{
	int digits = 0;

	*out = 0;
	for (; digits < digits_max && **at >= '0' && **at <= '9'; digits++)
		*out = *out * 10 + (*(*at)++ - '0');
	return digits ? digits : -EINVAL;
}

/* 00:00 to 24:00 */
static int read_time(const char **at, int *minute)
{
	int64_t hours, minutes;

	if (read_number(at, 2, &hours) != 2 || *(*at)++ != ':' ||
	    read_number(at, 2, &minutes) != 2 || hours > 24 || minutes > 59)
		return -EINVAL;
	*minute = (int)(hours * 60 + minutes);
	return *minute <= SCHEDULE_DAY_MINUTES ? 0 : -EINVAL;
}

static int skip(const char **at, const char *text)
{
	size_t len = strlen(text);

	if (strncmp(*at, text, len) != 0)
		return -EINVAL;
	*at += len;
	return 0;
}

int schedule_parse(const char *text, struct schedule_line *out, struct error *err)
{
	struct schedule_line line = { 0 };
	const char *at = text;

	if (read_days(&at, &line.days) < 0 || skip(&at, " ") < 0)
		return error_set(err, EINVAL, "must begin with days, as in mon-fri or sat,sun");
	if (read_time(&at, &line.from) < 0 || skip(&at, "-") < 0 ||
	    read_time(&at, &line.until) < 0 || line.from == SCHEDULE_DAY_MINUTES)
		return error_set(err, EINVAL, "needs hours behind the days, as in 07:30-18:00");
	if (skip(&at, " spare ") < 0 || read_number(&at, 5, &line.spare) < 0 || *at ||
	    line.spare > POOL_DESKTOPS_MAX)
		return error_set(err, EINVAL, "must end with a number, as in spare 20");
	*out = line;
	return 0;
}

bool schedule_holds(const struct schedule_line *line, int week_minute)
{
	int day = week_minute / SCHEDULE_DAY_MINUTES, minute = week_minute % SCHEDULE_DAY_MINUTES;
	bool today = line->days & 1u << day;
	bool yesterday = line->days & 1u << (day + DAYS - 1) % DAYS;

	if (line->until > line->from)
		return today && minute >= line->from && minute < line->until;
	return (today && minute >= line->from) || (yesterday && minute < line->until);
}

int64_t schedule_spare(const struct pool *pool, int week_minute)
{
	struct schedule_line line;
	int64_t spare = -1;

	for (size_t i = 0; i < pool->schedule_count; i++)
		if (schedule_parse(pool->schedule[i], &line, NULL) == 0 &&
		    schedule_holds(&line, week_minute) && line.spare > spare)
			spare = line.spare;
	return spare >= 0 ? spare : pool->size_spare;
}
