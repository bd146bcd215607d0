/* SPDX-License-Identifier: Apache-2.0 */
/* What a modified client or a taken-over guest might send, against a whole session. */
#include "tests/unit/rdp/rdp_test.h"
#include "hostagent/rdp/mcs.h"
#include "hostagent/rdp/svc.h"

/* Channel ids of the recordings. */
enum {
	IO = 1003,
	DYNVC = 1004,
	SOUND_RDPDR = 1006,
	SOUND_USER = 1008,
	DENIED_SOUND = 1005,
	DENIED_RDPDR = 1007,
	DENIED_MESSAGE = 1008,
	DENIED_USER = 1009,
};

static const struct rdp_policy nothing;
static const struct rdp_policy sound = { .sound = RDP_ALLOW, .microphone = RDP_ALLOW };

static struct replay r;

/* A session that saw the first `records` records, and whose output so far is forgotten. */
static void begin(const char *name, size_t records)
{
	const struct rdp_policy *policy = strcmp(name, REC_SOUND) == 0 ? &sound : &nothing;
	struct reader in = reader_of(recording_load(name));

	replay_init(&r, policy, 0);
	for (size_t i = 0; i < records && in.rest.len; i++) {
		uint8_t side = read_u8(&in);

		replay_bytes(&r, (enum rdp_side)side, read_bytes(&in, read_u32be(&in)));
	}
	assert_false(r.over);
	buf_reset(&r.lines);
	buf_reset(&r.written[0]);
	buf_reset(&r.written[1]);
}

static void begin_active(const char *name)
{
	begin(name, SIZE_MAX);
	assert_int_equal(rdp_session_state(r.session), RDP_ACTIVE);
}

/* The bytes kill the session, for this reason, and nothing of them gets through. */
static void expect_fault(enum rdp_side side, struct span bytes, const char *reason)
{
	replay_bytes(&r, side, bytes);
	if (!strstr(buf_text(&r.lines), reason))
		fail_msg("wanted \"%s\", got \"%s\"", reason, buf_text(&r.lines));
	assert_int_equal(rdp_session_state(r.session), RDP_FAULTED);
	assert_int_equal(rdp_session_ended(r.session), RDP_END_FAULT);
	assert_int_equal(r.written[0].len + r.written[1].len, 0);
	assert_int_equal(rdp_session_feed(r.session, side, bytes, &(struct rdp_output){ 0 }), -EBADMSG);
	replay_done(&r);
}

static struct buf pdu;

static struct span send(enum rdp_side from, uint16_t user, uint16_t channel, struct span data)
{
	enum mcs_type type = from == RDP_CLIENT ? MCS_SEND_REQUEST : MCS_SEND_INDICATION;

	buf_reset(&pdu);
	size_t at = mcs_send_begin(&pdu, type, user, channel);

	buf_put_span(&pdu, data);
	mcs_send_end(&pdu, at);
	return buf_span(&pdu);
}

static struct span chunk(enum rdp_side from, uint16_t user, uint16_t channel, uint32_t total,
			 uint32_t flags, struct span data)
{
	static uint8_t bytes[20000];
	OWNED(buf_done) struct buf out = { 0 };

	buf_put_u32le(&out, total);
	buf_put_u32le(&out, flags);
	buf_put_span(&out, data);
	assert_true(out.len <= sizeof(bytes));
	memcpy(bytes, out.ptr, out.len);
	return send(from, user, channel, span_of(bytes, out.len));
}

static struct span message(enum rdp_side from, uint16_t user, uint16_t channel, struct span data)
{
	return chunk(from, user, channel, (uint32_t)data.len, SVC_FIRST | SVC_LAST, data);
}

