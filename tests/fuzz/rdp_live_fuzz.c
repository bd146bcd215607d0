/* SPDX-License-Identifier: Apache-2.0 */
/* A session that stands, with all four channels the relay knows, and then a client or a guest that
 * says anything: well-formed around what is being looked for, or not at all. What the session writes
 * is read again, frame by frame, and held against the policy. */
#include "tests/fuzz/fuzz.h"
#include "hostagent/rdp/cliprdr.h"
#include "hostagent/rdp/framing.h"
#include "hostagent/rdp/mcs.h"
#include "hostagent/rdp/rdpdr.h"
#include "hostagent/rdp/session_state.h"
#include "hostagent/rdp/svc.h"
#include "tests/unit/rdp/replay.h"

enum { DYNVC = 1004, SOUND = 1005, CLIPBOARD = 1006, DEVICES = 1007, USER = 1009 };	/* recorded */
static const uint16_t channels[] = { DYNVC, SOUND, CLIPBOARD, DEVICES, 1003, 1008 };
#define FASTPATH ARRAY_LEN(channels)
#define MESSAGE_MAX (1u << 20)

static struct rdp_policy policy;
static struct { uint8_t bytes[MESSAGE_MAX]; size_t len; } messages[RDP_SIDES][4];

static bool is_create(enum rdp_side to, struct span message)
{
	return to == RDP_CLIENT && message.len && message.ptr[0] >> 4 == 1;
}

static void check_create(struct span message)
{
	static const uint8_t id_lens[] = { 1, 2, 4 };
	size_t skip = (size_t)1 + id_lens[message.ptr[0] & 3];

	MUST(message.len > skip + 1 && message.ptr[message.len - 1] == 0);
	MUST(rdp_policy_dynamic(&policy, span_of(message.ptr + skip, message.len - skip - 1)) ==
	     RDP_ALLOW);
}

static void check_devices(enum rdp_side to, struct span message)
{
	bool filtered = policy.printers || policy.smart_cards || policy.drives;
	struct reader r = reader_of(message);
	uint16_t component = read_u16le(&r), packet = read_u16le(&r);

	MUST(component == RDPDR_CORE);
	/* Without devices a client hears the four messages that ask it which it has. */
	if (to == RDP_CLIENT && !filtered)
		MUST(packet == RDPDR_SERVER_ANNOUNCE || packet == RDPDR_SERVER_CAPABILITY ||
		     packet == RDPDR_CLIENTID_CONFIRM || packet == RDPDR_USER_LOGGEDON);
	if (to == RDP_GUEST && packet == RDPDR_DEVICELIST_ANNOUNCE) {
		uint32_t count = read_u32le(&r);

		MUST(count == 0 || filtered);
		for (uint32_t i = 0; i < count; i++) {
			uint32_t type = read_u32le(&r);

			MUST((type == 4 && policy.printers) || (type == 8 && policy.drives) ||
			     (type == 0x20 && policy.smart_cards));
			read_skip(&r, 12);
			read_skip(&r, read_u32le(&r));
		}
	}
	MUST(!r.bad);
}

static void check_clipboard(enum rdp_side to, struct span message)
{
	unsigned way = to == RDP_GUEST ? RDP_CLIPBOARD_TO_DESKTOP : RDP_CLIPBOARD_FROM_DESKTOP;
	struct cliprdr_message m;
	const char *why;

	MUST(cliprdr_parse(message, &m, &why) == 0);
	MUST(m.type < CLIPRDR_TEMP_DIRECTORY || m.type == CLIPRDR_CAPABILITIES ||
	     (m.type == CLIPRDR_FILE_RESPONSE && m.flags == CLIPRDR_FAIL));
	if (m.type == CLIPRDR_FORMAT_LIST || (m.type == CLIPRDR_DATA_RESPONSE && m.body.len))
		MUST(policy.clipboard & way);
}

static void check_chunk(enum rdp_side to, const struct mcs_pdu *mcs)
{
	size_t i = mcs->channel - (size_t)DYNVC;
	struct svc_chunk chunk;
	const char *why;

	MUST(svc_parse(mcs->data, &chunk, &why) == 0);
	if (mcs->channel == SOUND) {
		MUST(policy.sound);
		return;
	}
	if (chunk.flags & SVC_FIRST)
		messages[to][i].len = 0;
	MUST(chunk.data.len <= MESSAGE_MAX - messages[to][i].len);
	memcpy(messages[to][i].bytes + messages[to][i].len, chunk.data.ptr, chunk.data.len);
	messages[to][i].len += chunk.data.len;
	if (!(chunk.flags & SVC_LAST))
		return;

	struct span message = span_of(messages[to][i].bytes, messages[to][i].len);

	if (mcs->channel == DYNVC && is_create(to, message))
		check_create(message);
	else if (mcs->channel == DEVICES)
		check_devices(to, message);
	else if (mcs->channel == CLIPBOARD)
		check_clipboard(to, message);
}

