/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that are not ours: nothing of theirs reaches a guest before their ticket was accepted. */
#include "tests/unit/rdp/standard_client.h"

#define CHANNELS 4	/* of the recording: drydnvc, rdpsnd, cliprdr, rdpdr */
#define GUEST_USER 1007	/* as freerdp-shadow numbers them: other than the relay does */
#define GUEST_FIRST 1010

static const struct rdp_policy nothing;
static const char *why;

static void say(struct replay *r, enum rdp_side side, struct buf *bytes)
{
	replay_bytes(r, side, buf_span(bytes));
	buf_reset(bytes);
}

/* Up to the Client Info, whatever the client says there. */
static void connect_client(struct replay *r, const struct standard_client *c, size_t step)
{
	OWNED(buf_done) struct buf out = { 0 };

	replay_init(r, &nothing, step);
	standard_request(c, &out);
	say(r, RDP_CLIENT, &out);
	if (r->over)
		return;
	standard_initial(&out);
	say(r, RDP_CLIENT, &out);
	standard_attach(&out);
	standard_join(STANDARD_USER, &out);
	for (uint16_t i = 0; i <= CHANNELS; i++)
		standard_join((uint16_t)(STANDARD_IO + i), &out);
	say(r, RDP_CLIENT, &out);
}

static void log_on(struct replay *r, const struct standard_client *c)
{
	OWNED(buf_done) struct buf out = { 0 };

	standard_info(c, &out);
	say(r, RDP_CLIENT, &out);
}

/* The n-th TPKT written to a side. */
static struct span written_body(const struct replay *r, enum rdp_side side, size_t n)
{
	struct span rest = buf_span(&r->written[side]);
	struct frame frame = { 0 };

	for (size_t i = 0; i <= n; i++) {
		ssize_t len = frame_parse(rest, &frame, &why);

		assert_true(len > 0);
		rest = span_of(rest.ptr + len, rest.len - (size_t)len);
	}
	return frame.body;
}

static struct mcs_pdu written_mcs(const struct replay *r, enum rdp_side side, size_t n)
{
	struct mcs_pdu pdu;

	assert_int_equal(mcs_parse(written_body(r, side, n), &pdu, &why), 0);
	return pdu;
}

static void put_response(struct buf *out)
{
	OWNED(buf_done) struct buf data = BUF_LIMIT(4096);
	struct mcs_connect_response connect;
	struct gcc_server server;

	assert_int_equal(mcs_connect_response_parse(recorded_body(REC_DENIED, REC_CONNECT_RESPONSE),
						    &connect, &why), 0);
	assert_int_equal(gcc_server_parse(connect.user_data, &server, &why), 0);
	assert_int_equal(server.channel_count, CHANNELS);
	for (uint32_t i = 0; i < CHANNELS; i++)
		server.channels[i] = (uint16_t)(GUEST_FIRST + i);
	gcc_server_encode(&server, &data);
	connect.user_data = buf_span(&data);
	mcs_connect_response_encode(&connect, out);
}

static void confirm_join(struct replay *r, uint16_t channel)
{
	OWNED(buf_done) struct buf out = { 0 };

	mcs_encode(&(struct mcs_pdu){ .type = MCS_JOIN_CONFIRM, .initiator = GUEST_USER,
				      .requested = channel, .channel = channel }, &out);
	say(r, RDP_GUEST, &out);
}

static void connect_guest(struct replay *r)
{
	OWNED(buf_done) struct buf out = { 0 };

	buf_put_span(&out, recorded(REC_DENIED, REC_X224_CONFIRM));
	say(r, RDP_GUEST, &out);
	put_response(&out);
	say(r, RDP_GUEST, &out);
	mcs_encode(&(struct mcs_pdu){ .type = MCS_ATTACH_CONFIRM, .initiator = GUEST_USER }, &out);
	say(r, RDP_GUEST, &out);
	confirm_join(r, GUEST_USER);
	confirm_join(r, STANDARD_IO);
	for (uint16_t i = 0; i < CHANNELS; i++)
		confirm_join(r, (uint16_t)(GUEST_FIRST + i));
}

