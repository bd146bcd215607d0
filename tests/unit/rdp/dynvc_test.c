/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rdp/rdp_test.h"
#include "hostagent/rdp/dynvc.h"

static const char *why;
static struct dynvc_pdu pdu;
static struct dynvc_table table;
static struct rdp_policy policy;

static int fresh(void **state)
{
	table = (struct dynvc_table){ 0 };
	policy = (struct rdp_policy){ 0 };
	return 0;
}

/* The verdict on a message in one chunk, or -EBADMSG. */
static int whole(enum rdp_side from, struct span data)
{
	struct svc_chunk chunk = { (uint32_t)data.len, SVC_FIRST | SVC_LAST, data };
	enum dynvc_verdict verdict = DYNVC_DROP;
	int rc = dynvc_filter(&table, &policy, from, &chunk, &pdu, &verdict, &why);

	return rc < 0 ? rc : (int)verdict;
}

static int guest_create(uint8_t id, const char *name)
{
	static uint8_t bytes[64];	/* `pdu` points into it afterwards */
	size_t len = strlen(name) + 1;

	assert_true(len + 2 <= sizeof(bytes));
	bytes[0] = DYNVC_CREATE << 4;
	bytes[1] = id;
	memcpy(bytes + 2, name, len);
	return whole(RDP_GUEST, span_of(bytes, len + 2));
}

static int client_answer(uint8_t id, uint8_t top)
{
	return whole(RDP_CLIENT, BYTES(DYNVC_CREATE << 4, id, 0, 0, 0, top));
}

static int data(enum rdp_side from, uint8_t id)
{
	return whole(from, BYTES(DYNVC_DATA << 4, id, 'x'));
}

static int end(enum rdp_side from, uint8_t id)
{
	return whole(from, BYTES(DYNVC_CLOSE << 4, id));
}

static void test_life_of_a_channel(void **state)
{
	assert_int_equal(data(RDP_GUEST, 3), DYNVC_DROP);
	assert_int_equal(guest_create(3, "Microsoft::Windows::RDS::Graphics"), DYNVC_PASS);
	assert_int_equal(data(RDP_GUEST, 3), DYNVC_DROP);	/* not answered yet */
	assert_int_equal(client_answer(3, 0), DYNVC_PASS);
	assert_int_equal(data(RDP_GUEST, 3), DYNVC_PASS);
	assert_int_equal(data(RDP_CLIENT, 3), DYNVC_PASS);
	assert_int_equal(end(RDP_GUEST, 3), DYNVC_PASS);
	assert_int_equal(data(RDP_CLIENT, 3), DYNVC_DROP);
	assert_int_equal(end(RDP_CLIENT, 3), DYNVC_PASS);
	assert_int_equal(end(RDP_CLIENT, 3), DYNVC_DROP);
	assert_int_equal(guest_create(3, "ECHO"), DYNVC_PASS);
}

static void test_client_may_decline(void **state)
{
	assert_int_equal(guest_create(3, "ECHO"), DYNVC_PASS);
	assert_int_equal(client_answer(3, 0xc0), DYNVC_PASS);
	assert_int_equal(data(RDP_GUEST, 3), DYNVC_DROP);
	assert_int_equal(guest_create(3, "ECHO"), DYNVC_PASS);
}

static void test_closing_id_is_used_again(void **state)
{
	assert_int_equal(guest_create(3, "ECHO"), DYNVC_PASS);
	assert_int_equal(client_answer(3, 0), DYNVC_PASS);
	assert_int_equal(end(RDP_CLIENT, 3), DYNVC_PASS);
	assert_int_equal(guest_create(3, "ECHO"), DYNVC_PASS);
	assert_int_equal(client_answer(3, 0), DYNVC_PASS);
	assert_int_equal(data(RDP_GUEST, 3), DYNVC_PASS);
}

/* Whoever carries files, devices, tunnels or credentials. */
static void test_denied_channels(void **state)
{
	const char *const names[] = {
		"URBDRC", "PNPDR", "FileRedirectorChannel", "SSH-AGENT", "WebAuthN_Channel",
		"Microsoft::Windows::RDS::AuthRedirection", "AUDIO_INPUT", "audio_input",
		"RDCamera_Device_Enumerator", "AUDIO_PLAYBACK_DVC", "TSMF", "anything", " ECHO",
		"ECHO ", "Microsoft::Windows::RDS::Graphics2", "Microsoft::Windows::RDS::",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(guest_create(9, names[i]), DYNVC_REFUSE);
		assert_span_equal(pdu.name, span_text(names[i]));
		assert_int_equal(data(RDP_GUEST, 9), DYNVC_DROP);
	}
	policy = (struct rdp_policy){ .sound = RDP_ALLOW, .microphone = RDP_ALLOW, .camera = RDP_ALLOW };
	assert_int_equal(guest_create(9, "URBDRC"), DYNVC_REFUSE);
	assert_int_equal(guest_create(9, "PNPDR"), DYNVC_REFUSE);
	assert_int_equal(guest_create(9, "FileRedirectorChannel"), DYNVC_REFUSE);
	assert_int_equal(guest_create(9, "AUDIO_INPUT"), DYNVC_PASS);
}

