/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rdp/rdp_test.h"
#include "hostagent/rdp/filter_devices.h"

enum { SERIAL = 1, PARALLEL = 2, PRINTER = 4, DRIVE = 8, CARD = 0x20, STRANGE = 0x40 };
enum { CREATE = 0, CLOSE = 2, READ = 3, WRITE = 4, QUERY = 5, CONTROL = 0xe };
#define SUPPORTED_NOT 0xc00000bbu
#define NO_DEVICE 0xc000000eu
#define CARD_TRANSMIT 0x000900d0u
#define CARD_WRITE_CACHE 0x000900fcu

static struct rdp_policy policy;
static struct device_filter filter;
static struct buf out, in, names;
static enum device_verdict verdict;
static const char *why;

static void denied(void *context, struct span name)
{
	buf_put_span(&names, name);
	buf_put_text(&names, ";");
}

static int begin(void **state)
{
	policy = (struct rdp_policy){ .printers = RDP_ALLOW, .smart_cards = RDP_ALLOW };
	filter = (struct device_filter){ 0 };
	buf_reset(&in);
	buf_reset(&out);
	buf_reset(&names);
	return 0;
}

static int end(void **state)
{
	buf_done(&in);
	buf_done(&out);
	buf_done(&names);
	return 0;
}

static int take(enum rdp_side from, struct span message)
{
	uint8_t *copy = exact_copy(message, message.len);
	int rc;

	buf_reset(&out);
	buf_reset(&names);
	verdict = DEVICE_DROP;
	why = NULL;
	rc = devices_take(&filter, &policy, from, span_of(copy, message.len), denied, NULL, &out,
			  &verdict, &why);
	free(copy);
	return rc;
}

static struct buf *head(uint16_t packet)
{
	buf_reset(&in);
	buf_put_u16le(&in, RDPDR_CORE);
	buf_put_u16le(&in, packet);
	return &in;
}

static void assert_passes(enum rdp_side from, struct span message)
{
	OWNED(buf_done) struct buf copy = { 0 };

	buf_put_span(&copy, message);
	assert_int_equal(take(from, buf_span(&copy)), 0);
	assert_int_equal(verdict, DEVICE_PASS);
	assert_span_equal(buf_span(&out), buf_span(&copy));
	assert_string_equal(buf_text(&names), "");
}

static void assert_refused(enum rdp_side from, struct span message, const char *reason)
{
	assert_int_equal(take(from, message), -EBADMSG);
	assert_string_equal(why, reason);
}

static void put_device(struct buf *b, uint32_t type, uint32_t id, const char *name)
{
	char dos_name[9] = { 0 };

	snprintf(dos_name, sizeof(dos_name), "%s", name);
	buf_put_u32le(b, type);
	buf_put_u32le(b, id);
	buf_put(b, dos_name, 8);
	buf_put_u32le(b, 3);
	buf_put_text(b, "abc");
}

static struct span list_of_one(uint32_t type, uint32_t id, const char *name)
{
	buf_put_u32le(head(RDPDR_DEVICELIST_ANNOUNCE), 1);
	put_device(&in, type, id, name);
	return buf_span(&in);
}

/* A well-formed request, whatever its function. */
static struct span request(uint32_t device, uint32_t completion, uint32_t major, uint32_t control)
{
	head(RDPDR_IO_REQUEST);
	buf_put_u32le(&in, device);
	buf_put_u32le(&in, 77);
	buf_put_u32le(&in, completion);
	buf_put_u32le(&in, major);
	buf_put_u32le(&in, 0);

	size_t at = in.len;

	buf_put_zeros(&in, 32);
	buf_put_text(&in, "data");
	if (major == CREATE)
		buf_set_u32le(&in, at + 28, 4);
	else if (major == WRITE)
		buf_set_u32le(&in, at, 4);
	else if (major == CONTROL)
		buf_set_u32le(&in, at + 4, 4), buf_set_u32le(&in, at + 8, control);
	else
		buf_truncate(&in, in.len - 4);
	return buf_span(&in);
}

