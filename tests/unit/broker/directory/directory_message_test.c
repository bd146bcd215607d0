/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/directory/directory_message.h"

#include <errno.h>
#include "tests/unit/test.h"

static void questions(void **state)
{
	OWNED(buf_done) struct buf packet = BUF_LIMIT(PACKET_MAX);
	struct directory_trace trace;
	struct directory_question q = {
		.what = DIRECTORY_ASK_LOGIN,
		.text = "hanako",
		.deadline_ms = 12345,
		.trace = &trace,
	};
	struct directory_message m;

	(void)state;
	assert_int_equal(secret_set(&q.password, SPAN_LITERAL("pass\0word")), 0);
	directory_ask_write(42, &q, &packet);
	assert_int_equal(directory_message_parse(buf_span(&packet), &m, NULL), 0);
	assert_int_equal(m.kind, DIRECTORY_ASK);
	assert_int_equal(m.id, 42);
	assert_int_equal(m.what, DIRECTORY_ASK_LOGIN);
	assert_string_equal(m.text, "hanako");
	assert_int_equal(m.deadline_ms, 12345);
	assert_true(m.wants_trace);
	assert_true(span_equal(m.password, SPAN_LITERAL("pass\0word")));
	assert_int_equal(m.fresh.len, 0);
	for (size_t len = 0; len < packet.len; len++)
		assert_int_equal(directory_message_parse(span_of(packet.ptr, len), &m, NULL),
				 -EBADMSG);
	packet.ptr[9] = DIRECTORY_ASK_PROBE; /* nobody's but the worker's own */
	assert_int_equal(directory_message_parse(buf_span(&packet), &m, NULL), -EBADMSG);
}

static void answers(void **state)
{
	OWNED(buf_done) struct buf packet = BUF_LIMIT(PACKET_MAX);
	struct directory_trace trace = { .count = DIRECTORY_STEPS_MAX }, back;
	struct directory_answer a = {
		.verdict = DIRECTORY_DISABLED,
		.person = { .id = "id",
			    .user = "hanako",
			    .display_name = "山田",
			    .uid_number = -1 },
		.reason = { 13, "why" },
		.search_us = 1,
		.bind_us = 2,
		.groups_us = 3,
		.groups_cut = true,
		.trace = &trace,
	};
	struct directory_message m;

	(void)state;
	for (size_t i = 0; i < trace.count; i++) {
		memcpy(trace.steps[i].what, "search", 7);
		memset(trace.steps[i].detail, 'x', sizeof(trace.steps[i].detail) - 1);
	}
	directory_answer_write(7, &a, 1, 99, &packet);
	assert_false(packet.failed); /* the longest fits */
	assert_int_equal(directory_message_parse(buf_span(&packet), &m, &back), 0);
	assert_int_equal(m.answer.verdict, DIRECTORY_DISABLED);
	assert_string_equal(m.answer.person.display_name, "山田");
	assert_int_equal(m.answer.person.uid_number, -1);
	assert_string_equal(m.answer.reason.text, "why");
	assert_int_equal(m.server, 1);
	assert_int_equal(m.took_us, 99);
	assert_true(m.answer.groups_cut);
	assert_int_equal(back.count, trace.count);
	for (size_t i = 0; i < trace.count; i++)
		assert_string_equal(back.steps[i].detail, trace.steps[i].detail);
}

static void groups_come_in_parts(void **state)
{
	OWNED(buf_done) struct buf answer = BUF_LIMIT(PACKET_MAX);
	struct pool_group groups[150];
	struct directory_answer a = { .person = { .groups = groups, .group_count = 150 } };
	struct directory_message m;
	size_t sent, packets = 1;

	(void)state;
	for (size_t i = 0; i < 150; i++)
		groups[i] = (struct pool_group){ "sales", i % 2 ? "cn=sales,dc=example" : NULL };
	sent = directory_answer_write(1, &a, 0, 0, &answer);
	assert_int_equal(directory_message_parse(buf_span(&answer), &m, NULL), 0);
	assert_int_equal(m.groups_in_all, 150);
	assert_int_equal(m.group_count, sent);
	assert_string_equal(m.groups[1].dn, "cn=sales,dc=example");
	for (; sent < 150; packets++) {
		OWNED(buf_done) struct buf packet = BUF_LIMIT(PACKET_MAX);
		size_t n = directory_groups_write(1, groups + sent, 150 - sent, &packet);

		assert_int_equal(directory_message_parse(buf_span(&packet), &m, NULL), 0);
		assert_int_equal(m.kind, DIRECTORY_GROUPS);
		assert_int_equal(m.group_count, n);
		assert_string_equal(m.groups[0].name, "sales");
		assert_string_equal(m.groups[0].dn, "");
		sent += n;
	}
	assert_int_equal(packets, 3);
}