static void test_client_is_answered_by_the_relay(void **state)
{
	const struct standard_client c = { 0 };
	struct x224_confirm confirm;
	struct mcs_connect_response connect;
	struct gcc_server server;
	struct replay r;

	connect_client(&r, &c, 0);
	assert_string_equal(buf_text(&r.lines), "start_tls client\n");
	assert_int_equal(rdp_session_state(r.session), RDP_HOLD_SETUP);
	assert_int_equal(x224_confirm_parse(written_body(&r, RDP_CLIENT, 0), &confirm, &why), 0);
	assert_int_equal(confirm.protocol, X224_PROTOCOL_SSL);
	assert_int_equal(mcs_connect_response_parse(written_body(&r, RDP_CLIENT, 1), &connect, &why),
			 0);
	assert_int_equal(gcc_server_parse(connect.user_data, &server, &why), 0);
	assert_int_equal(server.io_channel, STANDARD_IO);
	assert_int_equal(server.channel_count, CHANNELS);
	assert_int_equal(server.channels[CHANNELS - 1], STANDARD_IO + CHANNELS);
	assert_int_equal(server.requested_protocols, X224_PROTOCOL_SSL | X224_PROTOCOL_HYBRID);
	assert_int_equal(written_mcs(&r, RDP_CLIENT, 2).initiator, STANDARD_USER);
	assert_int_equal(written_mcs(&r, RDP_CLIENT, 3).channel, STANDARD_USER);
	assert_int_equal(written_mcs(&r, RDP_CLIENT, 8).channel, STANDARD_IO + CHANNELS);
	assert_int_equal(r.written[RDP_GUEST].len, 0);
	replay_done(&r);
}

static void assert_ticket(const struct rdp_ticket *ticket)
{
	assert_int_equal(ticket->standard, 1);
	for (size_t i = 0; i < RDP_LOCATOR_LEN; i++)
		assert_int_equal(ticket->locator[i], i);
	for (size_t i = 0; i < RDP_TICKET_SECRET_LEN; i++)
		assert_int_equal(ticket->secret[i], 0xff - i);
}

static void whole(struct replay *r, size_t step)
{
	const struct standard_client c = { 0 };

	connect_client(r, &c, step);
	log_on(r, &c);
	connect_guest(r);
}

static void test_guest_is_connected_after_the_ticket(void **state)
{
	struct mcs_connect_initial connect;
	struct gcc_client client;
	struct client_info info;
	struct replay r;

	whole(&r, 0);
	assert_string_equal(buf_text(&r.lines),
			    "start_tls client\n"
			    "redeem\n"
			    "connect_guest\n"
			    "start_tls guest\n"
			    "denied static_channel rdpsnd client\n"
			    "denied static_channel cliprdr client\n"
			    "denied static_channel rdpdr client\n");
	assert_ticket(&r.ticket);
	assert_int_equal(rdp_session_state(r.session), RDP_LICENSE);

	assert_int_equal(mcs_connect_initial_parse(written_body(&r, RDP_GUEST, 1), &connect, &why), 0);
	assert_int_equal(gcc_client_parse(connect.user_data, &client, &why), 0);
	assert_string_equal(client.channels[0].name, "drdynvc");
	assert_string_equal(client.channels[3].name, "vdblk03");
	assert_false(client.has_message_channel);

	struct mcs_pdu sent = written_mcs(&r, RDP_GUEST, 10);
	assert_int_equal(sent.initiator, GUEST_USER);
	assert_int_equal(sent.channel, STANDARD_IO);
	assert_int_equal(client_info_parse(sent.data, &info, &why), 0);
	assert_ascii(info.user, REPLAY_USER);
	assert_ascii(info.password, REPLAY_PASSWORD);
	replay_done(&r);
}

static void test_any_split_is_the_same(void **state)
{
	static const size_t steps[] = { 1, 2, 3, 7, 64 };
	struct replay once;

	whole(&once, 0);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct replay cut;

		whole(&cut, steps[i]);
		assert_string_equal(buf_text(&cut.lines), buf_text(&once.lines));
		for (size_t side = 0; side < RDP_SIDES; side++)
			assert_span_equal(buf_span(&cut.written[side]), buf_span(&once.written[side]));
		replay_done(&cut);
	}
	replay_done(&once);
}

