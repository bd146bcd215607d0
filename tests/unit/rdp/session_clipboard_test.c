/* SPDX-License-Identifier: Apache-2.0 */
/* Clipboard messages through a whole session: collected, decided about, cut into chunks anew. */
#include "tests/unit/rdp/rdp_test.h"
#include "hostagent/rdp/cliprdr.h"
#include "hostagent/rdp/mcs.h"
#include "hostagent/rdp/svc.h"

enum { CLIPRDR = 1006, USER = 1009 };	/* of the recording */

static struct replay r;

static void begin(enum rdp_clipboard clipboard)
{
	const struct rdp_policy policy = { .clipboard = clipboard };

	replay_init(&r, &policy, 0);
	replay_recording(&r, recording_load(REC_DENIED));
	assert_int_equal(rdp_session_state(r.session), RDP_ACTIVE);
	buf_reset(&r.lines);
	buf_reset(&r.written[0]);
	buf_reset(&r.written[1]);
}

/* One chunk as that side would send it. */
static void chunk_send(enum rdp_side from, uint32_t total, uint32_t flags, struct span data)
{
	enum mcs_type type = from == RDP_CLIENT ? MCS_SEND_REQUEST : MCS_SEND_INDICATION;
	OWNED(buf_done) struct buf out = { 0 };
	size_t at = mcs_send_begin(&out, type, from == RDP_CLIENT ? USER : 1002, CLIPRDR);

	svc_put_chunk_header(&out, total, flags);
	buf_put_span(&out, data);
	mcs_send_end(&out, at);
	replay_bytes(&r, from, buf_span(&out));
}

static void message_send(enum rdp_side from, enum cliprdr_type type, uint16_t flags,
			 struct span body, size_t step)
{
	OWNED(buf_done) struct buf message = { 0 };

	cliprdr_encode(type, flags, body, &message);
	for (size_t at = 0; at < message.len && !r.over; at += step) {
		size_t len = message.len - at < step ? message.len - at : step;

		chunk_send(from, (uint32_t)message.len,
			   (at == 0 ? SVC_FIRST : 0) | (at + len == message.len ? SVC_LAST : 0) |
				   SVC_SHOW_PROTOCOL,
			   span_of(message.ptr + at, len));
	}
}

/* The one clipboard message that was written to a side, put together from its chunks. */
static void written_message(enum rdp_side to, struct buf *out, size_t *chunks)
{
	struct span rest = buf_span(&r.written[to]);

	*chunks = 0;
	while (rest.len) {
		struct frame frame;
		struct mcs_pdu mcs;
		struct svc_chunk chunk;
		const char *why;
		ssize_t n = frame_parse(rest, &frame, &why);

		assert_true(n > 0);
		assert_int_equal(mcs_parse(frame.body, &mcs, &why), 0);
		assert_int_equal(mcs.channel, CLIPRDR);
		assert_int_equal(svc_parse(mcs.data, &chunk, &why), 0);
		assert_int_equal(!!(chunk.flags & SVC_FIRST), *chunks == 0);
		assert_int_equal(!!(chunk.flags & SVC_LAST), (size_t)n == rest.len);
		assert_true(chunk.flags & SVC_SHOW_PROTOCOL);
		buf_put_span(out, chunk.data);
		++*chunks;
		rest = span_of(rest.ptr + n, rest.len - (size_t)n);
		if (rest.len == 0)
			assert_int_equal(chunk.total, out->len);
	}
}

static void assert_written(enum rdp_side to, enum cliprdr_type type, uint16_t flags,
			   struct span body)
{
	OWNED(buf_done) struct buf got = { 0 };
	OWNED(buf_done) struct buf wanted = { 0 };
	size_t chunks;

	written_message(to, &got, &chunks);
	cliprdr_encode(type, flags, body, &wanted);
	assert_span_equal(buf_span(&got), buf_span(&wanted));
	assert_int_equal(chunks, (wanted.len + 1599) / 1600);
	buf_reset(&r.written[to]);
}

/* id 13 and 32 bytes of name */
static const uint8_t text_list[36] = { 13 };

static void test_text_to_the_desktop(void **state)
{
	static uint8_t text[CLIPRDR_TEXT_MAX];
	const size_t steps[] = { 16000, 1600, 7 };

	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		size_t len = i == 2 ? 300 : i == 1 ? sizeof(text) : 50000;

		begin(RDP_CLIPBOARD_TO_DESKTOP);
		message_send(RDP_CLIENT, CLIPRDR_FORMAT_LIST, 0, span_of(text_list, 36), steps[i]);
		assert_written(RDP_GUEST, CLIPRDR_FORMAT_LIST, 0, span_of(text_list, 36));
		message_send(RDP_GUEST, CLIPRDR_DATA_REQUEST, 0, BYTES(13, 0, 0, 0), steps[i]);
		assert_written(RDP_CLIENT, CLIPRDR_DATA_REQUEST, 0, BYTES(13, 0, 0, 0));
		message_send(RDP_CLIENT, CLIPRDR_DATA_RESPONSE, CLIPRDR_OK, span_of(text, len), steps[i]);
		assert_written(RDP_GUEST, CLIPRDR_DATA_RESPONSE, CLIPRDR_OK, span_of(text, len));
		assert_string_equal(buf_text(&r.lines), "");
		replay_done(&r);
	}
}

