/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"
#include "hostagent/rdp/caps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(buf_done) struct buf out = { 0 };
	struct caps_active active, again;
	const char *why = NULL;

	for (enum caps_kind kind = CAPS_DEMAND; kind <= CAPS_CONFIRM; kind++) {
		buf_reset(&out);
		if (caps_parse(span_of(data, size), kind, &active, &why) < 0)
			continue;
		caps_encode(&active, &out);
		MUST(caps_parse(buf_span(&out), kind, &again, &why) == 0);
		for (size_t i = 0; i < again.set_count; i++)
			MUST(again.sets[i].type != 0x17 && again.sets[i].type != 0x18);
	}
	return 0;
}
