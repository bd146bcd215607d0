/* SPDX-License-Identifier: Apache-2.0 */
/* Whole sessions: recorded conversations in, lines of effects and bytes out. */
#include "tests/unit/rdp/rdp_test.h"
#include "common/base/text.h"
#include "hostagent/rdp/gcc.h"
#include "hostagent/rdp/info.h"
#include "hostagent/rdp/mcs.h"
#include "hostagent/rdp/x224.h"

static const struct rdp_policy nothing;
static const struct rdp_policy sound = { .sound = RDP_ALLOW, .microphone = RDP_ALLOW };
static const char *why;

static const char sound_trace[] =
	"start_tls client\n"
	"redeem\n"
	"connect_guest\n"
	"start_tls guest\n"
	"denied device rdpdr client\n"
	"active\n";

static const char denied_trace[] =
	"start_tls client\n"
	"redeem\n"
	"connect_guest\n"
	"start_tls guest\n"
	"denied static_channel rdpsnd client\n"
	"denied static_channel cliprdr client\n"
	"denied static_channel rdpdr client\n"
	"active\n"
	"denied dynamic_channel AUDIO_INPUT guest\n";

static void run(struct replay *r, const char *name, const struct rdp_policy *policy, size_t step)
{
	replay_init(r, policy, step);
	replay_recording(r, recording_load(name));
}

static void test_golden_traces(void **state)
{
	struct replay r;

	run(&r, REC_SOUND, &sound, 0);
	assert_string_equal(buf_text(&r.lines), sound_trace);
	assert_int_equal(rdp_session_state(r.session), RDP_ACTIVE);
	replay_done(&r);
	run(&r, REC_DENIED, &nothing, 0);
	assert_string_equal(buf_text(&r.lines), denied_trace);
	assert_int_equal(rdp_session_state(r.session), RDP_ACTIVE);
	replay_done(&r);
}

/* However the streams are cut, the same bytes and effects come out. */
static void test_any_split_is_the_same(void **state)
{
	static const size_t steps[] = { 1, 2, 3, 7, 15, 16, 64, 1460 };
	const char *const names[] = { REC_SOUND, REC_DENIED };

	for (size_t n = 0; n < 2; n++) {
		const struct rdp_policy *policy = n == 0 ? &sound : &nothing;
		struct replay whole;

		run(&whole, names[n], policy, 0);
		for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
			struct replay cut;

			run(&cut, names[n], policy, steps[i]);
			assert_string_equal(buf_text(&cut.lines), buf_text(&whole.lines));
			assert_span_equal(buf_span(&cut.written[0]), buf_span(&whole.written[0]));
			assert_span_equal(buf_span(&cut.written[1]), buf_span(&whole.written[1]));
			replay_done(&cut);
		}
		replay_done(&whole);
	}
}

static void test_nothing_read_changes_nothing(void **state)
{
	struct rdp_session *s = rdp_session_new();
	struct rdp_output out;

	for (size_t side = 0; side < RDP_SIDES; side++)
		assert_int_equal(rdp_session_feed(s, (enum rdp_side)side, (struct span){ 0 }, &out), 0);
	assert_int_equal(rdp_session_state(s), RDP_X224_REQUEST);
	assert_int_equal(out.piece_count + out.effect_count, 0);
	rdp_session_free(s);
}

static void test_ticket(void **state)
{
	struct replay r;

	run(&r, REC_SOUND, &sound, 0);
	for (uint8_t i = 0; i < RDP_LOCATOR_LEN; i++)
		assert_int_equal(r.ticket.locator[i], i * 17);
	for (uint8_t i = 0; i < RDP_TICKET_SECRET_LEN; i++)
		assert_int_equal(r.ticket.secret[i], i);
	replay_done(&r);
}

/* The n-th TPKT in what was written to a side; RDSTLS, which has none, is stepped over. */
static struct span written_body(const struct replay *r, enum rdp_side side, size_t n)
{
	struct span rest = buf_span(&r->written[side]);
	struct frame frame = { 0 };

	for (size_t i = 0; i <= n; i++) {
		if (side == RDP_CLIENT && i == 1)
			rest = span_of(rest.ptr + 18, rest.len - 18);
		ssize_t len = frame_parse(rest, &frame, &why);

		assert_true(len > 0);
		rest = span_of(rest.ptr + len, rest.len - (size_t)len);
	}
	return frame.body;
}