static struct span completion(uint32_t device, uint32_t id)
{
	head(RDPDR_IO_COMPLETION);
	buf_put_u32le(&in, device);
	buf_put_u32le(&in, id);
	buf_put_u32le(&in, 0);
	buf_put_text(&in, "answer");
	return buf_span(&in);
}

/* The mask of functions that go on to a device of this kind. */
static uint32_t functions_of(uint32_t type, uint32_t control)
{
	uint32_t mask = 0;

	assert_int_equal(take(RDP_CLIENT, list_of_one(type, type, "DEVICE")), 0);
	for (uint32_t major = 0; major < 40; major++) {
		assert_int_equal(take(RDP_GUEST, request(type, 1000 + major, major, control)), 0);
		if (verdict == DEVICE_PASS && major < 32)
			mask |= 1u << major;
		else
			assert_int_equal(verdict, DEVICE_REPLY);
	}
	return mask;
}

static void test_announce_is_cut_to_the_kinds_allowed(void **state)
{
	const struct { struct rdp_policy policy; uint32_t kept; const char *refused; } cases[] = {
		{ { .printers = RDP_ALLOW }, PRINTER,
		  "serial port COM1;parallel port LPT1;drive USBSTICK;smart card SCARD;"
		  "unknown device SCANNER;" },
		{ { .smart_cards = RDP_ALLOW }, CARD,
		  "serial port COM1;parallel port LPT1;printer PRN1;drive USBSTICK;"
		  "unknown device SCANNER;" },
		{ { .drives = RDP_ALLOW }, DRIVE,
		  "serial port COM1;parallel port LPT1;printer PRN1;smart card SCARD;"
		  "unknown device SCANNER;" },
		{ { .sound = RDP_ALLOW, .microphone = RDP_ALLOW, .camera = RDP_ALLOW,
		    .clipboard = RDP_CLIPBOARD_BOTH, .webauthn = RDP_ALLOW, .video = RDP_ALLOW }, 0,
		  "serial port COM1;parallel port LPT1;printer PRN1;drive USBSTICK;smart card SCARD;"
		  "unknown device SCANNER;" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (int late = 0; late < 2; late++) {	/* the same once more, hours later */
			buf_put_u32le(head(RDPDR_DEVICELIST_ANNOUNCE), 6);
			put_device(&in, SERIAL, 1 + 10 * late, "COM1");
			put_device(&in, PARALLEL, 2 + 10 * late, "LPT1");
			put_device(&in, PRINTER, 3 + 10 * late, "PRN1");
			put_device(&in, DRIVE, 4 + 10 * late, "USBSTICK");
			put_device(&in, CARD, 5 + 10 * late, "SCARD");
			put_device(&in, STRANGE, 6 + 10 * late, "SCANNER");
			policy = cases[i].policy;
			if (!late)
				filter = (struct device_filter){ 0 };
			assert_int_equal(take(RDP_CLIENT, buf_span(&in)), 0);
			assert_int_equal(verdict, DEVICE_PASS);
			assert_string_equal(buf_text(&names), cases[i].refused);
			assert_int_equal(out.ptr[4], cases[i].kept ? 1 : 0);
			assert_int_equal(out.len, cases[i].kept ? 8 + 23 : 8);
			if (cases[i].kept)
				assert_int_equal(out.ptr[8], cases[i].kept);
			assert_int_equal(filter.device_count, (cases[i].kept ? 1 : 0) * (1 + late));
		}
	}
}

static void test_requests_by_kind(void **state)
{
	policy.drives = RDP_ALLOW;
	assert_int_equal(functions_of(PRINTER, 0), 1u << CREATE | 1u << CLOSE | 1u << WRITE);
	begin(state);
	assert_int_equal(functions_of(CARD, CARD_TRANSMIT), 1u << CREATE | 1u << CLOSE | 1u << CONTROL);
	begin(state);
	assert_int_equal(functions_of(CARD, CARD_WRITE_CACHE), 1u << CREATE | 1u << CLOSE);
	begin(state);
	policy.drives = RDP_ALLOW;
	assert_int_equal(functions_of(DRIVE, 0), 0x25c7du);	/* all that MS-RDPEFS has */
}

static void test_card_controls(void **state)
{
	unsigned allowed = 0;

	assert_int_equal(take(RDP_CLIENT, list_of_one(CARD, 5, "SCARD")), 0);
	for (uint32_t control = 0x00090000; control < 0x00090110; control++) {
		assert_int_equal(take(RDP_GUEST, request(5, control, CONTROL, control)), 0);
		allowed += verdict == DEVICE_PASS;
	}
	assert_int_equal(allowed, 32);
	assert_int_equal(take(RDP_GUEST, request(5, 1, CONTROL, CARD_WRITE_CACHE)), 0);
	assert_string_equal(buf_text(&names), "smart card control 000900fc;");
	assert_int_equal(take(RDP_GUEST, request(5, 2, CONTROL, 0x000900d4)), 0);
	assert_string_equal(buf_text(&names), "smart card control 000900d4;");
}

static void test_refused_request_is_answered_here(void **state)
{
	struct span answer = BYTES('r', 'D', 'C', 'I', 3, 0, 0, 0, 9, 0, 0, 0, 0xbb, 0, 0, 0xc0,
				   0, 0, 0, 0);

	assert_int_equal(take(RDP_CLIENT, list_of_one(PRINTER, 3, "PRN1")), 0);
	assert_int_equal(take(RDP_GUEST, request(3, 9, READ, 0)), 0);
	assert_int_equal(verdict, DEVICE_REPLY);
	assert_span_equal(buf_span(&out), answer);
	assert_string_equal(buf_text(&names), "printer request 03;");
	assert_refused(RDP_CLIENT, completion(3, 9), "answer to no device request");
}

static void test_other_ids_end_the_session(void **state)
{
	assert_refused(RDP_GUEST, request(4, 1, CREATE, 0),
		       "request to a device that was not announced");
	assert_int_equal(take(RDP_CLIENT, list_of_one(DRIVE, 4, "USBSTICK")), 0);
	assert_refused(RDP_GUEST, request(4, 1, CREATE, 0),
		       "request to a device that was not announced");
	buf_put_u32le(head(RDPDR_DEVICE_REPLY), 4);
	buf_put_u32le(&in, 0);
	assert_refused(RDP_GUEST, buf_span(&in), "reply to a device that was not announced");
	assert_refused(RDP_CLIENT, completion(4, 1), "answer to no device request");
}

static void test_answers_are_paired(void **state)
{
	assert_int_equal(take(RDP_CLIENT, list_of_one(PRINTER, 3, "PRN1")), 0);
	assert_refused(RDP_CLIENT, completion(3, 1), "answer to no device request");
	assert_passes(RDP_GUEST, request(3, 1, CREATE, 0));
	assert_refused(RDP_GUEST, request(3, 1, WRITE, 0), "device request id is in use");
	assert_passes(RDP_GUEST, request(3, 2, WRITE, 0));
	assert_refused(RDP_CLIENT, completion(4, 1), "answer to no device request");
	assert_passes(RDP_CLIENT, completion(3, 2));
	assert_passes(RDP_CLIENT, completion(3, 1));
	assert_refused(RDP_CLIENT, completion(3, 1), "answer to no device request");
	for (uint32_t i = 0; i < DEVICE_REQUESTS_MAX; i++)
		assert_int_equal(take(RDP_GUEST, request(3, i, WRITE, 0)), 0);
	assert_refused(RDP_GUEST, request(3, DEVICE_REQUESTS_MAX, WRITE, 0),
		       "too many device requests wait for an answer");
}

static void test_removed_devices(void **state)
{
	assert_int_equal(take(RDP_CLIENT, list_of_one(PRINTER, 3, "PRN1")), 0);
	assert_refused(RDP_CLIENT, list_of_one(PRINTER, 3, "PRN1"), "device id is in use");
	assert_passes(RDP_GUEST, request(3, 1, CREATE, 0));
	buf_put_u32le(head(RDPDR_DEVICELIST_REMOVE), 2);
	buf_put_u32le(&in, 3);
	buf_put_u32le(&in, 4);	/* one the guest never heard of */
	assert_int_equal(take(RDP_CLIENT, buf_span(&in)), 0);
	assert_span_equal(buf_span(&out), BYTES('r', 'D', 'M', 'D', 1, 0, 0, 0, 3, 0, 0, 0));
	assert_passes(RDP_CLIENT, completion(3, 1));
	assert_int_equal(take(RDP_GUEST, request(3, 2, CLOSE, 0)), 0);
	assert_int_equal(verdict, DEVICE_REPLY);
	assert_int_equal(out.ptr[12], NO_DEVICE & 0xff);
	assert_int_equal(take(RDP_CLIENT, list_of_one(PRINTER, 3, "PRN1")), 0);
	assert_passes(RDP_GUEST, request(3, 2, CREATE, 0));
}

static void test_table_is_bounded_and_reused(void **state)
{
	for (uint32_t id = 0; id < DEVICES_MAX; id++)
		assert_int_equal(take(RDP_CLIENT, list_of_one(PRINTER, id, "PRN")), 0);
	assert_refused(RDP_CLIENT, list_of_one(PRINTER, DEVICES_MAX, "PRN"), "too many devices");
	buf_put_u32le(head(RDPDR_DEVICELIST_REMOVE), 1);
	buf_put_u32le(&in, 7);
	assert_int_equal(take(RDP_CLIENT, buf_span(&in)), 0);
	assert_int_equal(take(RDP_CLIENT, list_of_one(PRINTER, DEVICES_MAX, "PRN")), 0);
}

static void put_capability(uint16_t type, size_t len)
{
	buf_put_u16le(&in, type);
	buf_put_u16le(&in, (uint16_t)len);
	buf_put_u32le(&in, 1);
	buf_put_zeros(&in, len - 8);
}

static void test_capabilities_lose_drives_and_ports(void **state)
{
	const struct { enum rdp_side from; uint16_t packet; } sides[] = {
		{ RDP_GUEST, RDPDR_SERVER_CAPABILITY }, { RDP_CLIENT, RDPDR_CLIENT_CAPABILITY } };

	for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
		buf_put_u32le(head(sides[i].packet), 6);
		put_capability(RDPDR_CAP_GENERAL, 44);
		for (uint16_t type = RDPDR_CAP_PRINTER; type <= RDPDR_CAP_SMART_CARD + 1; type++)
			put_capability(type, 8);
		assert_int_equal(take(sides[i].from, buf_span(&in)), 0);
		assert_int_equal(verdict, DEVICE_PASS);
		assert_int_equal(out.len, 8 + 44 + 8 + 8);
		assert_int_equal(out.ptr[4], 3);
		assert_int_equal(out.ptr[8], RDPDR_CAP_GENERAL);
		assert_int_equal(out.ptr[52], RDPDR_CAP_PRINTER);
		assert_int_equal(out.ptr[60], RDPDR_CAP_SMART_CARD);
	}
}