static void check_written(struct replay *r)
{
	for (size_t side = 0; side < RDP_SIDES; side++) {
		struct span rest = buf_span(&r->written[side]);

		while (rest.len) {
			struct frame frame;
			struct mcs_pdu mcs;
			const char *why;
			ssize_t n = frame_parse(rest, &frame, &why);

			MUST(n > 0);
			rest = span_of(rest.ptr + n, rest.len - (size_t)n);
			if (frame.kind == FRAME_FASTPATH)
				continue;
			MUST(mcs_parse(frame.body, &mcs, &why) == 0);
			if (mcs.type != MCS_SEND_REQUEST && mcs.type != MCS_SEND_INDICATION)
				continue;
			if (mcs.channel >= DYNVC && mcs.channel <= DEVICES)
				check_chunk((enum rdp_side)side, &mcs);
		}
		buf_reset(&r->written[side]);
	}
}

static void say(struct replay *r, enum rdp_side from, uint8_t what, struct span data,
		uint32_t total, uint32_t flags)
{
	enum mcs_type type = from == RDP_CLIENT ? MCS_SEND_REQUEST : MCS_SEND_INDICATION;
	OWNED(buf_done) struct buf pdu = { 0 };
	size_t at;

	if (what > FASTPATH) {
		replay_bytes(r, from, data);
		return;
	}
	if (what == FASTPATH) {
		buf_put_u8(&pdu, 0);
		buf_put_u16be(&pdu, (uint16_t)(0x8000 | (data.len + 3)));
		buf_put_span(&pdu, data);
		replay_bytes(r, from, buf_span(&pdu));
		return;
	}
	at = mcs_send_begin(&pdu, type, from == RDP_CLIENT ? USER : 1002, channels[what]);
	if (what < 4)
		svc_put_chunk_header(&pdu, total, flags);
	buf_put_span(&pdu, data);
	mcs_send_end(&pdu, at);
	replay_bytes(r, from, buf_span(&pdu));
}

static struct rdp_session *connected(const struct rdp_policy *with)
{
	static struct buf recording;
	struct replay r;

	if (recording.len == 0)
		file_load(RDP_TEST_DATA "/all-denied.rec", &recording);
	replay_init(&r, with, 0);
	replay_recording(&r, buf_span(&recording));
	MUST(rdp_session_state(r.session) == RDP_ACTIVE);

	struct rdp_session *s = STEAL(r.session);

	replay_done(&r);
	return s;
}

/* All of a session that stands is in its struct, but for two buffers that mean nothing between
 * calls and texts that are wiped once the guest has them. */
static void put_back(struct rdp_session *used, const struct rdp_session *on)
{
	struct buf scratch = used->scratch, work = used->work;

	*used = *on;
	used->scratch = scratch;
	used->work = work;
}

/* Connecting takes a hundred times as long as what follows, so a session that stands is kept for
 * policies that were used of late. */
static struct rdp_session *session_for(const struct rdp_policy *with, uint16_t bits)
{
	static struct { uint16_t bits; struct rdp_session *on, *used; } kept[64];
	__typeof__(kept[0]) *slot = &kept[(bits ^ bits >> 6) % ARRAY_LEN(kept)];

	if (!slot->on || slot->bits != bits) {
		rdp_session_free(slot->on);
		rdp_session_free(slot->used);
		slot->bits = bits;
		slot->on = connected(with);
		slot->used = connected(with);
	}
	put_back(slot->used, slot->on);
	return slot->used;
}

static struct rdp_policy policy_of(uint16_t bits)
{
	return (struct rdp_policy){
		.sound = bits & 1, .microphone = bits >> 1 & 1, .camera = bits >> 2 & 1,
		.printers = bits >> 3 & 1, .smart_cards = bits >> 4 & 1, .drives = bits >> 5 & 1,
		.webauthn = bits >> 6 & 1, .video = bits >> 7 & 1,
		.clipboard = (enum rdp_clipboard)(bits >> 8 & 3),
	};
}

/* u16le policy, then { u8: side and what, u8: chunk flags, u16le: how much the whole is longer than
 * this chunk, u16be: length, bytes }... */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(span_of(data, size));
	struct replay replay = { 0 };
	uint16_t bits = read_u16le(&r) & 0x3ff;

	policy = policy_of(bits);
	replay.policy = policy;
	replay.session = session_for(&policy, bits);
	for (size_t i = 0; i < ARRAY_LEN(messages[0]); i++)
		messages[RDP_CLIENT][i].len = messages[RDP_GUEST][i].len = 0;
	while (r.rest.len && !replay.over) {
		uint8_t what = read_u8(&r), flags = read_u8(&r);
		uint32_t more = read_u16le(&r);
		struct span bytes = read_bytes(&r, read_u16be(&r) & 0x7fff);

		if (r.bad)
			break;
		say(&replay, (enum rdp_side)(what & 1), what >> 1 & 7, bytes,
		    (uint32_t)bytes.len + more,
		    (flags & 3) | (flags & 4 ? 0x200000u : 0) | (flags & 8 ? SVC_SHOW_PROTOCOL : 0));
		check_written(&replay);
	}
	replay.session = NULL;	/* kept */
	replay_done(&replay);
	return 0;
}
