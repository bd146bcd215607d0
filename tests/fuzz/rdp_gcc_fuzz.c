/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"
#include "hostagent/rdp/gcc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(buf_done) struct buf out = { 0 };
	struct span in = span_of(data, size);
	struct gcc_client client, client_again;
	struct gcc_server server, server_again;
	const char *why = NULL;

	if (gcc_client_parse(in, &client, &why) == 0) {
		gcc_client_encode(&client, &out);
		MUST(gcc_client_parse(buf_span(&out), &client_again, &why) == 0);
		MUST(!client_again.has_multitransport);
		MUST(client_again.channel_count == client.channel_count);
	}
	buf_reset(&out);
	if (gcc_server_parse(in, &server, &why) == 0) {
		gcc_server_encode(&server, &out);
		MUST(gcc_server_parse(buf_span(&out), &server_again, &why) == 0);
		MUST(server_again.channel_count == server.channel_count);
	}
	return 0;
}
