/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/vm/turn.h"

/* What wakes up under KVM waits for its disk and network as well; what is emulated only computes.
 */
unsigned vm_starts_default(unsigned cpus, enum vm_accel accel)
{
	unsigned starts = accel == VM_ACCEL_KVM ? 2 * cpus : cpus;

	if (starts < 2)
		return 2; /* one that hangs is not to be the only one */
	return starts < VM_STARTS_MAX ? starts : VM_STARTS_MAX;
}

static bool goes_before(const struct vm_start *a, const struct vm_start *b)
{
	if (a->for_user != b->for_user)
		return a->for_user;
	return a->came < b->came;
}

size_t vm_turn_next(const struct vm_start *starts, size_t count, unsigned most)
{
	size_t next = count;
	unsigned under_way = 0;

	for (size_t i = 0; i < count; i++) {
		under_way += starts[i].under_way;
		if (starts[i].waits && (next == count || goes_before(&starts[i], &starts[next])))
			next = i;
	}
	return under_way < most ? next : count;
}

size_t vm_turn_before(const struct vm_start *starts, size_t count, size_t index)
{
	size_t before = 0;

	for (size_t i = 0; i < count; i++)
		before += starts[i].waits && goes_before(&starts[i], &starts[index]);
	return before;
}