static void test_guest_hears_only_us(void **state)
{
	struct x224_request request;
	struct mcs_connect_initial connect;
	struct gcc_client client;
	struct replay r;

	run(&r, REC_DENIED, &nothing, 0);
	assert_int_equal(x224_request_parse(written_body(&r, RDP_GUEST, 0), &request, &why), 0);
	assert_int_equal(request.protocols, X224_PROTOCOL_SSL);
	assert_int_equal(request.token.len, 0);
	assert_int_equal(mcs_connect_initial_parse(written_body(&r, RDP_GUEST, 1), &connect, &why),
			 0);
	assert_int_equal(gcc_client_parse(connect.user_data, &client, &why), 0);
	assert_int_equal(client.core.selected_protocol, X224_PROTOCOL_SSL);
	assert_false(client.core.early_flags & GCC_CLIENT_SKIP_JOIN);
	assert_false(client.has_multitransport);
	assert_int_equal(client.channel_count, 4);
	assert_string_equal(client.channels[0].name, "drdynvc");
	assert_string_equal(client.channels[1].name, "vdblk01");
	assert_string_equal(client.channels[2].name, "vdblk02");
	assert_string_equal(client.channels[3].name, "vdblk03");
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(client.channels[i].options &
					 (GCC_OPTION_COMPRESS | GCC_OPTION_COMPRESS_RDP), 0);
	replay_done(&r);
}

static void test_client_hears_what_it_asked(void **state)
{
	struct mcs_connect_response connect;
	struct x224_request asked;
	struct x224_confirm confirm;
	struct gcc_server server;
	struct replay r;

	run(&r, REC_DENIED, &nothing, 0);
	assert_int_equal(x224_request_parse(recorded_body(REC_DENIED, REC_X224_REQUEST), &asked,
					    &why), 0);
	assert_int_equal(x224_confirm_parse(written_body(&r, RDP_CLIENT, 0), &confirm, &why), 0);
	assert_false(confirm.failed);
	assert_int_equal(confirm.protocol, X224_PROTOCOL_RDSTLS);
	assert_int_equal(mcs_connect_response_parse(written_body(&r, RDP_CLIENT, 1), &connect, &why),
			 0);
	assert_int_equal(gcc_server_parse(connect.user_data, &server, &why), 0);
	assert_int_equal(server.requested_protocols, asked.protocols);
	assert_false(server.early_flags & GCC_SERVER_SKIP_JOIN);
	assert_false(server.has_multitransport);
	replay_done(&r);
}

static bool contains(const struct buf *in, const char *text)
{
	OWNED(buf_done) struct buf wide = { 0 };

	assert_int_equal(utf8_to_utf16le(span_text(text), &wide), 0);
	return memmem(in->ptr, in->len, wide.ptr, wide.len) ||
	       memmem(in->ptr, in->len, text, strlen(text));
}

static struct client_info info_of(const struct replay *r)
{
	struct client_info info;
	struct mcs_pdu pdu;

	for (size_t i = 2;; i++) {
		assert_int_equal(mcs_parse(written_body(r, RDP_GUEST, i), &pdu, &why), 0);
		if (pdu.type == MCS_SEND_REQUEST)
			break;
	}
	assert_int_equal(pdu.channel, 1003);
	assert_int_equal(client_info_parse(pdu.data, &info, &why), 0);
	return info;
}

static void test_logon_is_the_tickets(void **state)
{
	struct replay r;

	run(&r, REC_DENIED, &nothing, 0);
	struct client_info info = info_of(&r);

	assert_ascii(info.user, REPLAY_USER);
	assert_ascii(info.password, REPLAY_PASSWORD);
	assert_int_equal(info.domain.len, 0);
	assert_int_equal(info.shell.len, 0);
	assert_int_equal(info.work_dir.len, 0);
	assert_true(info.flags & INFO_AUTOLOGON);
	assert_true(info.flags & INFO_NO_AUDIO_PLAYBACK);
	assert_false(info.flags & (INFO_AUDIO_CAPTURE | INFO_REMOTE_CONSOLE_AUDIO));
	/* The client's user name and its secret, which libfreerdp repeats here, stay behind. */
	assert_false(contains(&r.written[RDP_GUEST], "ticket"));
	assert_false(contains(&r.written[RDP_GUEST], "AAECAwQFBgcICQoL"));
	assert_false(contains(&r.written[RDP_GUEST], "cliprdr"));
	assert_false(contains(&r.written[RDP_CLIENT], REPLAY_PASSWORD));
	assert_false(contains(&r.written[RDP_CLIENT], "AUDIO_INPUT"));
	replay_done(&r);
	run(&r, REC_SOUND, &sound, 0);
	assert_false(info_of(&r).flags & INFO_NO_AUDIO_PLAYBACK);
	assert_true(contains(&r.written[RDP_GUEST], "rdpsnd"));
	assert_true(contains(&r.written[RDP_GUEST], "rdpdr"));
	replay_done(&r);
}