static void test_fast_path_before_its_time(void **state)
{
	struct span input = BYTES(0x04, 4, 0, 0);

	begin(REC_DENIED, 0);
	expect_fault(RDP_CLIENT, input, "client_fast_path: not legal in this state");
	begin(REC_DENIED, 3);	/* before the MCS connect */
	expect_fault(RDP_CLIENT, input, "client_fast_path: not legal in this state");
	begin(REC_DENIED, 5);
	expect_fault(RDP_GUEST, input, "guest_fast_path: not legal in this state");
	begin(REC_DENIED, REC_INFO);
	expect_fault(RDP_CLIENT, input, "client_fast_path: not legal in this state");
	begin(REC_DENIED, REC_INFO + 1);
	expect_fault(RDP_CLIENT, input, "client_fast_path: not legal in this state");
}

static void test_guest_speaks_first(void **state)
{
	begin(REC_DENIED, 3);
	expect_fault(RDP_GUEST, recorded(REC_DENIED, REC_CONNECT_RESPONSE),
		     "mcs_connect_response: not legal in this state");
}

static void test_guest_without_tls(void **state)
{
	begin(REC_DENIED, REC_X224_CONFIRM);
	expect_fault(RDP_GUEST, BYTES(3, 0, 0, 11, 6, 0xd0, 0, 0, 0, 0, 0), "does not do TLS");
	begin(REC_DENIED, REC_X224_CONFIRM);
	expect_fault(RDP_GUEST,
		     BYTES(3, 0, 0, 19, 14, 0xd0, 0, 0, 0, 0, 0, 2, 0, 8, 0, 2, 0, 0, 0),
		     "does not do TLS");	/* HYBRID, which nobody asked for */
	begin(REC_DENIED, REC_X224_CONFIRM);
	expect_fault(RDP_GUEST,
		     BYTES(3, 0, 0, 19, 14, 0xd0, 0, 0, 0, 0, 0, 3, 0, 8, 0, 5, 0, 0, 0),
		     "does not do TLS");
}

/* A copy of a recorded PDU with some bytes changed. */
static struct span patched(const char *name, size_t record, const char *find, size_t find_len,
			   size_t at, struct span with)
{
	static uint8_t bytes[4096];
	struct span in = recorded(name, record);
	uint8_t *found;

	assert_true(in.len <= sizeof(bytes));
	memcpy(bytes, in.ptr, in.len);
	found = memmem(bytes, in.len, find, find_len);
	assert_non_null(found);
	memcpy(found + at, with.ptr, with.len);
	return span_of(bytes, in.len);
}

static void test_connect_initial(void **state)
{
	begin(REC_DENIED, REC_CONNECT_INITIAL);
	expect_fault(RDP_CLIENT,
		     patched(REC_DENIED, REC_CONNECT_INITIAL, "rdpsnd\0", 7, 0,
			     span_of("RDPDR\0\0", 7)),
		     "mcs_connect_initial: channel name twice");
	begin(REC_DENIED, REC_CONNECT_INITIAL);
	expect_fault(RDP_CLIENT,
		     patched(REC_DENIED, REC_CONNECT_INITIAL, "drdynvc\0", 8, 7, BYTES('x')),
		     "channel name without NUL");
	begin(REC_DENIED, REC_CONNECT_INITIAL);
	expect_fault(RDP_CLIENT,
		     patched(REC_DENIED, REC_CONNECT_INITIAL, "drdynvc\0", 8, -(size_t)4, BYTES(33)),
		     "more than 31 channels");
}

static void test_case_variants_are_denied_too(void **state)
{
	begin(REC_DENIED, REC_CONNECT_INITIAL);
	replay_bytes(&r, RDP_CLIENT,
		     patched(REC_DENIED, REC_CONNECT_INITIAL, "rdpdr\0", 6, 0,
			     span_text("RdPdR")));
	assert_non_null(strstr(buf_text(&r.lines), "denied static_channel RdPdR client\n"));
	assert_null(memmem(r.written[1].ptr, r.written[1].len, "RdPdR", 5));
	replay_done(&r);
}

