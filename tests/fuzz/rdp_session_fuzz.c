/* SPDX-License-Identifier: Apache-2.0 */
/* A whole session from a recording (see replay.h), bytes of both sides in any order, once with
 * everything denied and once with everything allowed. However it is cut, the same must come out. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/rdp_policies.h"
#include "tests/unit/rdp/replay.h"

static void run(const struct rdp_policy *policy, struct span recording)
{
	struct replay whole, cut;

	replay_init(&whole, policy, 0);
	replay_init(&cut, policy, 1 + recording.len % 61);
	replay_recording(&whole, recording);
	replay_recording(&cut, recording);
	MUST(strcmp(buf_text(&whole.lines), buf_text(&cut.lines)) == 0);
	for (size_t i = 0; i < RDP_SIDES; i++)
		MUST(span_equal(buf_span(&whole.written[i]), buf_span(&cut.written[i])));
	replay_done(&whole);
	replay_done(&cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < ARRAY_LEN(fuzz_policies); i++)
		run(&fuzz_policies[i], span_of(data, size));
	return 0;
}
