/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"
#include "hostagent/rdp/door.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	struct x224_request request;
	struct x224_confirm confirm;
	struct door door;
	const char *why = NULL;

	MUST(door_decide(in, &door, &why) == 0 || why);
	why = NULL;
	MUST(x224_request_parse(in, &request, &why) == 0 || why);
	MUST(x224_confirm_parse(in, &confirm, &why) == 0 || why);
	return 0;
}