static void test_connect_response(void **state)
{
	struct span net = span_of("\x03\x0c\x10\x00\xeb\x03\x04\x00\xec\x03", 10);

	begin(REC_DENIED, REC_CONNECT_RESPONSE);
	expect_fault(RDP_GUEST,
		     patched(REC_DENIED, REC_CONNECT_RESPONSE, (const char *)net.ptr, 10, 4,
			     BYTES(0xea, 3)), "I/O channel id is not 1003");
	begin(REC_DENIED, REC_CONNECT_RESPONSE);
	expect_fault(RDP_GUEST,
		     patched(REC_DENIED, REC_CONNECT_RESPONSE, (const char *)net.ptr, 10, 8,
			     BYTES(0xeb, 3)), "channel id twice");	/* drdynvc as 1003 */
	begin(REC_DENIED, REC_CONNECT_RESPONSE);
	expect_fault(RDP_GUEST,
		     patched(REC_DENIED, REC_CONNECT_RESPONSE, (const char *)net.ptr, 10, 8,
			     BYTES(0xed, 3)), "channel id twice");
	begin(REC_DENIED, REC_CONNECT_RESPONSE);
	expect_fault(RDP_GUEST,
		     patched(REC_DENIED, REC_CONNECT_RESPONSE, (const char *)net.ptr, 10, 6,
			     BYTES(3)), "SC_NET count differs from CS_NET");
	begin(REC_DENIED, REC_CONNECT_RESPONSE);
	expect_fault(RDP_GUEST,
		     patched(REC_DENIED, REC_CONNECT_RESPONSE, "\x02\x0c\x0c\0", 4, 4, BYTES(2)),
		     "RDP encryption inside TLS");
}

static void test_channels_not_joined(void **state)
{
	begin(REC_DENIED, 7 + 1);	/* attached, nothing joined */
	expect_fault(RDP_CLIENT, message(RDP_CLIENT, DENIED_USER, DYNVC, BYTES(0)),
		     "data on a channel that is not joined");
	begin(REC_DENIED, 7 + 1);
	expect_fault(RDP_CLIENT, send(RDP_CLIENT, DENIED_USER, IO, BYTES(0x40, 0, 0, 0)),
		     "data on a channel that is not joined");
	begin(REC_DENIED, 7 + 1);
	expect_fault(RDP_CLIENT, BYTES(3, 0, 0, 12, 2, 0xf0, 0x80, 0x38, 0, 8, 4, 0),
		     "mcs_channel_join_request: unknown channel");
	begin(REC_DENIED, 7 + 1);
	expect_fault(RDP_CLIENT, BYTES(3, 0, 0, 12, 2, 0xf0, 0x80, 0x38, 0, 9, 3, 0xeb),
		     "mcs_channel_join_request: another user's join");
	begin(REC_DENIED, 7 + 1);
	expect_fault(RDP_GUEST, BYTES(3, 0, 0, 15, 2, 0xf0, 0x80, 0x3e, 0, 0, 8, 3, 0xeb, 3, 0xeb),
		     "mcs_channel_join_confirm: nobody waits for it");
	begin(REC_DENIED, 7 + 1);
	expect_fault(RDP_CLIENT, BYTES(3, 0, 0, 8, 2, 0xf0, 0x80, 0x28),
		     "mcs_attach_user_request: second attach");
	begin(REC_DENIED, 7 + 1);
	expect_fault(RDP_GUEST, BYTES(3, 0, 0, 11, 2, 0xf0, 0x80, 0x2e, 0, 0, 9),
		     "mcs_attach_user_confirm: nobody waits for it");
}

