/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"
#include "hostagent/rdp/info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(buf_done) struct buf out = { 0 };
	struct client_info info, again;
	const char *why = NULL;

	if (client_info_parse(span_of(data, size), &info, &why) < 0)
		return 0;
	client_info_encode(&info, &out);
	MUST(client_info_parse(buf_span(&out), &again, &why) == 0);
	MUST(again.extent == info.extent && span_equal(again.user, info.user));
	return 0;
}
