/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"
#include "hostagent/rdp/dynvc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dynvc_table table;
	const struct rdp_policy policy = { .sound = RDP_ALLOW };
	struct reader r = reader_of(span_of(data, size));
	struct dynvc_pdu pdu;
	const char *why = NULL;

	memset(&table, 0, sizeof(table));
	while (r.rest.len) {	/* side, chunk flags, length, data */
		enum rdp_side side = read_u8(&r) & 1 ? RDP_GUEST : RDP_CLIENT;
		struct svc_chunk chunk = { .flags = read_u8(&r) & 3 };
		enum dynvc_verdict verdict = DYNVC_DROP;

		chunk.data = read_bytes(&r, read_u8(&r));
		if (r.bad || dynvc_filter(&table, &policy, side, &chunk, &pdu, &verdict, &why) < 0)
			return 0;
		MUST(table.used <= DYNVC_CHANNELS_MAX);
		MUST(verdict != DYNVC_REFUSE || (side == RDP_GUEST && pdu.name.len > 0));
		if (verdict == DYNVC_PASS && side == RDP_GUEST && pdu.command == DYNVC_CREATE &&
		    chunk.flags & SVC_FIRST)
			MUST(rdp_policy_dynamic(&policy, pdu.name) == RDP_ALLOW);
	}
	return 0;
}