static void test_ids_that_are_not_ours(void **state)
{
	begin_active(REC_DENIED);
	expect_fault(RDP_CLIENT, message(RDP_CLIENT, DENIED_USER, 1010, BYTES(0)),
		     "data on an unknown channel");
	begin_active(REC_DENIED);
	expect_fault(RDP_CLIENT, message(RDP_CLIENT, DENIED_USER, DENIED_USER, BYTES(0)),
		     "data on an unknown channel");
	begin_active(REC_DENIED);
	expect_fault(RDP_CLIENT, message(RDP_CLIENT, DENIED_USER + 1, DYNVC, BYTES(0)),
		     "another user's data");
	begin_active(REC_DENIED);
	expect_fault(RDP_GUEST, message(RDP_GUEST, 1002, 1010, BYTES(0)),
		     "data on an unknown channel");
	begin_active(REC_DENIED);
	expect_fault(RDP_GUEST, message(RDP_CLIENT, DENIED_USER, DYNVC, BYTES(0)),
		     "MCS PDU of the other direction");
	begin_active(REC_DENIED);
	expect_fault(RDP_CLIENT, BYTES(3, 0, 0, 12, 2, 0xf0, 0x80, 0x38, 0, 8, 3, 0xeb),
		     "mcs_channel_join_request: not legal in this state");
}

static void test_denied_channel_carries_nothing(void **state)
{
	begin_active(REC_DENIED);
	for (int i = 0; i < 5; i++) {	/* a late device announce, again and again */
		replay_bytes(&r, RDP_CLIENT,
			     message(RDP_CLIENT, DENIED_USER, DENIED_RDPDR, span_text("rDAD....")));
		replay_bytes(&r, RDP_GUEST,
			     message(RDP_GUEST, 1002, DENIED_RDPDR, span_text("rDnI")));
	}
	assert_int_equal(r.written[0].len + r.written[1].len, 0);
	/* Told once for each side; the client's channel itself was told of at the connect. */
	assert_string_equal(buf_text(&r.lines), "denied device rdpdr client\n"
						"denied static_channel rdpdr guest\n");

	size_t count;
	const struct rdp_denied *denied = rdp_session_denied(r.session, &count);
	uint32_t by_kind[RDP_SIDES][RDP_DENIED_CLIPBOARD] = { 0 };

	for (size_t i = 0; i < count; i++)
		if (strcmp(denied[i].name, "rdpdr") == 0)
			by_kind[denied[i].from][denied[i].kind] = denied[i].count;
	assert_int_equal(by_kind[RDP_CLIENT][RDP_DENIED_STATIC_CHANNEL], 1);
	assert_int_equal(by_kind[RDP_CLIENT][RDP_DENIED_DEVICE], 5);
	assert_int_equal(by_kind[RDP_GUEST][RDP_DENIED_STATIC_CHANNEL], 5);
	replay_done(&r);
}

/* A client whose devices are denied is asked which they are, by the relay alone. */
static void test_denied_devices_are_named(void **state)
{
	static const uint8_t list[] = { 'r', 'D', 'A', 'D', 2, 0, 0, 0,
		8, 0, 0, 0, 1, 0, 0, 0, 'U', 'S', 'B', 'S', 'T', 'I', 'C', 'K', 2, 0, 0, 0, 'x', 0,
		0x20, 0, 0, 0, 2, 0, 0, 0, 'S', 'C', 'A', 'R', 'D', 0, 0, 0, 0, 0, 0, 0 };
	const struct { const char *recording; uint16_t user, channel; } cases[] = {
		{ REC_SOUND, SOUND_USER, SOUND_RDPDR }, { REC_DENIED, DENIED_USER, DENIED_RDPDR } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *recording = cases[i].recording;
		uint16_t user = cases[i].user, channel = cases[i].channel;

		replay_init(&r, i == 0 ? &sound : &nothing, 0);
		replay_recording(&r, recording_load(recording));
		assert_non_null(memmem(r.written[0].ptr, r.written[0].len, "rDnI\1\0\x0c\0", 8));
		buf_reset(&r.lines);
		buf_reset(&r.written[0]);
		buf_reset(&r.written[1]);
		replay_bytes(&r, RDP_CLIENT, message(RDP_CLIENT, user, channel,
						     BYTES('r', 'D', 'C', 'C', 1, 0, 12, 0, 1, 0, 0, 0)));
		assert_int_equal(r.written[0].len, 0);
		replay_bytes(&r, RDP_CLIENT, message(RDP_CLIENT, user, channel,
						     BYTES('r', 'D', 'N', 'C', 1, 0, 0, 0)));
		assert_non_null(memmem(r.written[0].ptr, r.written[0].len, "rDPS\5\0", 6));
		assert_non_null(memmem(r.written[0].ptr, r.written[0].len, "rDCC", 4));
		assert_non_null(memmem(r.written[0].ptr, r.written[0].len, "rDLU", 4));
		replay_bytes(&r, RDP_CLIENT, message(RDP_CLIENT, user, channel,
						     span_of(list, sizeof(list))));
		assert_string_equal(buf_text(&r.lines), "denied device drive USBSTICK client\n"
							"denied device smart card SCARD client\n");
		assert_int_equal(r.written[1].len, 0);
		replay_done(&r);
	}
}

