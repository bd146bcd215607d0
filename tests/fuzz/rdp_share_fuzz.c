/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"
#include "hostagent/rdp/share.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(span_of(data, size));
	struct share_pdu pdu;
	const char *why = NULL;
	int more;

	while ((more = share_next(&r, &pdu, &why)) > 0)
		MUST(pdu.body.len < size);
	MUST(more == 0 ? r.rest.len == 0 : why != NULL);
	return 0;
}
