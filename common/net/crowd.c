/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/crowd.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>

#include "common/sys/clock.h"

#define CELLS 65536

struct row {
	atomic_int all, cells[CELLS];
};

struct crowd {
	unsigned rows;
	uint64_t seed;
	struct row sum;
	struct row row[];
};

static size_t size_of(unsigned rows)
{
	return sizeof(struct crowd) + rows * sizeof(struct row);
}

struct crowd *crowd_new(unsigned rows)
{
	struct crowd *crowd = mmap(NULL, size_of(rows), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (crowd == MAP_FAILED)
		abort();
	crowd->rows = rows;
	random_bytes(&crowd->seed, sizeof(crowd->seed));
	return crowd;
}

void crowd_free(struct crowd *crowd)
{
	if (crowd)
		munmap(crowd, size_of(crowd->rows));
}

/* FNV-1a from a secret start. */
static size_t cell_of(const struct crowd *crowd, const char *address)
{
	uint64_t hash = crowd->seed;

	for (; *address; address++)
		hash = (hash ^ (unsigned char)*address) * UINT64_C(0x100000001b3);
	return (hash ^ hash >> 32) % CELLS;
}

static bool take(atomic_int *count, unsigned most)
{
	int there = atomic_load(count);

	while (there < 0 || (unsigned)there < most)
		if (atomic_compare_exchange_weak(count, &there, there + 1))
			return true;
	return false;
}

/* The row first: who dies between the two leaves a place too many behind, never one too few. */
bool crowd_enter(struct crowd *crowd, unsigned row, const char *address, unsigned most_of_address,
		 unsigned most)
{
	size_t cell = cell_of(crowd, address);
	struct row *own = &crowd->row[row];

	atomic_fetch_add(&own->cells[cell], 1);
	if (take(&crowd->sum.cells[cell], most_of_address)) {
		atomic_fetch_add(&own->all, 1);
		if (take(&crowd->sum.all, most))
			return true;
		atomic_fetch_sub(&own->all, 1);
		atomic_fetch_sub(&crowd->sum.cells[cell], 1);
	}
	atomic_fetch_sub(&own->cells[cell], 1);
	return false;
}

void crowd_leave(struct crowd *crowd, unsigned row, const char *address)
{
	size_t cell = cell_of(crowd, address);

	atomic_fetch_sub(&crowd->sum.all, 1);
	atomic_fetch_sub(&crowd->sum.cells[cell], 1);
	atomic_fetch_sub(&crowd->row[row].all, 1);
	atomic_fetch_sub(&crowd->row[row].cells[cell], 1);
}

static void give_back(atomic_int *own, atomic_int *sum)
{
	int count = atomic_exchange(own, 0);

	if (count)
		atomic_fetch_sub(sum, count);
}

void crowd_clear(struct crowd *crowd, unsigned row)
{
	for (size_t i = 0; i < CELLS; i++)
		give_back(&crowd->row[row].cells[i], &crowd->sum.cells[i]);
	give_back(&crowd->row[row].all, &crowd->sum.all);
}

unsigned crowd_count(const struct crowd *crowd)
{
	int count = atomic_load(&crowd->sum.all);

	return count > 0 ? (unsigned)count : 0;
}
