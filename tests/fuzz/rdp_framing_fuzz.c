/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"
#include "hostagent/rdp/framing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	struct frame frame;
	const char *why = NULL;
	ssize_t n;

	while ((n = frame_parse(in, &frame, &why)) > 0) {
		MUST((size_t)n <= in.len && frame.body.len < (size_t)n);
		in = span_of(in.ptr + n, in.len - (size_t)n);
	}
	MUST(n == 0 || why);
	return 0;
}