static void test_devices_end_at_the_relay(void **state)
{
	struct span announce = BYTES('r', 'D', 'n', 'I', 1, 0, 0xc, 0, 7, 0, 0, 0);

	begin_active(REC_SOUND);
	replay_bytes(&r, RDP_CLIENT, message(RDP_CLIENT, SOUND_USER, SOUND_RDPDR,
					     span_text("rDAD....")));
	assert_int_equal(r.written[0].len + r.written[1].len, 0);
	replay_bytes(&r, RDP_GUEST, message(RDP_GUEST, 1002, SOUND_RDPDR, announce));
	assert_int_equal(r.written[RDP_CLIENT].len, 0);
	assert_non_null(memmem(r.written[1].ptr, r.written[1].len, "rDCC", 4));
	assert_non_null(memmem(r.written[1].ptr, r.written[1].len, "rDNC", 4));
	buf_reset(&r.written[1]);
	expect_fault(RDP_GUEST, message(RDP_GUEST, 1002, SOUND_RDPDR, span_text("rDRI....")),
		     "device request to a client without devices");
}

static void test_chunks(void **state)
{
	const struct {
		uint32_t total, flags;
		const char *reason;
	} cases[] = {
		{ 4, SVC_LAST, "channel chunk without a first one" },
		{ 4, 0, "channel chunk without a first one" },
		{ 4, SVC_FIRST | SVC_LAST | 0x200000, "compressed channel chunk" },
		{ 5, SVC_FIRST | SVC_LAST, "channel message ends early" },
		{ 3, SVC_FIRST | SVC_LAST, "channel chunk runs past its message" },
		{ 0xffffffff, SVC_FIRST, "channel message too long" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t side = 0; side < RDP_SIDES; side++) {
			begin_active(REC_SOUND);
			expect_fault((enum rdp_side)side,
				     chunk((enum rdp_side)side, SOUND_USER, 1005, cases[i].total,
					   cases[i].flags, span_text("abcd")),
				     cases[i].reason);
		}
}

static void test_dynamic_channels(void **state)
{
	begin_active(REC_DENIED);
	expect_fault(RDP_GUEST, message(RDP_GUEST, 1002, DYNVC, BYTES(0x80, 0, 0, 0)),
		     "dynamic channel command");	/* SOFT_SYNC */
	begin_active(REC_DENIED);
	expect_fault(RDP_CLIENT, message(RDP_CLIENT, DENIED_USER, DYNVC, BYTES(0x10, 9, 0, 0, 0, 0)),
		     "answer to no dynamic channel request");
	begin_active(REC_DENIED);
	expect_fault(RDP_GUEST, message(RDP_GUEST, 1002, DYNVC, BYTES(0x13, 9, 'E', 0)),
		     "dynamic channel id");
	begin_active(REC_DENIED);
	replay_bytes(&r, RDP_GUEST, message(RDP_GUEST, 1002, DYNVC, BYTES(0x30, 77, 'x')));
	assert_int_equal(r.written[0].len, 0);	/* data before open */
	replay_done(&r);
}

static const uint8_t usb[] = { 0x10, 77, 'U', 'R', 'B', 'D', 'R', 'C', 0 };

static void test_usb_is_refused_in_the_clients_place(void **state)
{
	struct span answer = BYTES(13 - 7, 0, 0, 0, 3, 0, 0, 0, 0x10, 77, 1, 0, 0, 0xc0);

	begin_active(REC_DENIED);
	replay_bytes(&r, RDP_GUEST, message(RDP_GUEST, 1002, DYNVC, span_of(usb, sizeof(usb))));
	assert_int_equal(r.written[RDP_CLIENT].len, 0);
	assert_span_equal(buf_span(&r.written[RDP_GUEST]),
			  send(RDP_CLIENT, DENIED_USER, DYNVC, answer));
	assert_string_equal(buf_text(&r.lines), "denied dynamic_channel URBDRC guest\n");
	replay_done(&r);
}

/* While the client is inside a message of several chunks, our answer waits for its end. */
static void test_refusal_waits_for_the_clients_message(void **state)
{
	begin_active(REC_DENIED);
	replay_bytes(&r, RDP_CLIENT, chunk(RDP_CLIENT, DENIED_USER, DYNVC, 6, SVC_FIRST,
					   BYTES(0x30, 99, 'a')));
	buf_reset(&r.written[RDP_GUEST]);
	replay_bytes(&r, RDP_GUEST, message(RDP_GUEST, 1002, DYNVC, span_of(usb, sizeof(usb))));
	assert_int_equal(r.written[RDP_GUEST].len, 0);
	replay_bytes(&r, RDP_CLIENT, chunk(RDP_CLIENT, DENIED_USER, DYNVC, 6, SVC_LAST,
					   BYTES('b', 'c', 'd')));
	assert_non_null(memmem(r.written[1].ptr, r.written[1].len, "\x10\x4d\1\0\0\xc0", 6));
	replay_done(&r);
}

/* Active, with a client that sets RNS_UD_CS_SUPPORT_ERRINFO_PDU in CS_CORE. */
static void begin_telling(void)
{
	OWNED(buf_done) struct buf copy = { 0 };

	buf_put_span(&copy, recording_load(REC_DENIED));
	uint8_t *core = memmem(copy.ptr, copy.len, "\x01\xc0\xea\0", 4);

	assert_non_null(core);
	core[144] |= 1;
	replay_init(&r, &nothing, 0);
	replay_recording(&r, buf_span(&copy));
	buf_reset(&r.lines);
	buf_reset(&r.written[0]);
	buf_reset(&r.written[1]);
}

/* A guest that ends the session in order has its user logged off, unless it gives another reason. */
static void test_logoff_is_told(void **state)
{
	struct span goodbye = BYTES(3, 0, 0, 9, 2, 0xf0, 0x80, 0x21, 0x80);
	struct span reason = BYTES(22, 0, 0x17, 0, 0xea, 3, 1, 0, 0, 0, 0, 1, 8, 0, 47, 0, 0, 0,
				   3, 0, 0, 0);

	begin_telling();
	replay_bytes(&r, RDP_GUEST, goodbye);
	assert_string_equal(buf_text(&r.lines), "close guest_left\n");
	assert_true(r.written[RDP_CLIENT].len > goodbye.len);
	assert_memory_equal(r.written[RDP_CLIENT].ptr + r.written[RDP_CLIENT].len - 9, goodbye.ptr, 9);
	assert_non_null(memmem(r.written[RDP_CLIENT].ptr, r.written[RDP_CLIENT].len,
			       "\x2f\0\0\0\x0c\0\0\0", 8));
	replay_done(&r);

	begin_telling();
	replay_bytes(&r, RDP_GUEST, send(RDP_GUEST, 1002, IO, reason));
	buf_reset(&r.written[RDP_CLIENT]);
	replay_bytes(&r, RDP_GUEST, goodbye);
	assert_span_equal(buf_span(&r.written[RDP_CLIENT]), goodbye);
	replay_done(&r);

	begin_active(REC_DENIED);	/* a client that does not know the PDU */
	replay_bytes(&r, RDP_GUEST, goodbye);
	assert_span_equal(buf_span(&r.written[RDP_CLIENT]), goodbye);
	replay_done(&r);
}

static void test_redirection(void **state)
{
	struct span redirect = BYTES(8, 0, 0x1a, 0, 0xea, 3, 0, 0);
	struct span behind_data = BYTES(18, 0, 0x17, 0, 0xea, 3, 1, 0, 0, 0, 0, 1, 4, 0, 31, 0, 0, 0,
					8, 0, 0x1a, 0, 0xea, 3, 0, 0);

	begin_active(REC_DENIED);
	expect_fault(RDP_GUEST, send(RDP_GUEST, 1002, IO, redirect), "server redirection");
	begin_active(REC_DENIED);
	expect_fault(RDP_GUEST, send(RDP_GUEST, 1002, IO, behind_data), "server redirection");
	begin(REC_DENIED, REC_INFO + 1);
	expect_fault(RDP_GUEST, send(RDP_GUEST, 1002, IO, redirect), "server redirection");
	begin(REC_DENIED, REC_INFO + 1);
	expect_fault(RDP_GUEST, send(RDP_GUEST, 1002, IO, BYTES(0, 4, 0, 0, 1, 2, 3)),
		     "neither licensing nor share control");	/* SEC_REDIRECTION_PKT */
}

/* xrdp leaves data in the upper half of the security header (its g_lic1, g_lic2, g_lic3). */
static void test_license_as_xrdp_writes_it(void **state)
{
	struct span headers[] = { BYTES(0x80, 0, 0x10, 0), BYTES(0x80, 2, 0x10, 0),
				  BYTES(0x80, 0, 0x3e, 1) };

	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		uint8_t license[20] = { 0, 0, 0, 0, 0xff, 2, 16, 0, 7, 0, 0, 0, 2 };

		memcpy(license, headers[i].ptr, 4);
		begin(REC_DENIED, REC_INFO + 1);
		replay_bytes(&r, RDP_GUEST, send(RDP_GUEST, DENIED_USER, IO, span_of(license, 20)));
		assert_false(r.over);
		assert_non_null(memmem(r.written[0].ptr, r.written[0].len, license, 20));
		replay_done(&r);
	}
	begin(REC_DENIED, REC_INFO + 1);
	expect_fault(RDP_GUEST, send(RDP_GUEST, DENIED_USER, IO, BYTES(0x80, 0, 0x10, 0, 0xff, 2, 5, 0)),
		     "licensing message length");
}

