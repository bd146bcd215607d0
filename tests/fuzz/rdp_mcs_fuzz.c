/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"
#include "hostagent/rdp/framing.h"
#include "hostagent/rdp/mcs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(buf_done) struct buf out = { 0 };
	struct span in = span_of(data, size);
	struct mcs_connect_initial initial;
	struct mcs_connect_response response;
	struct mcs_pdu pdu, again;
	struct frame frame;
	const char *why = NULL;

	if (mcs_connect_initial_parse(in, &initial, &why) == 0)
		mcs_connect_initial_encode(&initial, &out);
	if (mcs_connect_response_parse(in, &response, &why) == 0)
		mcs_connect_response_encode(&response, &out);
	buf_reset(&out);
	if (mcs_parse(in, &pdu, &why) < 0 || pdu.type == MCS_SEND_REQUEST ||
	    pdu.type == MCS_SEND_INDICATION)
		return 0;
	mcs_encode(&pdu, &out);
	MUST(frame_parse(buf_span(&out), &frame, &why) == (ssize_t)out.len);
	MUST(mcs_parse(frame.body, &again, &why) == 0);
	MUST(again.type == pdu.type && again.initiator == pdu.initiator);
	MUST(again.requested == pdu.requested && again.result == pdu.result);
	return 0;
}