static void test_what_a_guest_would_leave_at_the_client(void **state)
{
	assert_int_equal(take(RDP_GUEST, BYTES('R', 'P', 'C', 'P', 1, 2, 3)), 0);
	assert_int_equal(verdict, DEVICE_DROP);
	assert_string_equal(buf_text(&names), "printer settings to keep;");
	assert_int_equal(take(RDP_GUEST, BYTES('R', 'P', 'C', 'U', 0, 0, 0, 0, 0, 0, 0, 0)), 0);
	assert_int_equal(verdict, DEVICE_DROP);
}

static void test_handshake_passes(void **state)
{
	assert_passes(RDP_GUEST, BYTES('r', 'D', 'n', 'I', 1, 0, 12, 0, 1, 0, 0, 0));
	assert_passes(RDP_CLIENT, BYTES('r', 'D', 'C', 'C', 1, 0, 12, 0, 1, 0, 0, 0));
	assert_passes(RDP_CLIENT, BYTES('r', 'D', 'N', 'C', 1, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0,
					'a', 0, 0, 0));
	assert_passes(RDP_GUEST, BYTES('r', 'D', 'C', 'C', 1, 0, 12, 0, 1, 0, 0, 0));
	assert_passes(RDP_GUEST, BYTES('r', 'D', 'L', 'U'));
}