/* Data of both directions with the ids that the other side knows. */
static void test_ids_are_exchanged(void **state)
{
	OWNED(buf_done) struct buf out = { 0 };
	struct replay r;
	size_t at, before;

	whole(&r, 0);
	before = r.written[RDP_CLIENT].len;
	at = mcs_send_begin(&out, MCS_SEND_INDICATION, STANDARD_USER, GUEST_FIRST);
	buf_put(&out, "\x04\x00\x00\x00\x03\x00\x00\x00\x50\x00\x01\x00", 12);	/* DYNVC_CAPS */
	mcs_send_end(&out, at);
	struct span sent = buf_span(&out);
	replay_bytes(&r, RDP_GUEST, sent);

	struct span got = span_of(r.written[RDP_CLIENT].ptr + before,
				  r.written[RDP_CLIENT].len - before);
	struct frame frame;
	struct mcs_pdu pdu;
	assert_int_equal(got.len, sent.len);
	assert_true(frame_parse(got, &frame, &why) > 0);
	assert_int_equal(mcs_parse(frame.body, &pdu, &why), 0);
	assert_int_equal(pdu.channel, STANDARD_IO + 1);
	assert_int_equal(pdu.initiator, STANDARD_USER);
	assert_memory_equal(pdu.data.ptr, "\x04\x00\x00\x00\x03\x00\x00\x00\x50\x00\x01\x00", 12);

	/* licensing of the client, on the I/O channel, which has the same number everywhere */
	before = r.written[RDP_GUEST].len;
	buf_reset(&out);
	at = mcs_send_begin(&out, MCS_SEND_REQUEST, STANDARD_USER, STANDARD_IO);
	buf_put(&out, "\x80\x00\x00\x00\xff\x03\x10\x00\x07\x00\x00\x00\x02\x00\x00\x00"
		"\x04\x00\x00\x00", 20);
	mcs_send_end(&out, at);
	say(&r, RDP_CLIENT, &out);
	got = span_of(r.written[RDP_GUEST].ptr + before, r.written[RDP_GUEST].len - before);
	assert_true(frame_parse(got, &frame, &why) > 0);
	assert_int_equal(mcs_parse(frame.body, &pdu, &why), 0);
	assert_int_equal(pdu.initiator, GUEST_USER);
	assert_int_equal(pdu.channel, STANDARD_IO);
	assert_false(r.over);
	replay_done(&r);
}

/* rdesktop: the user name goes in clear, so it is the locator, and the password is the secret. */
static void test_secret_as_password(void **state)
{
	char token[64], password[96];
	struct standard_client c = { .token = token, .user = "x", .password = password };
	struct replay r;

	standard_locator(token, "Cookie: mstshash=");
	standard_secret(password, "");
	connect_client(&r, &c, 0);
	log_on(&r, &c);
	assert_ticket(&r.ticket);
	assert_int_equal(rdp_session_state(r.session), RDP_X224_CONFIRM);
	replay_done(&r);
}

static void test_what_is_no_secret_is_not_asked_for(void **state)
{
	static const char *const users[] = { "hanako", "hanako\x1f", "hanako\x1f" "short",
		"hanako\x1f\xe3\x81\x82", "\x1f" "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"x\x1f" "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" };

	for (size_t i = 0; i < ARRAY_LEN(users); i++) {
		struct standard_client c = { .user = users[i] };
		struct replay r;

		connect_client(&r, &c, 0);
		log_on(&r, &c);
		assert_string_equal(buf_text(&r.lines), "start_tls client\nclose ticket\n");
		assert_int_equal(r.written[RDP_GUEST].len, 0);
		assert_int_equal(written_mcs(&r, RDP_CLIENT, 9).type, MCS_DISCONNECT);
		replay_done(&r);
	}
}

static void test_refused_ticket_never_meets_the_guest(void **state)
{
	const struct standard_client c = { 0 };
	struct replay r;

	connect_client(&r, &c, 0);
	r.refuse_ticket = true;
	log_on(&r, &c);
	assert_string_equal(buf_text(&r.lines), "start_tls client\nredeem\nclose ticket\n");
	assert_int_equal(r.written[RDP_GUEST].len, 0);
	assert_int_equal(written_mcs(&r, RDP_CLIENT, 9).type, MCS_DISCONNECT);
	replay_done(&r);
}

static void test_without_a_locator_there_is_no_tls(void **state)
{
	static const char *const tokens[] = { "Cookie: mstshash=hanako", "Cookie: msts=",
		"Cookie: msts=1234.5678.0000", "Cookie: MSTS=AAECAwQFBgcICQoLDA0ODw",
		"msts=AAECAwQFBgcICQoLDA0ODw", "Cookie: msts=AAECAwQFBgcICQoLDA0ODwAA" };

	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
		struct standard_client c = { .token = tokens[i] };
		struct replay r;

		connect_client(&r, &c, 0);
		assert_string_equal(buf_text(&r.lines), "close protocol\n");
		replay_done(&r);
	}
}

