/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/planner.h"

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t at_least_zero(int64_t v)
{
	return most(v, 0);
}

/* Users come first: what they hold is not available for spares. */
static int64_t wanted_spares(const struct planner_wanted *w, const struct planner_present *p)
{
	int64_t room = at_least_zero(w->max - p->assigned);
	int64_t spares = most(w->spare + w->waiting, w->start - p->assigned);

	return w->deleted ? 0 : least(at_least_zero(spares), room);
}

int64_t planner_spares(const struct planner_wanted *w, const struct planner_present *p)
{
	return wanted_spares(w, p);
}

/* So many old spares are not needed any more this moment. */
static int64_t stale_to_go(const struct planner_wanted *w, const struct planner_present *p,
			   int64_t wanted, int64_t places)
{
	bool tight = !places && !p->leaving && !p->spare_failed && !p->failed_lately &&
		     !w->waiting && !w->paused &&
		     p->spare_ready <= wanted && p->spare_up == p->spare_ready;

	if (p->stale == 0)
		return 0;
	return tight ? 1 : least(p->stale, at_least_zero(p->spare_up - wanted));
}

/* So many more than wanted are made for those that are to be exchanged. */
static int64_t surge(const struct planner_wanted *w, int64_t wanted, int64_t stale)
{
	return w->paused || w->deleted ? 0 : least(stale, most(1, wanted / 4));
}

struct planner_actions planner_plan(const struct planner_wanted *w,
				    const struct planner_present *p)
{
	int64_t wanted = wanted_spares(w, p);
	int64_t rows = p->assigned + p->spare_ready + p->spare_failed + p->leaving +
		       p->failed_lately;
	int64_t places = at_least_zero(w->max - rows);
	int64_t starts = w->grow ? at_least_zero(w->grow - p->starting) : places;
	int64_t stale = stale_to_go(w, p, wanted, places);
	int64_t have = p->spare_ready - stale;
	int64_t goal = wanted + surge(w, wanted, p->stale - stale);

	if (w->paused)
		starts = 0;
	/* Failed and surplus spares still hold their places until they are gone, so replacements
	 * are ordered by a later plan if the pool is tight. */
	return (struct planner_actions){
		.destroy_failed = p->spare_failed,
		.destroy_stale = stale,
		.destroy_spare = at_least_zero(have - goal),
		.create = at_least_zero(least(goal - have - p->failed_lately,
					      least(places, starts))),
	};
}

bool planner_needs_room(const struct planner_wanted *w, const struct planner_present *p)
{
	struct planner_wanted room = *w, none = *w;

	room.paused = false;
	none.paused = true;
	struct planner_actions a = planner_plan(&room, p), b = planner_plan(&none, p);

	return a.create != b.create || a.destroy_stale != b.destroy_stale ||
	       a.destroy_spare != b.destroy_spare || a.destroy_failed != b.destroy_failed;
}

/* Whose turn it is before whose: people in line first, then the smaller share of what is wanted.
 * `given` is what each got in this plan already. */
static bool goes_before(const struct planner_pool *a, int64_t a_given,
			const struct planner_pool *b, int64_t b_given)
{
	int64_t a_has = a->present.spare_ready + a_given, b_has = b->present.spare_ready + b_given;
	bool a_people = a_has < a->wanted.waiting, b_people = b_has < b->wanted.waiting;

	if (a_people != b_people)
		return a_people;
	return a_has * most(wanted_spares(&b->wanted, &b->present), 1) <
	       b_has * most(wanted_spares(&a->wanted, &a->present), 1);
}

/* The pool that is next, or count. actions.create is what each still wants. */
static size_t next_turn(const struct planner_pool *pools, size_t count, const int64_t *wished)
{
	size_t best = count;

	for (size_t i = 0; i < count; i++) {
		if (pools[i].actions.create == 0)
			continue;
		if (best == count ||
		    goes_before(&pools[i], wished[i] - pools[i].actions.create, &pools[best],
				wished[best] - pools[best].actions.create))
			best = i;
	}
	return best;
}

static size_t deal(struct planner_pool *pools, size_t count, const int64_t *wished,
		   int64_t memory_bytes, size_t *turns, size_t turns_max)
{
	size_t dealt = 0, i;

	while (dealt < turns_max && (i = next_turn(pools, count, wished)) < count) {
		memory_bytes -= pools[i].wanted.memory_bytes;
		if (memory_bytes < 0) {
			/* Reserved: what is left is too little for this one, and kept for it. */
			break;
		}
		pools[i].actions.create--;
		turns[dealt++] = i;
	}
	return dealt;
}

size_t planner_plan_site(struct planner_pool *pools, size_t count, int64_t memory_free_bytes,
			 size_t *turns, size_t turns_max)
{
	enum { POOLS = 256 };
	int64_t wished[POOLS];
	size_t known = count < POOLS ? count : POOLS;

	for (size_t i = 0; i < known; i++) {
		pools[i].actions = planner_plan(&pools[i].wanted, &pools[i].present);
		wished[i] = pools[i].actions.create;
	}

	size_t dealt = deal(pools, known, wished, memory_free_bytes, turns, turns_max);
	for (size_t i = 0; i < known; i++)
		pools[i].actions.create = wished[i] - pools[i].actions.create;
	return dealt;
}

int64_t planner_estimate_ms(int64_t position, int64_t parallel, int64_t start_ms)
{
	if (parallel < 1 || start_ms < 1 || position < 1)
		return -1;
	return (position + parallel - 1) / parallel * start_ms;
}

int64_t planner_pause_ms(int64_t failures)
{
	enum { FIRST_MS = 15000, LAST_MS = 15 * 60000 };
	int64_t pause_ms = FIRST_MS;

	if (failures < 2)	/* once is chance */
		return 0;
	for (int64_t i = 2; i < failures && pause_ms < LAST_MS; i++)
		pause_ms *= 2;
	return least(pause_ms, LAST_MS);
}