static void test_multitransport(void **state)
{
	begin_active(REC_DENIED);
	expect_fault(RDP_GUEST, send(RDP_GUEST, 1002, DENIED_MESSAGE, BYTES(2, 0, 0, 0, 1, 0)),
		     "initiate multitransport");
	begin_active(REC_DENIED);
	expect_fault(RDP_CLIENT,
		     send(RDP_CLIENT, DENIED_USER, DENIED_MESSAGE, BYTES(4, 0, 0, 0, 1, 0)),
		     "message channel flags");
	begin_active(REC_DENIED);
	expect_fault(RDP_CLIENT,
		     send(RDP_CLIENT, DENIED_USER, DENIED_MESSAGE, BYTES(0, 0x10, 0, 0, 1, 0)),
		     "message channel flags");	/* a request from the wrong side */
	begin_active(REC_DENIED);
	expect_fault(RDP_GUEST, send(RDP_GUEST, 1002, DENIED_MESSAGE, BYTES(0, 0x10)), "too short");
}

static void test_client_info(void **state)
{
	struct span info = recorded(REC_DENIED, REC_INFO);

	begin(REC_DENIED, REC_INFO + 1);
	expect_fault(RDP_CLIENT, info, "client_info: not legal in this state");
	begin_active(REC_DENIED);
	expect_fault(RDP_CLIENT, info, "client_info: not legal in this state");
	begin(REC_DENIED, REC_INFO);
	expect_fault(RDP_CLIENT, send(RDP_CLIENT, DENIED_USER, IO, BYTES(1, 0, 0, 0, 1, 2, 3, 4)),
		     "client_info: too short");	/* SEC_EXCHANGE_PKT */
	begin(REC_DENIED, REC_INFO);
	expect_fault(RDP_CLIENT, recorded(REC_DENIED, REC_CONFIRM_ACTIVE), "client_info: ");
}