static void test_answer_to_a_refused_one(void **state)
{
	OWNED(buf_done) struct buf out = { 0 };

	dynvc_create_response_encode(9, 0xc0000001, &out);
	dynvc_create_response_encode(0x109, 0xc0000001, &out);
	dynvc_create_response_encode(0x10009, 0xc0000001, &out);
	assert_span_equal(buf_span(&out),
			  BYTES(0x10, 9, 1, 0, 0, 0xc0, 0x11, 9, 1, 1, 0, 0, 0xc0, 0x12, 9, 0, 1, 0,
				1, 0, 0, 0xc0));
}

static void expect_refusal(enum rdp_side from, struct span message, const char *reason)
{
	assert_int_equal(whole(from, message), -EBADMSG);
	assert_string_equal(why, reason);
}

static void test_refused(void **state)
{
	assert_int_equal(guest_create(1, "ECHO"), DYNVC_PASS);
	expect_refusal(RDP_GUEST, BYTES(0x10, 1, 'E', 'C', 'H', 'O', 0),
		       "dynamic channel id is in use");
	assert_int_equal(client_answer(1, 0), DYNVC_PASS);
	expect_refusal(RDP_GUEST, BYTES(0x10, 1, 'E', 'C', 'H', 'O', 0),
		       "dynamic channel id is in use");
	expect_refusal(RDP_CLIENT, BYTES(0x10, 1, 0, 0, 0, 0),
		       "answer to no dynamic channel request");	/* second answer */
	expect_refusal(RDP_CLIENT, BYTES(0x10, 2, 0, 0, 0, 0),
		       "answer to no dynamic channel request");
	expect_refusal(RDP_GUEST, BYTES(0x80, 0, 0, 0), "dynamic channel command");	/* SOFT_SYNC */
	expect_refusal(RDP_CLIENT, BYTES(0x90, 0, 0, 0), "dynamic channel command");
	expect_refusal(RDP_GUEST, BYTES(0x13, 1, 0, 0, 0, 'E', 0), "dynamic channel id");
	expect_refusal(RDP_GUEST, BYTES(0x33, 1, 0, 0, 0, 'E'), "dynamic channel id");
	expect_refusal(RDP_GUEST, BYTES(0x2c, 1, 9, 9, 9, 9), "dynamic channel data length");
	expect_refusal(RDP_GUEST, BYTES(0x10, 2, 'E', 0, 'x', 0),
		       "dynamic channel name does not end with its NUL");
	expect_refusal(RDP_GUEST, BYTES(0x10, 2, 'E'),
		       "dynamic channel name does not end with its NUL");
	expect_refusal(RDP_GUEST, BYTES(0x10, 2), "dynamic channel name does not end with its NUL");
	expect_refusal(RDP_GUEST, BYTES(0x10, 2, 0), "dynamic channel name length");
	expect_refusal(RDP_CLIENT, BYTES(0x10, 2, 0, 0, 0, 0, 0), "trailing bytes");
	expect_refusal(RDP_CLIENT, BYTES(0x10, 2, 0, 0, 0), "too short");
	expect_refusal(RDP_CLIENT, BYTES(0x40, 2, 0), "trailing bytes");
	expect_refusal(RDP_GUEST, BYTES(0x50, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		       "dynamic channel version");
	expect_refusal(RDP_GUEST, BYTES(0x50, 0, 2, 0), "too short");
	expect_refusal(RDP_GUEST, span_of("", 0), "empty dynamic channel message");
}

static void test_long_names(void **state)
{
	OWNED(buf_done) struct buf message = { 0 };

	buf_put_u8(&message, 0x10);
	buf_put_u8(&message, 2);
	for (size_t i = 0; i < 65536; i++)
		buf_put_u8(&message, 'n');
	buf_put_u8(&message, 0);
	expect_refusal(RDP_GUEST, buf_span(&message), "dynamic channel name length");
	message.len = 2 + 256;
	buf_put_u8(&message, 0);
	expect_refusal(RDP_GUEST, buf_span(&message), "dynamic channel name length");
}

static void test_control_in_pieces_is_refused(void **state)
{
	struct span create = BYTES(0x10, 1, 'E', 'C', 'H', 'O', 0);
	struct svc_chunk chunk = { 20, SVC_FIRST, create };
	enum dynvc_verdict verdict;

	assert_int_equal(dynvc_filter(&table, &policy, RDP_GUEST, &chunk, &pdu, &verdict, &why),
			 -EBADMSG);
	assert_string_equal(why, "dynamic channel control message in pieces");
}

static enum dynvc_verdict piece(uint32_t flags, struct span bytes)
{
	struct svc_chunk chunk = { 100, flags, bytes };
	enum dynvc_verdict verdict = DYNVC_REFUSE;

	assert_int_equal(dynvc_filter(&table, &policy, RDP_GUEST, &chunk, &pdu, &verdict, &why), 0);
	return verdict;
}

static void test_data_in_pieces_shares_its_verdict(void **state)
{
	assert_int_equal(piece(SVC_FIRST, BYTES(0x34, 5, 'a')), DYNVC_DROP);
	assert_int_equal(piece(0, BYTES(0x10, 9, 'E', 0)), DYNVC_DROP);	/* not a header */
	assert_int_equal(piece(SVC_LAST, BYTES('c')), DYNVC_DROP);
	assert_int_equal(guest_create(5, "ECHO"), DYNVC_PASS);
	assert_int_equal(client_answer(5, 0), DYNVC_PASS);
	assert_int_equal(piece(SVC_FIRST, BYTES(0x34, 5, 'a')), DYNVC_PASS);
	assert_int_equal(piece(0, BYTES('b')), DYNVC_PASS);
	assert_int_equal(piece(SVC_LAST, BYTES('c')), DYNVC_PASS);
}

static void test_compressed_data_follows_its_id(void **state)
{
	assert_int_equal(guest_create(5, "ECHO"), DYNVC_PASS);
	assert_int_equal(client_answer(5, 0), DYNVC_PASS);
	assert_int_equal(whole(RDP_GUEST, BYTES(0x70, 5, 'z')), DYNVC_PASS);
	assert_int_equal(whole(RDP_GUEST, BYTES(0x60, 5, 9, 'z')), DYNVC_PASS);
	assert_int_equal(whole(RDP_GUEST, BYTES(0x70, 6, 'z')), DYNVC_DROP);
	assert_int_equal(whole(RDP_GUEST, BYTES(0x60, 6, 9, 'z')), DYNVC_DROP);
}

static int guest_create_wide(uint16_t id)
{
	return whole(RDP_GUEST, BYTES(0x11, (uint8_t)id, (uint8_t)(id >> 8), 'E', 'C', 'H', 'O', 0));
}

static void test_table_is_bounded(void **state)
{
	for (uint16_t id = 0; id < DYNVC_CHANNELS_MAX; id++)
		assert_int_equal(guest_create_wide(id), DYNVC_PASS);
	assert_int_equal(guest_create_wide(1000), -EBADMSG);
	assert_string_equal(why, "too many dynamic channels");
	assert_int_equal(end(RDP_GUEST, 7), DYNVC_PASS);
	assert_int_equal(guest_create_wide(1000), DYNVC_PASS);
}

static void test_same_id_in_another_width(void **state)
{
	assert_int_equal(guest_create(5, "ECHO"), DYNVC_PASS);
	expect_refusal(RDP_GUEST, BYTES(0x11, 5, 0, 'E', 'C', 'H', 'O', 0),
		       "dynamic channel id is in use");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_life_of_a_channel, fresh),
		cmocka_unit_test_setup(test_client_may_decline, fresh),
		cmocka_unit_test_setup(test_closing_id_is_used_again, fresh),
		cmocka_unit_test_setup(test_denied_channels, fresh),
		cmocka_unit_test_setup(test_answer_to_a_refused_one, fresh),
		cmocka_unit_test_setup(test_refused, fresh),
		cmocka_unit_test_setup(test_long_names, fresh),
		cmocka_unit_test_setup(test_control_in_pieces_is_refused, fresh),
		cmocka_unit_test_setup(test_data_in_pieces_shares_its_verdict, fresh),
		cmocka_unit_test_setup(test_compressed_data_follows_its_id, fresh),
		cmocka_unit_test_setup(test_table_is_bounded, fresh),
		cmocka_unit_test_setup(test_same_id_in_another_width, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
