/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"
#include "hostagent/rdp/svc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct svc_stream stream = { 0 };
	struct reader r = reader_of(span_of(data, size));
	struct svc_chunk chunk;
	const char *why = NULL;

	while (r.rest.len) {	/* chunks behind a byte with their length */
		struct span in = read_bytes(&r, read_u8(&r));

		if (r.bad || svc_parse(in, &chunk, &why) < 0 ||
		    svc_track(&stream, &chunk, 4096, &why) < 0)
			return 0;
		MUST(stream.received <= stream.total && stream.total <= 4096);
		MUST(stream.open || stream.received == stream.total);
	}
	return 0;
}
