/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"
#include "hostagent/rdp/x224.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	struct x224_request request;
	struct x224_confirm confirm;
	const char *why = NULL;

	MUST(x224_request_parse(in, &request, &why) == 0 || why);
	MUST(x224_confirm_parse(in, &confirm, &why) == 0 || why);
	return 0;
}