static void test_refused_ticket(void **state)
{
	struct replay r;

	replay_init(&r, &nothing, 0);
	r.refuse_ticket = true;
	replay_recording(&r, recording_load(REC_DENIED));
	assert_string_equal(buf_text(&r.lines), "start_tls client\nredeem\nclose ticket\n");
	assert_int_equal(r.written[RDP_GUEST].len, 0);
	struct span end = buf_span(&r.written[RDP_CLIENT]);

	assert_span_equal(span_of(end.ptr + end.len - 10, 10), BYTES(1, 0, 4, 0, 1, 0, 5, 0, 0, 0));
	replay_done(&r);
}

static void test_client_without_ticket_protocol(void **state)
{
	static const uint32_t protocols[] = { 0, X224_PROTOCOL_SSL, X224_PROTOCOL_HYBRID, 0x8b };

	for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
		OWNED(buf_done) struct buf request = { 0 };
		struct x224_confirm confirm;
		struct replay r;

		x224_request_encode(protocols[i], &request);
		replay_init(&r, &nothing, 0);
		replay_bytes(&r, RDP_CLIENT, buf_span(&request));
		assert_string_equal(buf_text(&r.lines), "close protocol\n");
		assert_int_equal(x224_confirm_parse(written_body(&r, RDP_CLIENT, 0), &confirm, &why),
				 0);
		assert_true(confirm.failed);
		assert_int_equal(confirm.failure_code, X224_FAIL_SSL_REQUIRED);
		replay_done(&r);
	}
}

/* Bulk goes through as one piece of the caller's own bytes. */
static void test_bulk_is_not_copied(void **state)
{
	OWNED(buf_done) struct buf bulk = { 0 };
	struct rdp_output out;
	struct replay r;

	run(&r, REC_SOUND, &sound, 0);
	for (size_t i = 0; i < 40; i++) {
		buf_put_u8(&bulk, 0);
		buf_put_u16be(&bulk, 0x8000 | 1400);
		buf_put_zeros(&bulk, 1397);
	}
	size_t whole = bulk.len;

	buf_put_u8(&bulk, 0);	/* and the beginning of one more */
	assert_int_equal(rdp_session_feed(r.session, RDP_GUEST, buf_span(&bulk), &out), whole);
	assert_int_equal(out.piece_count, 1);
	assert_int_equal(out.pieces[0].to, RDP_CLIENT);
	assert_ptr_equal(out.pieces[0].bytes.ptr, bulk.ptr);
	assert_int_equal(out.pieces[0].bytes.len, whole);
	replay_done(&r);
}

static void test_disconnect_from_either_side(void **state)
{
	struct span ultimatum = BYTES(3, 0, 0, 9, 2, 0xf0, 0x80, 0x21, 0x80);

	for (size_t side = 0; side < RDP_SIDES; side++) {
		struct replay r;

		run(&r, REC_SOUND, &sound, 0);
		buf_reset(&r.lines);
		buf_reset(&r.written[0]);
		buf_reset(&r.written[1]);
		replay_bytes(&r, (enum rdp_side)side, ultimatum);
		assert_string_equal(buf_text(&r.lines),
				    side == RDP_CLIENT ? "close client_left\n" : "close guest_left\n");
		assert_span_equal(buf_span(&r.written[1 - side]), ultimatum);
		assert_int_equal(r.written[side].len, 0);
		assert_int_equal(rdp_session_state(r.session), RDP_CLOSED);
		assert_false(rdp_session_reads(r.session, RDP_CLIENT));
		replay_done(&r);
	}
}

