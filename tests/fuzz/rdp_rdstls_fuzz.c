/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"
#include "hostagent/rdp/rdstls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rdstls_request request;
	const char *why = NULL;
	ssize_t n = rdstls_request_parse(span_of(data, size), &request, &why);

	MUST(n <= (ssize_t)size && (n >= 0 || why));
	return 0;
}