static void test_capabilities_out_of_turn(void **state)
{
	begin(REC_DENIED, REC_INFO + 1);
	expect_fault(RDP_CLIENT, recorded(REC_DENIED, REC_CONFIRM_ACTIVE),
		     "confirm_active: not legal in this state");
	begin_active(REC_DENIED);
	expect_fault(RDP_GUEST, recorded(REC_DENIED, REC_DEMAND_ACTIVE),
		     "demand_active: not legal in this state");
	begin(REC_DENIED, REC_CONFIRM_ACTIVE);
	expect_fault(RDP_CLIENT,
		     patched(REC_DENIED, REC_CONFIRM_ACTIVE, "\x13\x00", 2, 4, BYTES(0xff)),
		     "share id is not the demanded one");
	begin_active(REC_DENIED);
	expect_fault(RDP_GUEST, recorded(REC_DENIED, REC_LICENSE),
		     "guest_license: not legal in this state");
}

static void test_resize(void **state)
{
	begin_active(REC_DENIED);
	replay_bytes(&r, RDP_GUEST, send(RDP_GUEST, 1002, IO, BYTES(6, 0, 0x16, 0, 0xea, 3)));
	assert_int_equal(rdp_session_state(r.session), RDP_DEMAND);
	replay_bytes(&r, RDP_CLIENT, BYTES(0x04, 4, 0, 0));	/* typed before it knew */
	replay_bytes(&r, RDP_GUEST, recorded(REC_DENIED, REC_DEMAND_ACTIVE));
	assert_int_equal(rdp_session_state(r.session), RDP_CAPS);
	replay_bytes(&r, RDP_CLIENT, recorded(REC_DENIED, REC_CONFIRM_ACTIVE));
	assert_int_equal(rdp_session_state(r.session), RDP_FINALIZE);
	assert_string_equal(buf_text(&r.lines), "");
	replay_done(&r);
}