static void test_nobody_says_that(void **state)
{
	const struct { enum rdp_side from; struct span bytes; } cases[] = {
		{ RDP_CLIENT, BYTES('r', 'D', 'R', 'I') }, { RDP_GUEST, BYTES('r', 'D', 'A', 'D') },
		{ RDP_GUEST, BYTES('r', 'D', 'C', 'I') }, { RDP_CLIENT, BYTES('R', 'P', 'C', 'P') },
		{ RDP_CLIENT, BYTES('r', 'D', 'X', 'X') }, { RDP_GUEST, BYTES('x', 'x', 'L', 'U') },
		{ RDP_GUEST, BYTES('r', 'D', 'L') }, { RDP_GUEST, BYTES('r', 'D', 'L', 'U', 0) },
		{ RDP_CLIENT, BYTES('r', 'D', 'A', 'D', 0xff, 0xff, 0xff, 0xff) },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(take(cases[i].from, cases[i].bytes), -EBADMSG);
}

/* A message cut short anywhere, or with a byte too many, is refused. */
static void test_lengths(void **state)
{
	for (int which = 0; which < 5; which++) {
		struct span whole;

		begin(state);
		assert_int_equal(take(RDP_CLIENT, list_of_one(CARD, 5, "SCARD")), 0);
		whole = which == 0 ? list_of_one(PRINTER, 9, "PRN1")
			: which == 1 ? request(5, 1, CREATE, 0)
			: which == 2 ? request(5, 1, CONTROL, CARD_TRANSMIT)
			: which == 3 ? request(5, 1, WRITE, 0) : request(5, 1, CLOSE, 0);
		enum rdp_side from = which == 0 ? RDP_CLIENT : RDP_GUEST;

		for (size_t len = 0; len < whole.len; len++)
			assert_int_equal(take(from, span_of(whole.ptr, len)), -EBADMSG);
		buf_put_u8(&in, 0);
		assert_int_equal(take(from, buf_span(&in)), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_announce_is_cut_to_the_kinds_allowed, begin),
		cmocka_unit_test_setup(test_requests_by_kind, begin),
		cmocka_unit_test_setup(test_card_controls, begin),
		cmocka_unit_test_setup(test_refused_request_is_answered_here, begin),
		cmocka_unit_test_setup(test_other_ids_end_the_session, begin),
		cmocka_unit_test_setup(test_answers_are_paired, begin),
		cmocka_unit_test_setup(test_removed_devices, begin),
		cmocka_unit_test_setup(test_table_is_bounded_and_reused, begin),
		cmocka_unit_test_setup(test_capabilities_lose_drives_and_ports, begin),
		cmocka_unit_test_setup(test_what_a_guest_would_leave_at_the_client, begin),
		cmocka_unit_test_setup(test_handshake_passes, begin),
		cmocka_unit_test_setup(test_nobody_says_that, begin),
		cmocka_unit_test_setup(test_lengths, begin),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
