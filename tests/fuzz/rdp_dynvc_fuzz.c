/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"
#include "common/base/cleanup.h"
#include "hostagent/rdp/dynvc.h"
#include "tests/fuzz/rdp_policies.h"

static void run(const struct rdp_policy *policy, struct span input)
{
	static struct dynvc_table table;
	struct reader r = reader_of(input);
	struct dynvc_pdu pdu;
	const char *why = NULL;

	memset(&table, 0, sizeof(table));
	while (r.rest.len) {	/* side, chunk flags, length, data */
		enum rdp_side side = read_u8(&r) & 1 ? RDP_GUEST : RDP_CLIENT;
		struct svc_chunk chunk = { .flags = read_u8(&r) & 3 };
		enum dynvc_verdict verdict = DYNVC_DROP;

		chunk.data = read_bytes(&r, read_u8(&r));
		if (r.bad || dynvc_filter(&table, policy, side, &chunk, &pdu, &verdict, &why) < 0)
			return;
		MUST(table.used <= DYNVC_CHANNELS_MAX);
		MUST(verdict != DYNVC_REFUSE || (side == RDP_GUEST && pdu.name.len > 0));
		if (verdict == DYNVC_PASS && side == RDP_GUEST && pdu.command == DYNVC_CREATE &&
		    chunk.flags & SVC_FIRST)
			MUST(rdp_policy_dynamic(policy, pdu.name) == RDP_ALLOW);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < ARRAY_LEN(fuzz_policies); i++)
		run(&fuzz_policies[i], span_of(data, size));
	return 0;
}
