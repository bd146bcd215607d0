/* SPDX-License-Identifier: Apache-2.0 */
/* Device messages of both sides, under a policy. What goes on is read again without the filter's
 * own tables: no device of a kind that is denied is announced, no request goes to a device that was
 * not announced, and no drive or port capability is left where there are no drives. */
#include "tests/fuzz/fuzz.h"
#include "hostagent/rdp/filter_devices.h"

#define SEEN_MAX 65536

static struct { uint32_t ids[SEEN_MAX]; size_t count; } announced;

static void ignore(void *context, struct span name)
{
	MUST(name.len > 0 && name.len < RDP_NAME_MAX);
}

static void check_devices(const struct rdp_policy *policy, struct reader *r)
{
	uint32_t count = read_u32le(r);

	for (uint32_t i = 0; i < count; i++) {
		uint32_t type = read_u32le(r);

		MUST((type == 4 && policy->printers) || (type == 0x20 && policy->smart_cards) ||
		     (type == 8 && policy->drives));
		if (announced.count < SEEN_MAX)
			announced.ids[announced.count++] = read_u32le(r);
		read_skip(r, 8);
		read_skip(r, read_u32le(r));
	}
	MUST(reader_finished(r));
}

static void check_capabilities(const struct rdp_policy *policy, struct reader *r)
{
	uint16_t count = read_u16le(r);

	read_skip(r, 2);
	for (uint16_t i = 0; i < count; i++) {
		uint16_t type = read_u16le(r);

		MUST(type != RDPDR_CAP_PORT && (type != RDPDR_CAP_DRIVE || policy->drives));
		read_skip(r, read_u16le(r) - (size_t)4);
	}
	MUST(reader_finished(r));
}

static void check_request(struct reader *r)
{
	uint32_t id = read_u32le(r);

	for (size_t i = 0; i < announced.count; i++)
		if (announced.ids[i] == id)
			return;
	MUST(announced.count == SEEN_MAX);
}

static void check_passed(const struct rdp_policy *policy, enum rdp_side from, struct span message)
{
	struct reader r = reader_of(message);

	MUST(read_u16le(&r) == RDPDR_CORE);
	switch (read_u16le(&r)) {
	case RDPDR_DEVICELIST_ANNOUNCE:
		MUST(from == RDP_CLIENT);
		check_devices(policy, &r);
		break;
	case RDPDR_SERVER_CAPABILITY:
	case RDPDR_CLIENT_CAPABILITY:
		check_capabilities(policy, &r);
		break;
	case RDPDR_IO_REQUEST:
		MUST(from == RDP_GUEST);
		check_request(&r);
		break;
	default:
		break;
	}
}

/* { u8 side, u16be length, message }... behind one byte of policy. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct device_filter filter;
	struct reader r = reader_of(span_of(data, size));
	uint8_t bits = read_u8(&r);
	const struct rdp_policy policy = { .printers = bits & 1, .smart_cards = bits >> 1 & 1,
					   .drives = bits >> 2 & 1 };
	OWNED(buf_done) struct buf out = { 0 };

	memset(&filter, 0, sizeof(filter));
	announced.count = 0;
	while (r.rest.len) {
		enum rdp_side from = (enum rdp_side)(read_u8(&r) & 1);
		struct span message = read_bytes(&r, read_u16be(&r));
		enum device_verdict verdict = DEVICE_DROP;
		const char *why = NULL;

		buf_reset(&out);
		if (r.bad || devices_take(&filter, &policy, from, message, ignore, NULL, &out,
					  &verdict, &why) < 0)
			return 0;
		MUST(verdict != DEVICE_REPLY || (from == RDP_GUEST && out.len <= 21));
		if (verdict == DEVICE_PASS)
			check_passed(&policy, from, buf_span(&out));
	}
	return 0;
}
