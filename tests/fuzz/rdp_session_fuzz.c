/* SPDX-License-Identifier: Apache-2.0 */
/* A whole session from a recording (see replay.h). However it is cut, the same must come out. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/rdp/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct rdp_policy policy = { .sound = size & 1 ? RDP_ALLOW : RDP_DENY };
	struct span recording = span_of(data, size);
	struct replay whole, cut;

	replay_init(&whole, &policy, 0);
	replay_init(&cut, &policy, 1 + size % 61);
	replay_recording(&whole, recording);
	replay_recording(&cut, recording);
	MUST(strcmp(buf_text(&whole.lines), buf_text(&cut.lines)) == 0);
	for (size_t i = 0; i < RDP_SIDES; i++)
		MUST(span_equal(buf_span(&whole.written[i]), buf_span(&cut.written[i])));
	replay_done(&whole);
	replay_done(&cut);
	return 0;
}