static void test_the_other_direction_is_answered_here(void **state)
{
	begin(RDP_CLIPBOARD_TO_DESKTOP);
	message_send(RDP_GUEST, CLIPRDR_FORMAT_LIST, 0, span_of(text_list, 36), 1600);
	assert_int_equal(r.written[RDP_CLIENT].len, 0);
	assert_written(RDP_GUEST, CLIPRDR_FORMAT_LIST_RESPONSE, CLIPRDR_OK, span_of(NULL, 0));
	message_send(RDP_CLIENT, CLIPRDR_DATA_REQUEST, 0, BYTES(13, 0, 0, 0), 1600);
	assert_int_equal(r.written[RDP_GUEST].len, 0);
	assert_written(RDP_CLIENT, CLIPRDR_DATA_RESPONSE, CLIPRDR_FAIL, span_of(NULL, 0));
	message_send(RDP_GUEST, CLIPRDR_DATA_RESPONSE, CLIPRDR_OK, span_of(text_list, 36), 1600);
	assert_int_equal(r.written[RDP_CLIENT].len, 0);
	assert_string_equal(buf_text(&r.lines),
			    "denied clipboard CF_UNICODETEXT guest\n"
			    "denied clipboard CF_UNICODETEXT client\n"
			    "denied clipboard content nobody asked for guest\n");
	replay_done(&r);
}

static void test_too_long_a_text_becomes_a_refusal(void **state)
{
	static uint8_t text[300000];

	begin(RDP_CLIPBOARD_BOTH);
	message_send(RDP_GUEST, CLIPRDR_FORMAT_LIST, 0, span_of(text_list, 36), 1600);
	message_send(RDP_CLIENT, CLIPRDR_DATA_REQUEST, 0, BYTES(13, 0, 0, 0), 1600);
	buf_reset(&r.written[RDP_CLIENT]);
	message_send(RDP_GUEST, CLIPRDR_DATA_RESPONSE, CLIPRDR_OK, span_of(text, sizeof(text)), 1600);
	assert_written(RDP_CLIENT, CLIPRDR_DATA_RESPONSE, CLIPRDR_FAIL, span_of(NULL, 0));
	assert_string_equal(buf_text(&r.lines), "denied clipboard text over 64 KiB guest\n");
	chunk_send(RDP_GUEST, (8u << 20) + 1, SVC_FIRST, BYTES(5, 0, 1, 0));
	assert_int_equal(rdp_session_state(r.session), RDP_FAULTED);
	assert_non_null(strstr(buf_text(&r.lines), "channel message too long"));
	replay_done(&r);
}

/* Names of formats are a peer's words: however many, the session lives and the audit is bounded. */
static void test_many_names(void **state)
{
	static uint8_t list[500 * 36];
	size_t lines = 0;

	for (size_t i = 0; i < 500; i++) {
		list[36 * i] = (uint8_t)i;
		list[36 * i + 1] = 0xc0 + (uint8_t)(i >> 8);
	}
	begin(RDP_CLIPBOARD_BOTH);
	for (int i = 0; i < 10; i++) {
		list[2] = (uint8_t)(i + 1);
		message_send(RDP_CLIENT, CLIPRDR_FORMAT_LIST, 0, span_of(list, sizeof(list)), 1600);
		message_send(RDP_GUEST, CLIPRDR_FORMAT_LIST_RESPONSE, CLIPRDR_OK, span_of(NULL, 0), 1600);
	}
	assert_int_equal(rdp_session_state(r.session), RDP_ACTIVE);
	assert_non_null(strstr(buf_text(&r.lines), "denied clipboard more formats client\n"));
	for (const char *c = buf_text(&r.lines); *c; c++)
		lines += *c == '\n';
	assert_true(lines <= RDP_DENIED_MAX);
	replay_done(&r);
}

static void test_hostile(void **state)
{
	const struct { enum rdp_side from; struct span message; const char *why; } cases[] = {
		{ RDP_CLIENT, BYTES(1, 0, 0, 0, 0, 0, 0, 0), "clipboard monitor ready from the client" },
		{ RDP_CLIENT, BYTES(99, 0, 0, 0, 0, 0, 0, 0), "clipboard message type" },
		{ RDP_GUEST, BYTES(5, 0, 1, 0, 9, 0, 0, 0, 'a'), "clipboard message too short" },
		{ RDP_GUEST, BYTES(5), "clipboard message too short" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		begin(RDP_CLIPBOARD_BOTH);
		chunk_send(cases[i].from, (uint32_t)cases[i].message.len, SVC_FIRST | SVC_LAST,
			   cases[i].message);
		assert_int_equal(rdp_session_state(r.session), RDP_FAULTED);
		assert_non_null(strstr(buf_text(&r.lines), cases[i].why));
		assert_int_equal(r.written[0].len + r.written[1].len, 0);
		replay_done(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_to_the_desktop),
		cmocka_unit_test(test_the_other_direction_is_answered_here),
		cmocka_unit_test(test_too_long_a_text_becomes_a_refusal),
		cmocka_unit_test(test_many_names),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