/* Names as long as they may be: fewer a packet, and none is lost. */
static void long_names_fit(void **state)
{
	static char name[DIRECTORY_TEXT_MAX + 1];
	struct pool_group groups[20];
	struct directory_answer a = { .person = { .groups = groups, .group_count = 20 } };
	struct directory_message m;
	size_t sent = 0;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	for (size_t i = 0; i < 20; i++)
		groups[i] = (struct pool_group){ name, name };
	do {
		OWNED(buf_done) struct buf packet = BUF_LIMIT(PACKET_MAX);

		sent += sent ? directory_groups_write(1, groups + sent, 20 - sent, &packet)
			     : directory_answer_write(1, &a, 0, 0, &packet);
		assert_false(packet.failed);
		assert_int_equal(directory_message_parse(buf_span(&packet), &m, NULL), 0);
		assert_int_equal(strlen(m.groups[0].dn), DIRECTORY_TEXT_MAX);
	} while (sent < 20);
	assert_int_equal(sent, 20);
}

static void no_more_groups_than_were_told(void **state)
{
	OWNED(buf_done) struct buf packet = BUF_LIMIT(PACKET_MAX);
	struct pool_group group = { "sales", NULL };
	struct directory_answer a = { .person = { .groups = &group, .group_count = 1 } };
	struct directory_message m;
	size_t count_at;

	(void)state;
	directory_answer_write(1, &a, 0, 0, &packet);
	count_at = packet.len - (1 + 2 + 6 + 2 + 1) - 2;
	assert_int_equal(packet.ptr[count_at + 1], 1);
	packet.ptr[count_at + 1] = 0;
	assert_int_equal(directory_message_parse(buf_span(&packet), &m, NULL), -EBADMSG);
	packet.ptr[count_at] = (DIRECTORY_MAX_GROUPS + 1) >> 8;
	packet.ptr[count_at + 1] = (DIRECTORY_MAX_GROUPS + 1) & 0xff;
	assert_int_equal(directory_message_parse(buf_span(&packet), &m, NULL), -EBADMSG);
}

static void trust_comes_in_parts(void **state)
{
	static uint8_t certificates[100000], back[100000];
	struct span trust = span_of(certificates, sizeof(certificates));
	struct directory_message m;

	(void)state;
	for (size_t i = 0; i < sizeof(certificates); i++)
		certificates[i] = (uint8_t)(i * 7);
	for (size_t sent = 0; sent < trust.len;) {
		OWNED(buf_done) struct buf packet = BUF_LIMIT(PACKET_MAX);
		size_t n = directory_trust_write(3, trust, sent, &packet);

		assert_int_equal(directory_message_parse(buf_span(&packet), &m, NULL), 0);
		assert_int_equal(m.kind, DIRECTORY_TRUST);
		assert_int_equal(m.id, 3);
		assert_int_equal(m.total, trust.len);
		assert_int_equal(m.offset, sent);
		memcpy(back + m.offset, m.bytes.ptr, m.bytes.len);
		sent += n;
		packet.ptr[13] = 0xff; /* an offset behind the end */
		assert_int_equal(directory_message_parse(buf_span(&packet), &m, NULL), -EBADMSG);
	}
	assert_memory_equal(back, certificates, sizeof(back));
}

static void states_and_hello(void **state)
{
	OWNED(buf_done) struct buf packet = BUF_LIMIT(PACKET_MAX);
	struct directory_message states = { .server_count = 2 }, m;
	struct secret password = { 0 };

	(void)state;
	states.servers[1].open = true;
	states.servers[1].probe_at_ms = 777;
	directory_states_write(&states, &packet);
	assert_int_equal(directory_message_parse(buf_span(&packet), &m, NULL), 0);
	assert_int_equal(m.server_count, 2);
	assert_true(m.servers[1].open && !m.servers[0].open);
	assert_int_equal(m.servers[1].probe_at_ms, 777);
	buf_reset(&packet);
	assert_int_equal(secret_set(&password, SPAN_LITERAL("service")), 0);
	directory_hello_write(&password, &packet);
	assert_int_equal(directory_message_parse(buf_span(&packet), &m, NULL), 0);
	assert_true(span_equal(m.password, SPAN_LITERAL("service")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions),
		cmocka_unit_test(answers),
		cmocka_unit_test(groups_come_in_parts),
		cmocka_unit_test(long_names_fit),
		cmocka_unit_test(no_more_groups_than_were_told),
		cmocka_unit_test(trust_comes_in_parts),
		cmocka_unit_test(states_and_hello),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
