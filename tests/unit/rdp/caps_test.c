/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rdp/rdp_test.h"
#include "hostagent/rdp/caps.h"
#include "hostagent/rdp/mcs.h"
#include "hostagent/rdp/share.h"

static const char *why;
static struct caps_active active;

static struct span active_body(size_t record)
{
	struct mcs_pdu pdu;
	struct share_pdu share;

	assert_int_equal(mcs_parse(recorded_body(REC_DENIED, record), &pdu, &why), 0);
	struct reader r = reader_of(pdu.data);

	assert_int_equal(share_next(&r, &share, &why), 1);
	assert_int_equal(r.rest.len, 0);
	return share.body;
}

static const struct caps_set *set_find(const struct caps_active *in, uint16_t type)
{
	for (size_t i = 0; i < in->set_count; i++)
		if (in->sets[i].type == type)
			return &in->sets[i];
	return NULL;
}

static void check(size_t record, enum caps_kind kind)
{
	OWNED(buf_done) struct buf out = { 0 };
	struct span body = active_body(record);
	struct caps_active again;

	assert_int_equal(caps_parse(body, kind, &active, &why), 0);
	assert_true(active.set_count > 5);
	caps_encode(&active, &out);
	assert_int_equal(caps_parse(buf_span(&out), kind, &again, &why), 0);
	assert_int_equal(again.share_id, active.share_id);
	assert_span_equal(again.source, active.source);

	const struct caps_set *before = set_find(&active, 0x14);
	const struct caps_set *after = set_find(&again, 0x14);

	assert_non_null(before);
	assert_non_null(after);
	assert_int_equal(after->body.len, before->body.len);
	assert_memory_equal(after->body.ptr, "\0\0\0\0", 4);
	assert_memory_equal(after->body.ptr + 4, before->body.ptr + 4, before->body.len - 4);
	assert_null(set_find(&again, 0x17));
	assert_null(set_find(&again, 0x18));
	/* The session id at the end may be missing, so the cuts begin before it. */
	struct span cuts = span_of(out.ptr, out.len - (again.has_session_id ? 4 : 0));

	ASSERT_TRUNCATION_REFUSED(cuts, caps_parse(cut, kind, &again, &why));
}

static void test_shadow_demand(void **state)
{
	check(REC_DEMAND_ACTIVE, CAPS_DEMAND);
}

static void test_libfreerdp_confirm(void **state)
{
	check(REC_CONFIRM_ACTIVE, CAPS_CONFIRM);
	assert_int_equal(active.originator, 1002);
}

static void put_set(struct buf *out, uint16_t type, uint32_t value)
{
	buf_put_u16le(out, type);
	buf_put_u16le(out, 8);
	buf_put_u32le(out, value);
}

static void put_demand(struct buf *out, uint16_t count, struct span sets)
{
	buf_put_u32le(out, 7);
	buf_put_u16le(out, 4);
	buf_put_u16le(out, (uint16_t)(sets.len + 4));
	buf_put_text(out, "RDP");
	buf_put_u8(out, 0);
	buf_put_u16le(out, count);
	buf_put_u16le(out, 0);
	buf_put_span(out, sets);
}

static void test_rail_and_compression_removed(void **state)
{
	OWNED(buf_done) struct buf sets = { 0 };
	OWNED(buf_done) struct buf in = { 0 };
	OWNED(buf_done) struct buf out = { 0 };

	put_set(&sets, 0x17, 0xffffffff);
	put_set(&sets, 0x01, 0x11223344);
	put_set(&sets, 0x14, 0x00000003);
	put_set(&sets, 0x14, 0x00000001);	/* twice: neither may say otherwise */
	put_set(&sets, 0x18, 0xffffffff);
	put_demand(&in, 5, buf_span(&sets));
	assert_int_equal(caps_parse(buf_span(&in), CAPS_DEMAND, &active, &why), 0);
	assert_false(active.has_session_id);
	caps_encode(&active, &out);

	buf_reset(&sets);
	buf_reset(&in);
	put_set(&sets, 0x01, 0x11223344);
	put_set(&sets, 0x14, 0);
	put_set(&sets, 0x14, 0);
	put_demand(&in, 3, buf_span(&sets));
	assert_span_equal(buf_span(&out), buf_span(&in));
}

static void expect_refusal(uint16_t count, struct span sets, const char *reason)
{
	OWNED(buf_done) struct buf in = { 0 };

	put_demand(&in, count, sets);
	assert_int_equal(caps_parse(buf_span(&in), CAPS_DEMAND, &active, &why), -EBADMSG);
	assert_string_equal(why, reason);
}

static void test_refused(void **state)
{
	expect_refusal(65, BYTES(1, 0, 4, 0), "too many capability sets");
	expect_refusal(0, BYTES(1, 0, 4, 0), "trailing bytes");
	expect_refusal(2, BYTES(1, 0, 4, 0), "capability set length");
	expect_refusal(1, BYTES(1, 0, 3, 0), "capability set length");
	expect_refusal(1, BYTES(1, 0, 5, 0), "capability set length");
	expect_refusal(1, BYTES(0x14, 0, 7, 0, 1, 0, 0), "virtual channel capability set too short");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shadow_demand),
		cmocka_unit_test(test_libfreerdp_confirm),
		cmocka_unit_test(test_rail_and_compression_removed),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
