/* SPDX-License-Identifier: Apache-2.0 */
/* The planner's promises, held against random sites. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "pool/planner.h"

#define GIB (INT64_C(1) << 30)

static unsigned seed;

static int64_t below(int64_t n)
{
	return rand_r(&seed) % n;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t rows_of(const struct planner_present *p)
{
	return p->assigned + p->spare_ready + p->spare_failed + p->leaving +
	       p->failed_lately;
}

static struct planner_wanted random_wanted(void)
{
	int64_t max = 1 + below(20);

	return (struct planner_wanted){
		.max = max,
		.spare = below(max + 1),
		.start = below(max + 1),
		.grow = below(5),
		.waiting = below(3) ? 0 : below(10),
		.memory_bytes = (1 + below(4)) * GIB,
		.deleted = below(8) == 0,
		.paused = below(8) == 0,
	};
}

static struct planner_present random_present(void)
{
	struct planner_present p = { .assigned = below(25), .spare_ready = below(25),
				     .spare_failed = below(5), .leaving = below(5),
				     .failed_lately = below(3) };

	p.starting = below(p.assigned + p.spare_ready + 1);
	p.spare_up = below(p.spare_ready + 1);
	p.stale = below(3) ? 0 : below(p.spare_up + 1);
	return p;
}

/* Whatever is there and whatever is wanted: carried out, the plan never breaks the pool's rules,
 * and once everything has settled there is nothing left to do. */
static void plans_keep_their_promises(void **state)
{
	for (int i = 0; i < 20000; i++) {
		struct planner_wanted w = random_wanted();
		struct planner_present p = random_present();
		struct planner_actions a = planner_plan(&w, &p);

		assert_true(a.create >= 0 && a.destroy_spare >= 0 && a.destroy_failed >= 0);
		assert_true(a.destroy_spare + a.destroy_stale <= p.spare_ready);
		assert_true(a.destroy_stale >= 0 && a.destroy_stale <= p.stale);
		assert_int_equal(a.destroy_failed, p.spare_failed);
		assert_true(a.create == 0 || rows_of(&p) + a.create <= w.max);
		assert_true(a.create == 0 || w.grow == 0 || p.starting + a.create <= w.grow);
		assert_false(a.create && a.destroy_spare);
		assert_false((w.deleted || w.paused) && a.create);

		/* Leaving ones are gone, ordered ones are ready: plan after plan, to the end. */
		for (int round = 0; round < 100; round++) {
			p.spare_ready += a.create - a.destroy_spare - a.destroy_stale;
			p.stale = least(p.stale - a.destroy_stale, p.spare_ready);
			p.spare_failed = p.leaving = p.starting = p.failed_lately = 0;
			p.spare_up = p.spare_ready;
			a = planner_plan(&w, &p);
		}
		assert_int_equal(a.create + a.destroy_spare + a.destroy_stale + a.destroy_failed, 0);
		assert_true(p.stale == 0 || w.paused || w.waiting);
		int64_t room = p.assigned < w.max ? w.max - p.assigned : 0;
		int64_t spares = w.spare + w.waiting;
		if (w.start - p.assigned > spares)
			spares = w.start - p.assigned;
		if (w.deleted)
			assert_int_equal(p.spare_ready, 0);
		else if (w.paused)
			assert_true(p.spare_ready <= least(spares, room));
		else
			assert_int_equal(p.spare_ready, least(spares, room));
	}
}

/* Users come and go, each taking a spare and having theirs destroyed: no healthy spare is ever
 * thrown away, and the pool is at its number of spares whenever nothing is on its way. */
static void spares_do_not_flap(void **state)
{
	for (int i = 0; i < 500; i++) {
		struct planner_wanted w = { .max = 2 + below(30), .grow = below(4) };
		struct planner_present p = { 0 };

		w.spare = below(w.max);
		w.start = below(w.max);
		for (int step = 0; step < 200; step++) {
			struct planner_actions a = planner_plan(&w, &p);

			assert_int_equal(a.destroy_spare, 0);
			p.spare_ready += a.create;
			p.starting += a.create;
			assert_true(rows_of(&p) <= w.max);
			switch (below(4)) {
			case 0:		/* somebody logs in, on a spare that is ready */
				if (p.spare_ready > p.starting) {
					p.spare_ready--;
					p.assigned++;
				}
				break;
			case 1:		/* somebody logs off */
				if (p.assigned > 0) {
					p.assigned--;
					p.leaving++;
				}
				break;
			case 2:
				p.leaving -= p.leaving > 0;
				break;
			case 3:
				p.starting -= p.starting > 0;
				break;
			}
		}
	}
}

/* While old spares are exchanged there are always as many as wanted that are up - one less only where
 * the pool is at its maximum - and in the end none is left, whatever the order in which things come
 * and go. */
static void spares_are_exchanged_and_never_missed(void **state)
{
	for (int i = 0; i < 500; i++) {
		struct planner_wanted w = { .max = 1 + below(30), .grow = below(4) };
		bool tight = below(3) == 0;
		int64_t coming = 0;
		struct planner_present p = { 0 };

		w.spare = 1 + below(w.max);
		p.spare_ready = p.spare_up = p.stale = w.spare;
		p.assigned = tight ? w.max - w.spare : below(w.max - w.spare + 1);
		bool room = p.assigned + w.spare < w.max;
		for (int step = 0; step < 3000 && (p.stale + coming + p.leaving ||
						     p.spare_up != w.spare); step++) {
			struct planner_actions a = planner_plan(&w, &p);

			p.stale -= a.destroy_stale;
			p.spare_up -= a.destroy_stale;
			p.spare_ready += a.create - a.destroy_stale;
			p.leaving += a.destroy_stale;
			coming += a.create;
			assert_int_equal(a.destroy_spare, 0);
			assert_true(rows_of(&p) <= w.max);
			assert_true(p.spare_up >= w.spare - !room);
			if (coming && below(2)) {
				coming--;
				p.spare_up++;
			} else if (p.leaving && below(2)) {
				p.leaving--;
			}
			p.starting = coming;
		}
		assert_int_equal(p.stale, 0);
		assert_int_equal(p.spare_up, w.spare);
	}
}