/* The recording as of a client that sets RNS_UD_CS_SUPPORT_ERRINFO_PDU in CS_CORE, or not. */
static void run_and_end(struct replay *r, enum rdp_end end, bool error_info)
{
	OWNED(buf_done) struct buf copy = { 0 };
	struct rdp_output out;

	buf_put_span(&copy, recording_load(REC_SOUND));
	uint8_t *core = memmem(copy.ptr, copy.len, "\x01\xc0\xea\0", 4);

	assert_non_null(core);
	core[144] = (uint8_t)((core[144] & 0xfe) | error_info);
	replay_init(r, &sound, 0);
	replay_recording(r, buf_span(&copy));
	assert_int_equal(rdp_session_state(r->session), RDP_ACTIVE);
	buf_reset(&r->lines);
	buf_reset(&r->written[0]);
	buf_reset(&r->written[1]);
	rdp_session_end(r->session, end, &out);
	replay_output(r, &out);
}

static void test_revocation_says_why(void **state)
{
	struct span ultimatum = BYTES(3, 0, 0, 9, 2, 0xf0, 0x80, 0x20, 0x80);
	struct rdp_output out;
	struct replay r;

	run_and_end(&r, RDP_END_REVOKED, false);
	assert_span_equal(buf_span(&r.written[RDP_CLIENT]), ultimatum);
	replay_done(&r);
	run_and_end(&r, RDP_END_REVOKED, true);
	assert_string_equal(buf_text(&r.lines), "close revoked\n");
	assert_span_equal(buf_span(&r.written[RDP_GUEST]), ultimatum);
	struct span told = buf_span(&r.written[RDP_CLIENT]);

	assert_int_equal(told.len, 15 + 22 + 9);
	assert_memory_equal(told.ptr + 15 + 14, "\x2f\0\0\0\1\0\0\0", 8);	/* Set Error Info: 1 */
	assert_span_equal(span_of(told.ptr + told.len - 9, 9), ultimatum);
	rdp_session_end(r.session, RDP_END_REVOKED, &out);
	assert_int_equal(out.effect_count + out.piece_count, 0);
	replay_done(&r);
}

static void test_move_says_why(void **state)
{
	struct replay r;

	run_and_end(&r, RDP_END_MOVED, true);
	assert_string_equal(buf_text(&r.lines), "close moved\n");
	assert_memory_equal(r.written[RDP_CLIENT].ptr + 15 + 14, "\x2f\0\0\0\5\0\0\0", 8);
	replay_done(&r);
	run_and_end(&r, RDP_END_SHUTDOWN, true);
	assert_memory_equal(r.written[RDP_CLIENT].ptr + 15 + 14, "\x2f\0\0\0\x19\0\0\0", 8);
	replay_done(&r);
	run_and_end(&r, RDP_END_TIMEOUT, true);
	assert_int_equal(r.written[RDP_CLIENT].len, 9);	/* nothing but the ultimatum */
	replay_done(&r);
}

/* Keyboard and pointer count, whichever way they come; other data of the client's does not. */
static void test_inputs_are_counted(void **state)
{
	struct replay r;

	run(&r, REC_SOUND, &sound, 0);
	uint64_t before = rdp_session_inputs(r.session);

	replay_bytes(&r, RDP_CLIENT, BYTES(0x04, 4, 0, 0x1c));
	assert_int_equal(rdp_session_inputs(r.session), before + 1);
	replay_bytes(&r, RDP_GUEST, BYTES(0x00, 4, 0, 0));
	assert_int_equal(rdp_session_inputs(r.session), before + 1);
	assert_int_equal(rdp_session_state(r.session), RDP_ACTIVE);
	replay_done(&r);
}

