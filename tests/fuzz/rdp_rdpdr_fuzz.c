/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"
#include "hostagent/rdp/rdpdr.h"

/* Whatever is asked, no answer announces a device. */
static void count_answer(void *context, struct span message)
{
	MUST(message.len >= 4 && message.len <= 64);
	if (memcmp(message.ptr, "rDAD", 4) == 0)
		MUST(span_equal(message, SPAN_LITERAL("rDAD\0\0\0\0")));
	++*(size_t *)context;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rdpdr_noop noop = { 0 };
	struct reader r = reader_of(span_of(data, size));
	const char *why = NULL;
	size_t answers = 0;

	while (r.rest.len) {	/* chunk flags, length, data */
		struct svc_chunk chunk = { .flags = read_u8(&r) & 3 };

		chunk.data = read_bytes(&r, read_u8(&r));
		if (r.bad || rdpdr_noop_take(&noop, &chunk, count_answer, &answers, &why) < 0)
			return 0;
	}
	return 0;
}
