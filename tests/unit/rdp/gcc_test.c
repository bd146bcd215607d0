/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rdp/rdp_test.h"
#include "hostagent/rdp/gcc.h"
#include "hostagent/rdp/mcs.h"
#include "hostagent/rdp/x224.h"

static const char *why;
static struct gcc_client client;
static struct gcc_server server;

static struct span client_data(void)
{
	struct mcs_connect_initial connect;

	assert_int_equal(mcs_connect_initial_parse(recorded_body(REC_DENIED, REC_CONNECT_INITIAL),
						   &connect, &why), 0);
	return connect.user_data;
}

static struct span server_data(void)
{
	struct mcs_connect_response connect;

	assert_int_equal(mcs_connect_response_parse(recorded_body(REC_DENIED, REC_CONNECT_RESPONSE),
						    &connect, &why), 0);
	return connect.user_data;
}

static void test_libfreerdp_client(void **state)
{
	assert_int_equal(gcc_client_parse(client_data(), &client, &why), 0);
	assert_int_equal(client.core.selected_protocol, X224_PROTOCOL_RDSTLS);
	assert_int_equal(client.core.width, 1024);
	assert_int_equal(client.core.physical_members, 5);
	assert_memory_equal(client.core.client_name, "t\0h\0i\0n\0", 8);
	assert_true(client.has_security && client.has_cluster && client.has_net);
	assert_true(client.has_message_channel && client.has_multitransport);
	assert_int_equal(client.channel_count, 4);
	assert_string_equal(client.channels[0].name, "drdynvc");
	assert_string_equal(client.channels[1].name, "rdpsnd");
	assert_string_equal(client.channels[2].name, "cliprdr");
	assert_string_equal(client.channels[3].name, "rdpdr");
	ASSERT_TRUNCATION_REFUSED(client_data(), gcc_client_parse(cut, &client, &why));
}

static void test_shadow_server(void **state)
{
	assert_int_equal(gcc_server_parse(server_data(), &server, &why), 0);
	assert_int_equal(server.io_channel, 1003);
	assert_int_equal(server.channel_count, 4);
	assert_int_equal(server.encryption_method, 0);
	assert_int_equal(server.encryption_level, 0);
	assert_true(server.has_requested);
	assert_int_equal(server.requested_protocols, X224_PROTOCOL_SSL);
	ASSERT_TRUNCATION_REFUSED(server_data(), gcc_server_parse(cut, &server, &why));
}

/* Parses what it encoded: every member that may pass is still there. */
static void test_client_round_trip(void **state)
{
	OWNED(buf_done) struct buf first = { 0 };
	OWNED(buf_done) struct buf second = { 0 };
	struct gcc_client again;

	assert_int_equal(gcc_client_parse(client_data(), &client, &why), 0);
	gcc_client_encode(&client, &first);
	assert_int_equal(gcc_client_parse(buf_span(&first), &again, &why), 0);
	assert_false(again.has_multitransport);
	assert_true(again.has_message_channel);
	assert_memory_equal(&again.core, &client.core, sizeof(client.core));
	assert_memory_equal(again.channels, client.channels, sizeof(client.channels));
	gcc_client_encode(&again, &second);
	assert_span_equal(buf_span(&first), buf_span(&second));
}

static void test_server_round_trip(void **state)
{
	OWNED(buf_done) struct buf out = { 0 };
	struct gcc_server again;

	assert_int_equal(gcc_server_parse(server_data(), &server, &why), 0);
	server.has_multitransport = true;
	gcc_server_encode(&server, &out);
	assert_int_equal(gcc_server_parse(buf_span(&out), &again, &why), 0);
	assert_false(again.has_multitransport);
	assert_int_equal(again.channel_count, server.channel_count);
	assert_memory_equal(again.channels, server.channels, sizeof(server.channels));
	assert_int_equal(again.io_channel, server.io_channel);
}