static void test_our_own_protocol_comes_first(void **state)
{
	struct standard_client c = { .protocols = X224_PROTOCOL_RDSTLS | X224_PROTOCOL_SSL };
	OWNED(buf_done) struct buf out = { 0 };
	struct replay r;

	replay_init(&r, &nothing, 0);
	standard_request(&c, &out);
	say(&r, RDP_CLIENT, &out);
	assert_int_equal(rdp_session_state(r.session), RDP_RDSTLS);
	replay_done(&r);

	c.protocols = X224_PROTOCOL_HYBRID;
	connect_client(&r, &c, 0);
	assert_string_equal(buf_text(&r.lines), "close protocol\n");
	replay_done(&r);
}

static void assert_fault_after_setup(struct buf *said, const char *line)
{
	const struct standard_client c = { 0 };
	struct replay r;

	connect_client(&r, &c, 0);
	say(&r, RDP_CLIENT, said);
	if (!strstr(buf_text(&r.lines), line))
		fail_msg("%s is not in: %s", line, buf_text(&r.lines));
	assert_int_equal(r.written[RDP_GUEST].len, 0);
	replay_done(&r);
}

static void test_nothing_else_before_the_ticket(void **state)
{
	OWNED(buf_done) struct buf out = { 0 };
	size_t at = mcs_send_begin(&out, MCS_SEND_REQUEST, STANDARD_USER, STANDARD_IO + 1);

	buf_put(&out, "\x04\x00\x00\x00\x03\x00\x00\x00\x50\x00\x01\x00", 12);
	mcs_send_end(&out, at);
	assert_fault_after_setup(&out, "fault client_channel_data: not legal in this state");
	standard_attach(&out);
	assert_fault_after_setup(&out, "fault mcs_attach_user_request: second attach");
	standard_join(STANDARD_IO, &out);
	assert_fault_after_setup(&out, "fault mcs_channel_join_request: joined twice");
	standard_join(1500, &out);
	assert_fault_after_setup(&out, "fault mcs_channel_join_request: unknown channel");
	buf_put(&out, "\x04\x04\x00\x00", 4);	/* fast-path input */
	assert_fault_after_setup(&out, "fault client_fast_path: not legal in this state");
}

static void test_guest_that_refuses_a_channel(void **state)
{
	const struct standard_client c = { 0 };
	OWNED(buf_done) struct buf out = { 0 };
	struct replay r;

	connect_client(&r, &c, 0);
	log_on(&r, &c);
	buf_put_span(&out, recorded(REC_DENIED, REC_X224_CONFIRM));
	say(&r, RDP_GUEST, &out);
	put_response(&out);
	say(&r, RDP_GUEST, &out);
	mcs_encode(&(struct mcs_pdu){ .type = MCS_ATTACH_CONFIRM, .initiator = GUEST_USER }, &out);
	say(&r, RDP_GUEST, &out);
	mcs_encode(&(struct mcs_pdu){ .type = MCS_JOIN_CONFIRM, .result = 3, .initiator = GUEST_USER,
				      .requested = GUEST_USER }, &out);
	say(&r, RDP_GUEST, &out);
	assert_non_null(strstr(buf_text(&r.lines), "the guest refuses a channel"));
	replay_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client_is_answered_by_the_relay),
		cmocka_unit_test(test_guest_is_connected_after_the_ticket),
		cmocka_unit_test(test_any_split_is_the_same),
		cmocka_unit_test(test_ids_are_exchanged),
		cmocka_unit_test(test_secret_as_password),
		cmocka_unit_test(test_what_is_no_secret_is_not_asked_for),
		cmocka_unit_test(test_refused_ticket_never_meets_the_guest),
		cmocka_unit_test(test_without_a_locator_there_is_no_tls),
		cmocka_unit_test(test_our_own_protocol_comes_first),
		cmocka_unit_test(test_nothing_else_before_the_ticket),
		cmocka_unit_test(test_guest_that_refuses_a_channel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