static void test_end_while_redeeming(void **state)
{
	struct rdp_output out;
	struct rdp_session *s = rdp_session_new();
	struct span request = recorded(REC_SOUND, REC_X224_REQUEST);
	struct span ticket = recorded(REC_SOUND, REC_RDSTLS);

	assert_int_equal(rdp_session_feed(s, RDP_CLIENT, request, &out), request.len);
	assert_false(rdp_session_reads(s, RDP_CLIENT));
	assert_int_equal(rdp_session_feed(s, RDP_CLIENT, ticket, &out), 0);
	assert_int_equal(rdp_session_redeemed(s, NULL, &out), -EPROTO);
	assert_int_equal(rdp_session_guest_connected(s, &out), -EPROTO);
	assert_int_equal(rdp_session_tls_ready(s, RDP_GUEST, &out), -EPROTO);
	assert_int_equal(rdp_session_tls_ready(s, RDP_CLIENT, &out), 0);
	assert_int_equal(rdp_session_tls_ready(s, RDP_CLIENT, &out), -EPROTO);
	assert_int_equal(rdp_session_feed(s, RDP_CLIENT, ticket, &out), ticket.len);
	assert_int_equal(rdp_session_state(s), RDP_REDEEM);
	rdp_session_end(s, RDP_END_TIMEOUT, &out);
	assert_int_equal(out.piece_count, 1);
	assert_span_equal(out.pieces[0].bytes, BYTES(1, 0, 4, 0, 1, 0, 5, 0, 0, 0));
	assert_int_equal(rdp_session_ended(s), RDP_END_TIMEOUT);
	rdp_session_free(s);
}

static void test_grants_that_do_not_fit(void **state)
{
	char long_text[300];
	struct rdp_output out;
	struct rdp_session *s = rdp_session_new();
	struct span request = recorded(REC_SOUND, REC_X224_REQUEST);
	struct span ticket = recorded(REC_SOUND, REC_RDSTLS);

	memset(long_text, 'a', sizeof(long_text));
	long_text[256] = '\0';
	assert_int_equal(rdp_session_feed(s, RDP_CLIENT, request, &out), request.len);
	assert_int_equal(rdp_session_tls_ready(s, RDP_CLIENT, &out), 0);
	assert_int_equal(rdp_session_feed(s, RDP_CLIENT, ticket, &out), ticket.len);
	assert_int_equal(rdp_session_redeemed(
				 s, &(struct rdp_grant){ .user = long_text, .password = "p" }, &out),
			 -EINVAL);
	assert_int_equal(rdp_session_redeemed(
				 s, &(struct rdp_grant){ .user = "u\xff", .password = "p" }, &out),
			 -EINVAL);
	assert_int_equal(rdp_session_redeemed(
				 s, &(struct rdp_grant){ .user = "", .password = "p" }, &out), -EINVAL);
	long_text[255] = '\0';
	assert_int_equal(rdp_session_redeemed(
				 s, &(struct rdp_grant){ .user = "\xe8\x8a\xb1\xe5\xad\x90",
							 .password = long_text }, &out), 0);
	rdp_session_free(s);
}

static void test_every_state_has_its_words(void **state)
{
	for (int i = 0; i < RDP_STATES; i++) {
		assert_non_null(rdp_state_name((enum rdp_state)i));
		/* Only a shown desktop and an ended session may last. */
		assert_int_equal(rdp_state_limit_ms((enum rdp_state)i) == 0,
				 i == RDP_ACTIVE || i == RDP_CLOSED || i == RDP_FAULTED);
	}
	for (int i = 0; i <= RDP_END_FAULT; i++)
		assert_non_null(rdp_end_name((enum rdp_end)i));
	for (int i = 0; i <= RDP_DENIED_CLIPBOARD; i++)
		assert_non_null(rdp_denied_name((enum rdp_denied_kind)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_traces),
		cmocka_unit_test(test_any_split_is_the_same),
		cmocka_unit_test(test_nothing_read_changes_nothing),
		cmocka_unit_test(test_ticket),
		cmocka_unit_test(test_guest_hears_only_us),
		cmocka_unit_test(test_client_hears_what_it_asked),
		cmocka_unit_test(test_logon_is_the_tickets),
		cmocka_unit_test(test_refused_ticket),
		cmocka_unit_test(test_client_without_ticket_protocol),
		cmocka_unit_test(test_bulk_is_not_copied),
		cmocka_unit_test(test_disconnect_from_either_side),
		cmocka_unit_test(test_revocation_says_why),
		cmocka_unit_test(test_move_says_why),
		cmocka_unit_test(test_inputs_are_counted),
		cmocka_unit_test(test_end_while_redeeming),
		cmocka_unit_test(test_grants_that_do_not_fit),
		cmocka_unit_test(test_every_state_has_its_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