/* What the client offers or asks for in blocks that it has no say in. */
static void test_security_and_cluster_are_emptied(void **state)
{
	const uint8_t security[] = { 0x02, 0xc0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	const uint8_t cluster[] = { 0x04, 0xc0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	OWNED(buf_done) struct buf out = { 0 };

	assert_int_equal(gcc_client_parse(client_data(), &client, &why), 0);
	gcc_client_encode(&client, &out);
	assert_non_null(memmem(out.ptr, out.len, security, sizeof(security)));
	assert_non_null(memmem(out.ptr, out.len, cluster, sizeof(cluster)));
}

static void test_monitors(void **state)
{
	OWNED(buf_done) struct buf out = { 0 };
	uint8_t entries[40];
	struct gcc_client again;

	for (size_t i = 0; i < sizeof(entries); i++)
		entries[i] = (uint8_t)i;
	assert_int_equal(gcc_client_parse(client_data(), &client, &why), 0);
	client.has_monitors = client.has_monitor_attributes = true;
	client.monitors = span_of(entries, 40);
	client.monitor_attributes = span_of(entries, 20);
	gcc_client_encode(&client, &out);
	assert_int_equal(gcc_client_parse(buf_span(&out), &again, &why), 0);
	assert_span_equal(again.monitors, client.monitors);
	assert_span_equal(again.monitor_attributes, client.monitor_attributes);
}

/* A create request of CS_CORE and the given blocks. */
static int parse_blocks(struct span blocks)
{
	static const uint8_t head[] = { 0, 5, 0, 0x14, 0x7c, 0, 1 };
	static const uint8_t create[] = { 0, 8, 0, 0x10, 0, 1, 0xc0, 0, 'D', 'u', 'c', 'a' };
	OWNED(buf_done) struct buf in = { 0 };
	size_t data_len = 216 + blocks.len;

	buf_put(&in, head, sizeof(head));
	buf_put_u16be(&in, (uint16_t)(0x8000 | (data_len + sizeof(create) + 2)));
	buf_put(&in, create, sizeof(create));
	buf_put_u16be(&in, (uint16_t)(0x8000 | data_len));
	buf_put_u16le(&in, 0xc001);
	buf_put_u16le(&in, 216);
	buf_put_zeros(&in, 212);
	buf_put_span(&in, blocks);
	return gcc_client_parse(buf_span(&in), &client, &why);
}

static void expect_refusal(struct span blocks, const char *reason)
{
	assert_int_equal(parse_blocks(blocks), -EBADMSG);
	assert_string_equal(why, reason);
}

static void put_channel(struct buf *net, const char *name8)
{
	buf_put(net, name8, 8);
	buf_put_u32le(net, 0x80000000);
}

static void expect_net_refusal(uint32_t count, const char *const *names, const char *reason)
{
	OWNED(buf_done) struct buf net = { 0 };

	buf_put_u16le(&net, 0xc003);
	buf_put_u16le(&net, (uint16_t)(8 + 12 * count));
	buf_put_u32le(&net, count);
	for (uint32_t i = 0; i < count; i++)
		put_channel(&net, names[i]);
	if (reason)
		expect_refusal(buf_span(&net), reason);
	else
		assert_int_equal(parse_blocks(buf_span(&net)), 0);
}

static void test_channel_names(void **state)
{
	const char *many[33];
	static char names[33][9];

	for (size_t i = 0; i < 33; i++) {
		snprintf(names[i], sizeof(names[i]), "chan%02zu", i);
		names[i][7] = '\0';
		many[i] = names[i];
	}
	expect_net_refusal(31, many, NULL);
	expect_net_refusal(32, many, "more than 31 channels");
	expect_net_refusal(33, many, "more than 31 channels");
	expect_net_refusal(1, (const char *[]){ "rdpdrxyz" }, "channel name without NUL");
	expect_net_refusal(1, (const char *[]){ "\0rdpdr\0" }, "empty channel name");
	expect_net_refusal(1, (const char *[]){ "rdp\x01r\0\0" }, "unprintable channel name");
	expect_net_refusal(1, (const char *[]){ "rdp\xe9r\0\0" }, "unprintable channel name");
	expect_net_refusal(2, (const char *[]){ "rdpdr\0\0", "rdpdr\0\0" }, "channel name twice");
	expect_net_refusal(2, (const char *[]){ "rdpdr\0\0", "RDPDR\0\0" }, "channel name twice");
	/* Bytes behind the NUL are neither part of the name nor passed on. */
	expect_net_refusal(1, (const char *[]){ "rdpdr\0Z" }, NULL);
	assert_memory_equal(client.channels[0].name, "rdpdr\0\0\0", 8);
	expect_net_refusal(2, (const char *[]){ "rdpdr\0A", "rdpdr\0B" }, "channel name twice");
}

static void test_blocks_refused(void **state)
{
	expect_refusal(BYTES(0x0a, 0xc0, 8, 0, 0, 0, 0, 0, 0x0a, 0xc0, 8, 0, 0, 0, 0, 0),
		       "GCC block twice");	/* CS_MULTITRANSPORT */
	expect_refusal(BYTES(0x06, 0xc0, 8, 0, 0, 0, 0, 0, 0x06, 0xc0, 8, 0, 0, 0, 0, 0),
		       "GCC block twice");
	expect_refusal(BYTES(0x02, 0xc0, 13, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0),
		       "GCC block has trailing bytes");
	expect_refusal(BYTES(0x02, 0xc0, 11, 0, 0x10, 0, 0, 0, 0, 0, 0), "GCC block too short");
	expect_refusal(BYTES(0x02, 0xc0, 3, 0), "GCC block length");
	expect_refusal(BYTES(0x02, 0xc0, 13, 0, 1, 2, 3), "GCC block length");
	expect_refusal(BYTES(0x02), "GCC block length");
	expect_refusal(BYTES(0x05, 0xc0, 12, 0, 0, 0, 0, 0, 17, 0, 0, 0),
		       "monitor count, size or flags");
	expect_refusal(BYTES(0x05, 0xc0, 12, 0, 0, 0, 0, 0, 1, 0, 0, 0), "GCC block too short");
	expect_refusal(BYTES(0x08, 0xc0, 16, 0, 0, 0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0),
		       "monitor count, size or flags");
}

/* 128-bit methods and a wanted session are read over; unknown blocks vanish. */
static void test_unknown_block_is_dropped(void **state)
{
	OWNED(buf_done) struct buf out = { 0 };

	assert_int_equal(parse_blocks(BYTES(0x02, 0xc0, 12, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0x77, 0xc0, 7,
					    0, 'X', 'Y', 'Z')), 0);
	assert_true(client.has_security);
	gcc_client_encode(&client, &out);
	assert_null(memmem(out.ptr, out.len, "XYZ", 3));
	assert_non_null(memmem(out.ptr, out.len, "\x02\xc0\x0c\0\0\0\0\0\0\0\0\0", 12));
}

static void test_core_is_required(void **state)
{
	assert_int_equal(gcc_client_parse(BYTES(0, 5, 0, 0x14, 0x7c, 0, 1, 13, 0, 8, 0, 0x10, 0, 1,
						0xc0, 0, 'D', 'u', 'c', 'a', 0), &client, &why),
			 -EBADMSG);
	assert_string_equal(why, "no CS_CORE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libfreerdp_client),
		cmocka_unit_test(test_shadow_server),
		cmocka_unit_test(test_client_round_trip),
		cmocka_unit_test(test_server_round_trip),
		cmocka_unit_test(test_security_and_cluster_are_emptied),
		cmocka_unit_test(test_monitors),
		cmocka_unit_test(test_channel_names),
		cmocka_unit_test(test_blocks_refused),
		cmocka_unit_test(test_unknown_block_is_dropped),
		cmocka_unit_test(test_core_is_required),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