/* A bad PDU behind good ones: the good ones are delivered, then the fault is told. */
static void test_fault_behind_good_bytes(void **state)
{
	struct span both = BYTES(0, 4, 1, 1, 0, 4, 2, 2, 3, 0, 0, 5, 9);

	begin_active(REC_DENIED);
	replay_bytes(&r, RDP_GUEST, both);
	assert_span_equal(buf_span(&r.written[0]), BYTES(0, 4, 1, 1, 0, 4, 2, 2));
	assert_non_null(strstr(buf_text(&r.lines), "not X.224 data"));
	replay_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fast_path_before_its_time),
		cmocka_unit_test(test_guest_speaks_first),
		cmocka_unit_test(test_guest_without_tls),
		cmocka_unit_test(test_connect_initial),
		cmocka_unit_test(test_case_variants_are_denied_too),
		cmocka_unit_test(test_connect_response),
		cmocka_unit_test(test_channels_not_joined),
		cmocka_unit_test(test_ids_that_are_not_ours),
		cmocka_unit_test(test_denied_channel_carries_nothing),
		cmocka_unit_test(test_denied_devices_are_named),
		cmocka_unit_test(test_devices_end_at_the_relay),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_dynamic_channels),
		cmocka_unit_test(test_usb_is_refused_in_the_clients_place),
		cmocka_unit_test(test_refusal_waits_for_the_clients_message),
		cmocka_unit_test(test_logoff_is_told),
		cmocka_unit_test(test_redirection),
		cmocka_unit_test(test_license_as_xrdp_writes_it),
		cmocka_unit_test(test_multitransport),
		cmocka_unit_test(test_client_info),
		cmocka_unit_test(test_capabilities_out_of_turn),
		cmocka_unit_test(test_resize),
		cmocka_unit_test(test_fault_behind_good_bytes),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&pdu);
	return failed;
}
