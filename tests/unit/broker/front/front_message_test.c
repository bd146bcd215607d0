/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/front/front_message.h"

#include <errno.h>
#include "tests/unit/test.h"

static struct http_exchange request(void)
{
	return (struct http_exchange){
		.method = "POST",
		.path = "/v1/login/山",
		.address = "2001:db8::1",
		.cn = "host-a",
		.ou = "genkan-host",
		.key_sha256 = "",
		.query = { { "wait_ms", "20" }, { "q", "a b" } },
		.query_count = 2,
		.headers = { { "Authorization", "Bearer x" } },
		.header_count = 1,
	};
}

static void requests_come_out_as_they_went_in(void **state)
{
	OWNED(buf_done) struct buf packet = BUF_LIMIT(PACKET_MAX);
	struct http_exchange x = request();
	uint8_t body[] = "{\"user\":\"hanako\"}";
	struct front_message m;

	(void)state;
	x.body = body;
	x.body_len = sizeof(body) - 1;
	assert_int_equal(front_request_write(7, &x, &packet), x.body_len);
	assert_int_equal(front_message_parse(buf_span(&packet), &m), 0);
	assert_int_equal(m.kind, FRONT_REQUEST);
	assert_int_equal(m.id, 7);
	assert_string_equal(m.request.method, x.method);
	assert_string_equal(m.request.path, x.path);
	assert_string_equal(m.request.address, x.address);
	assert_string_equal(m.request.cn, x.cn);
	assert_string_equal(http_query(&m.request, "q"), "a b");
	assert_string_equal(http_bearer(&m.request), "x");
	assert_int_equal(m.body_len, x.body_len);
	assert_memory_equal(m.bytes.ptr, body, x.body_len);

	for (size_t len = 0; len < packet.len - x.body_len; len++)
		assert_int_equal(front_message_parse(span_of(packet.ptr, len), &m), -EBADMSG);
}

static void long_bodies_come_in_parts(void **state)
{
	OWNED(buf_done) struct buf packet = BUF_LIMIT(PACKET_MAX);
	static uint8_t body[3 * PACKET_MAX];
	struct http_exchange x = request();
	struct front_message m;

	(void)state;
	x.body = body;
	x.body_len = sizeof(body);
	size_t sent = front_request_write(1, &x, &packet);
	assert_in_range(sent, PACKET_MAX / 2, PACKET_MAX);
	assert_int_equal(front_message_parse(buf_span(&packet), &m), 0);
	assert_int_equal(m.bytes.len, sent);
	assert_int_equal(m.body_len, sizeof(body));
	while (sent < sizeof(body)) {
		buf_reset(&packet);
		sent += front_bytes_write(FRONT_BODY, 1, span_of(body, sizeof(body) - sent),
					  &packet);
		assert_int_equal(front_message_parse(buf_span(&packet), &m), 0);
		assert_int_equal(m.kind, FRONT_BODY);
	}
	assert_int_equal(sent, sizeof(body));
}

static int parsed(struct http_exchange x)
{
	OWNED(buf_done) struct buf packet = BUF_LIMIT(PACKET_MAX);
	struct front_message m;

	front_request_write(1, &x, &packet);
	assert_false(packet.failed);
	return front_message_parse(buf_span(&packet), &m);
}

static void what_no_front_says_is_refused(void **state)
{
	struct http_exchange x;

	(void)state;
	assert_int_equal(parsed(request()), 0);
	x = request(), x.method = "TRACE";
	assert_int_equal(parsed(x), -EBADMSG);
	x = request(), x.address = "not an address";
	assert_int_equal(parsed(x), -EBADMSG);
	x = request(), x.key_sha256 = "abc";
	assert_int_equal(parsed(x), -EBADMSG);
	x = request(), x.path = "/\xff";
	assert_int_equal(parsed(x), -EBADMSG);
	x = request(), x.headers[0].name = "X-Forwarded-For";
	assert_int_equal(parsed(x), -EBADMSG);
}

static int parsed_answer(struct http_answer answer)
{
	OWNED(buf_done) struct buf packet = BUF_LIMIT(PACKET_MAX);
	struct front_message m;

	front_answer_write(9, &answer, &packet);
	int rc = front_message_parse(buf_span(&packet), &m);

	if (rc == 0) {
		assert_int_equal(m.answer.status, answer.status);
		assert_int_equal(m.answer.more, answer.more);
		assert_int_equal(m.answer.header_count, answer.header_count);
	}
	return rc;
}

static void answers_have_no_lines_of_their_own(void **state)
{
	struct http_answer good = {
		.status = 206,
		.type = "text/plain",
		.more = true,
		.header_count = 1,
		.headers = { { "Content-Range", "bytes 0-9/100" } },
	};
	struct http_answer bad = good;

	(void)state;
	assert_int_equal(parsed_answer(good), 0);
	bad.headers[0].value = "x\r\nSet-Cookie: a=b";
	assert_int_equal(parsed_answer(bad), -EBADMSG);
	bad = good, bad.headers[0].name = "A: b";
	assert_int_equal(parsed_answer(bad), -EBADMSG);
	bad = good, bad.status = 99;
	assert_int_equal(parsed_answer(bad), -EBADMSG);
}

static void small_messages(void **state)
{
	OWNED(buf_done) struct buf packet = BUF_LIMIT(PACKET_MAX);
	struct tls_pem pem = { SPAN_LITERAL("chain"), SPAN_LITERAL("key"), SPAN_LITERAL("ca") };
	struct front_message m;

	(void)state;
	front_certificate_write(&pem, &packet);
	assert_int_equal(front_message_parse(buf_span(&packet), &m), 0);
	assert_true(span_equal(m.pem.key, pem.key));
	buf_reset(&packet);
	front_ready_write("why", &packet);
	assert_int_equal(front_message_parse(buf_span(&packet), &m), 0);
	assert_string_equal(m.problem, "why");
	buf_reset(&packet);
	front_drained_write(3, 1 << 20, &packet);
	assert_int_equal(front_message_parse(buf_span(&packet), &m), 0);
	assert_int_equal(m.drained_bytes, 1 << 20);
	buf_reset(&packet);
	front_end_write(FRONT_GONE, UINT64_C(1) << 48, &packet);
	assert_int_equal(front_message_parse(buf_span(&packet), &m), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_come_out_as_they_went_in),
		cmocka_unit_test(long_bodies_come_in_parts),
		cmocka_unit_test(what_no_front_says_is_refused),
		cmocka_unit_test(answers_have_no_lines_of_their_own),
		cmocka_unit_test(small_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
