/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <string.h>
#include "hostagent/network/nft_script.h"

static const struct nft_port port = { "00c0ffee00c0ffee", 0x0a4d0005 };

static void ports_are_bound_to_mac_and_address(void **state)
{
	OWNED(buf_done) struct buf text = { 0 };

	nft_port_add_write(&port, &text);
	assert_string_equal(buf_text(&text),
			    "add element bridge genkan macs { \"gk00c0ffee00\" . 52:54:0a:4d:00:05 }\n"
			    "add element bridge genkan addresses { \"gk00c0ffee00\" . 10.77.0.5 }\n");
}

static void removing_is_right_without_adding(void **state)
{
	OWNED(buf_done) struct buf text = { 0 };

	nft_port_remove_write(&port, &text);
	assert_ptr_equal(strstr(buf_text(&text), "add element"), buf_text(&text));
	assert_non_null(strstr(buf_text(&text), "delete element bridge genkan macs"));
	assert_non_null(strstr(buf_text(&text), "delete element bridge genkan addresses"));
}

static void a_sweep_forgets_all_others(void **state)
{
	OWNED(buf_done) struct buf text = { 0 };

	nft_ports_replace_write(&port, 1, &text);
	assert_ptr_equal(strstr(buf_text(&text), "flush set bridge genkan macs\n"
						 "flush set bridge genkan addresses\n"),
			 buf_text(&text));
	assert_non_null(strstr(buf_text(&text), "gk00c0ffee00"));
}

/* What ends in "accept" is the whole of what may pass. */
static void little_is_accepted(void **state)
{
	OWNED(buf_done) struct buf text = { 0 };
	unsigned accepts = 0;

	nft_base_write("genkan0", &text);
	for (const char *at = buf_text(&text); (at = strstr(at, " accept\n")); at++)
		accepts++;
	assert_int_equal(accepts, 5);
	assert_non_null(strstr(buf_text(&text), "input iifname \"genkan0\" drop"));
	assert_non_null(strstr(buf_text(&text), "output oifname \"genkan0\" tcp dport 3389 accept\n"
						"add rule inet genkan output oifname \"genkan0\" drop"));
	assert_non_null(strstr(buf_text(&text), "forward iifname \"genkan0\" drop"));
	assert_non_null(strstr(buf_text(&text), "forward oifname \"genkan0\" drop"));
	assert_non_null(strstr(buf_text(&text), "add rule bridge genkan guest drop"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_are_bound_to_mac_and_address),
		cmocka_unit_test(removing_is_right_without_adding),
		cmocka_unit_test(a_sweep_forgets_all_others),
		cmocka_unit_test(little_is_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
