/* SPDX-License-Identifier: Apache-2.0 */
/* Desktops that wait until fewer others start; whose turn it is says vm/turn.h.
 *
 * A desktop has its turn from the moment that it is made until it is ready or has failed. One that
 * goes on from what an earlier agent began counts, and needs not ask. What boots again because its
 * guest was restarted does neither: it has users' work in it, and no start was ordered. */
#include <stdio.h>
#include "common/sys/clock.h"
#include "common/sys/log.h"
#include "hostagent/desktop_parts.h"
#include "hostagent/vm/turn.h"

enum { BOOTED_MS = 50 };

static bool is_start(enum vm_state state)
{
	return state >= VM_CLONING && state <= VM_IDENTITY;
}

/* How long a start may still hold others up. */
static int64_t left_ms(const struct desktop *desktop, int64_t now_ms)
{
	int64_t end_ms = desktop->turn.since_ms + desktop->host->config->start_turn_ms;

	return desktop->turn.since_ms && end_ms > now_ms ? end_ms - now_ms : 0;
}

static struct vm_start start_of(const struct desktop *desktop, int64_t now_ms)
{
	return (struct vm_start){
		.waits = desktop->turn.waits,
		.under_way = left_ms(desktop, now_ms) > 0,
		.for_user = desktop->turn.for_user,
		.came = desktop->turn.came,
	};
}

/* Of all desktops, in their order. */
static struct vm_start *all_starts(struct desktop_host *host, size_t *count)
{
	int64_t now_ms = clock_monotonic_ms();
	struct vm_start *starts;

	*count = 0;
	LIST_EACH(it, &host->desktops)
	(*count)++;
	starts = xcalloc(*count + 1, sizeof(*starts));
	*count = 0;
	LIST_EACH(it, &host->desktops)
	starts[(*count)++] = start_of(desktop_of(it), now_ms);
	return starts;
}

static struct desktop *nth(struct desktop_host *host, size_t index)
{
	LIST_EACH(it, &host->desktops)
	if (index-- == 0)
		return desktop_of(it);
	return NULL;
}

/* Looks again when the first of those under way has had its time. */
static void look_again(struct desktop_host *host)
{
	int64_t now_ms = clock_monotonic_ms(), first_ms = host->config->start_turn_ms;
	bool waits = false;

	LIST_EACH(it, &host->desktops) {
		int64_t left = left_ms(desktop_of(it), now_ms);

		waits |= desktop_of(it)->turn.waits;
		if (left && left < first_ms)
			first_ms = left;
	}
	if (waits)
		loop_timer_start(host->turns, first_ms);
}

/* A template may be coming that was not when it began to wait. */
static void give(struct desktop *desktop)
{
	int64_t now_ms = clock_monotonic_ms();

	desktop->turn.waits = false;
	if (desktop_hold(desktop))
		return;
	desktop->turn.since_ms = now_ms;
	desktop->turn.waited_ms = now_ms - desktop->turn.asked_ms;
	desktop_event(desktop, VM_EV_IMAGE_READY);
}

static void review(void *arg)
{
	struct desktop_host *host = arg;
	size_t count, next;

	for (;;) {
		OWNED(free) struct vm_start *starts = all_starts(host, &count);

		next = vm_turn_next(starts, count, host->starts_max);
		if (next == count)
			break;
		give(nth(host, next));
	}
	look_again(host);
}

void desktop_turns_init(struct desktop_host *host)
{
	host->turns = loop_timer_new(host->loop, review, host);
}

/* Who has come once keeps that place until the start has begun. */
void desktop_turn_ask(struct desktop *desktop)
{
	struct desktop_host *host = desktop->host;

	if (desktop->state != VM_QUEUED || desktop->turn.waits)
		return;
	if (!desktop->turn.came) {
		desktop->turn.came = ++host->arrivals;
		desktop->turn.asked_ms = clock_monotonic_ms();
	}
	desktop->turn.waits = true;
	review(host);
	if (desktop->turn.waits)
		host->changed(host->arg);
}

/* The first that has booted is about to get a template, which the next one waits for. */
void desktop_turn_entered(struct desktop *desktop, enum vm_state before)
{
	struct desktop_host *host = desktop->host;
	struct desktop_turn *turn = &desktop->turn;
	bool ends = turn->since_ms && !is_start(desktop->state);

	if (before == VM_QUEUED) {
		turn->waits = false;
		turn->came = 0;
	}
	if (before == VM_ABSENT && is_start(desktop->state))
		turn->since_ms = clock_monotonic_ms();
	if (!ends)
		return;
	turn->since_ms = 0;
	loop_timer_start(host->turns, desktop->resumed ? 0 : BOOTED_MS);
}

void desktop_want_user(struct desktop *desktop, bool for_user)
{
	if (desktop->turn.for_user == for_user)
		return;
	desktop->turn.for_user = for_user;
	if (desktop->turn.waits)
		desktop->host->changed(desktop->host->arg);
}

/* Those that go before it, or -1 when it does not wait. */
static int before(const struct desktop *desktop)
{
	size_t count, index = 0;

	if (!desktop->turn.waits)
		return -1;
	OWNED(free) struct vm_start *starts = all_starts(desktop->host, &count);

	LIST_EACH(it, &desktop->host->desktops)
	{
		if (desktop_of(it) == desktop)
			break;
		index++;
	}
	return (int)vm_turn_before(starts, count, index);
}

int desktop_turn_place(const struct desktop *desktop)
{
	return before(desktop) + 1;
}

void desktop_turn_text(int place, char *out, size_t size)
{
	if (place)
		snprintf(out, size, "waits for its turn, %d before it", place - 1);
}

void desktop_turns_count(struct desktop_host *host, int *under_way, int *waiting)
{
	int64_t now_ms = clock_monotonic_ms();

	*under_way = *waiting = 0;
	LIST_EACH(it, &host->desktops)
	{
		struct vm_start start = start_of(desktop_of(it), now_ms);

		*under_way += start.under_way;
		*waiting += start.waits;
	}
}