static void people_in_line_come_before_spares(void **state)
{
	struct planner_pool pools[] = {
		{ .wanted = { .max = 50, .spare = 10, .memory_bytes = GIB } },
		{ .wanted = { .max = 50, .spare = 0, .waiting = 3, .memory_bytes = GIB } },
	};
	size_t turns[64];

	assert_int_equal(planner_plan_site(pools, 2, 5 * GIB, turns, 64), 5);
	assert_int_equal(turns[0] + turns[1] + turns[2], 3);
	assert_int_equal(pools[1].actions.create, 3);
	assert_int_equal(pools[0].actions.create, 2);
}

/* With memory for some of what is wanted, shares differ by no more than one desktop of each, and
 * no memory that would do stays unused. */
static void memory_is_dealt_out_fairly(void **state)
{
	for (int i = 0; i < 2000; i++) {
		struct planner_pool pools[6];
		size_t turns[256], count = 2 + (size_t)below(5);
		int64_t free_gib = below(100), wanted_all = 0;

		memset(pools, 0, sizeof(pools));
		for (size_t k = 0; k < count; k++) {
			int64_t spare = 1 + below(30);

			pools[k].wanted = (struct planner_wanted){ .max = 100, .spare = spare,
								   .memory_bytes = GIB };
			wanted_all += spare;
		}
		size_t dealt = planner_plan_site(pools, count, free_gib * GIB, turns, 256);
		assert_int_equal(dealt, least(wanted_all, free_gib));

		int64_t made[6] = { 0 };
		for (size_t t = 0; t < dealt; t++)
			made[turns[t]]++;
		for (size_t a = 0; a < count; a++) {
			assert_int_equal(made[a], pools[a].actions.create);
			for (size_t b = 0; b < count; b++)
				assert_true((made[a] - 1) * pools[b].wanted.spare <=
					    made[b] * pools[a].wanted.spare);
		}
	}
}

/* Memory comes free bit by bit, and small desktops want all of it: the large one still comes. */
static void large_desktops_do_not_starve(void **state)
{
	struct planner_pool pools[] = {
		{ .wanted = { .max = 1000, .spare = 500, .memory_bytes = GIB } },
		{ .wanted = { .max = 10, .spare = 2, .memory_bytes = 8 * GIB } },
	};
	size_t turns[16];
	int64_t free_gib = 0;

	for (int step = 0; step < 200; step++) {
		free_gib++;
		size_t dealt = planner_plan_site(pools, 2, free_gib * GIB, turns, 16);
		for (size_t t = 0; t < dealt; t++) {
			pools[turns[t]].present.spare_ready++;
			free_gib -= pools[turns[t]].wanted.memory_bytes / GIB;
		}
		assert_true(free_gib >= 0);
	}
	assert_true(pools[1].present.spare_ready >= 1);
	assert_true(pools[0].present.spare_ready >= 100);
}

/* Those that are as they should be never look at the hosts. */
static void room_matters_to_those_who_order(void **state)
{
	struct planner_wanted w = { .max = 5, .spare = 2 };
	struct planner_present p = { .spare_ready = 2, .spare_up = 2 };

	assert_false(planner_needs_room(&w, &p));
	w.waiting = 1;
	assert_true(planner_needs_room(&w, &p));
	w.waiting = 0;
	p.spare_ready = 4;	/* too many go without one */
	assert_false(planner_needs_room(&w, &p));
	p.spare_ready = 1;
	assert_true(planner_needs_room(&w, &p));
	p.leaving = 4;	/* no place for it */
	assert_false(planner_needs_room(&w, &p));
	/* At the maximum one old spare is given up, but only for one that can start. */
	p = (struct planner_present){ .assigned = 3, .spare_ready = 2, .spare_up = 2, .stale = 2 };
	assert_true(planner_needs_room(&w, &p));
}

/* Where no room is needed, memory and hosts make no difference to anybody's turn. */
static void room_makes_no_difference_to_others(void **state)
{
	for (int i = 0; i < 20000; i++) {
		struct planner_wanted w = random_wanted();
		struct planner_present p = random_present();

		if (planner_needs_room(&w, &p))
			continue;
		w.paused = !w.paused;
		assert_false(planner_needs_room(&w, &p));
		assert_int_equal(planner_plan(&w, &p).create, 0);
	}
}

static void estimates_are_whole_batches(void **state)
{
	assert_int_equal(planner_estimate_ms(1, 4, 1000), 1000);
	assert_int_equal(planner_estimate_ms(4, 4, 1000), 1000);
	assert_int_equal(planner_estimate_ms(5, 4, 1000), 2000);
	assert_int_equal(planner_estimate_ms(5, 0, 1000), -1);
	assert_int_equal(planner_estimate_ms(5, 4, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans_keep_their_promises),
		cmocka_unit_test(spares_do_not_flap),
		cmocka_unit_test(spares_are_exchanged_and_never_missed),
		cmocka_unit_test(people_in_line_come_before_spares),
		cmocka_unit_test(memory_is_dealt_out_fairly),
		cmocka_unit_test(large_desktops_do_not_starve),
		cmocka_unit_test(room_matters_to_those_who_order),
		cmocka_unit_test(room_makes_no_difference_to_others),
		cmocka_unit_test(estimates_are_whole_batches),
	};

	seed = (unsigned)time(NULL);
	print_message("seed %u\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
