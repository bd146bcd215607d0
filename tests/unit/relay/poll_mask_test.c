/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include "tests/unit/test.h"
#include "hostagent/relay/poll_mask.h"

static void test_masks(void **state)
{
	static const struct {
		const char *story;
		struct leg_facts facts;
		short mask;
	} table[] = {
		{ "a guest that was not dialled",
		  { .phase = LEG_ABSENT, .session_reads = true },
		  0 },
		{ "closed", { .phase = LEG_CLOSED, .queued = 9, .session_reads = true }, 0 },
		{ "reads", { .phase = LEG_OPEN, .session_reads = true }, POLLIN },
		{ "reads and writes",
		  { .phase = LEG_OPEN, .session_reads = true, .queued = 1 },
		  POLLIN | POLLOUT },
		{ "the session waits for the broker", { .phase = LEG_OPEN }, POLLRDHUP },
		{ "waits, and has an answer to send",
		  { .phase = LEG_OPEN, .queued = 1 },
		  POLLRDHUP | POLLOUT },
		{ "the other side is slow",
		  { .phase = LEG_OPEN, .session_reads = true, .other_queued = LEG_HIGH_WATER },
		  0 },
		{ "the other side is slow, this one is not",
		  { .phase = LEG_OPEN,
		    .session_reads = true,
		    .other_queued = LEG_HIGH_WATER,
		    .queued = 1 },
		  POLLOUT },
		{ "just below the mark",
		  { .phase = LEG_OPEN, .session_reads = true, .other_queued = LEG_HIGH_WATER - 1 },
		  POLLIN },
		{ "clear", { .phase = LEG_CLEAR, .session_reads = true }, POLLIN },
		{ "last clear bytes",
		  { .phase = LEG_FLUSHING, .queued = 1, .session_reads = true },
		  POLLOUT },
		{ "handshake, reading", { .phase = LEG_HANDSHAKE, .session_reads = true }, POLLIN },
		{ "handshake, writing",
		  { .phase = LEG_HANDSHAKE, .tls_wants_write = true },
		  POLLOUT },
		{ "goodbye",
		  { .phase = LEG_CLOSING, .queued = 1, .session_reads = true },
		  POLLOUT },
		{ "said goodbye", { .phase = LEG_LINGER }, POLLIN },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (poll_mask(&table[i].facts) != table[i].mask)
			fail_msg("%s: got %d", table[i].story, poll_mask(&table[i].facts));
	}
}

/* Whatever else holds: a full queue stops its source, and nothing is read outside a stream. */
static void test_never_reads_into_a_full_queue(void **state)
{
	for (int phase = LEG_ABSENT; phase <= LEG_CLOSED; phase++) {
		for (int bits = 0; bits < 8; bits++) {
			struct leg_facts f = { .phase = (enum leg_phase)phase,
				.tls_wants_write = bits & 1, .session_reads = bits & 2,
				.queued = bits & 4 ? 1 : 0, .other_queued = LEG_HIGH_WATER };

			assert_false(poll_may_read(&f));
			if (phase == LEG_CLEAR || phase == LEG_OPEN)
				assert_false(poll_mask(&f) & POLLIN);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_masks),
		cmocka_unit_test(test_never_reads_into_a_full_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
