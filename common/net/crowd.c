/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/crowd.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "common/sys/clock.h"

#define CELLS 65536

struct row {
	atomic_uint all;
	_Atomic(uint16_t) cells[CELLS];
};

struct crowd {
	unsigned rows;
	uint64_t seed;
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

void crowd_enter(struct crowd *crowd, unsigned row, const char *address)
{
	atomic_fetch_add_explicit(&crowd->row[row].all, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&crowd->row[row].cells[cell_of(crowd, address)], 1,
				  memory_order_relaxed);
}

void crowd_leave(struct crowd *crowd, unsigned row, const char *address)
{
	atomic_fetch_sub_explicit(&crowd->row[row].all, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&crowd->row[row].cells[cell_of(crowd, address)], 1,
				  memory_order_relaxed);
}

void crowd_clear(struct crowd *crowd, unsigned row)
{
	memset((void *)&crowd->row[row], 0, sizeof(crowd->row[row]));
}

unsigned crowd_count(const struct crowd *crowd)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < crowd->rows; i++)
		sum += atomic_load_explicit(&crowd->row[i].all, memory_order_relaxed);
	return sum;
}

unsigned crowd_count_of(const struct crowd *crowd, const char *address)
{
	size_t cell = cell_of(crowd, address);
	unsigned sum = 0;

	for (unsigned i = 0; i < crowd->rows; i++)
		sum += atomic_load_explicit(&crowd->row[i].cells[cell], memory_order_relaxed);
	return sum;
}
