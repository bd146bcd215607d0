/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include "hostagent/priv/weigh.h"

static void pss_is_read_and_nothing_like_it(void **state)
{
	assert_int_equal(weigh_parse_rollup("5581 [rollup]\nRss:  900 kB\nPss:   884 kB\n"
					    "Pss_Anon:   12 kB\n"), 884 * 1024);
	assert_int_equal(weigh_parse_rollup("head\nPss_Anon: 12 kB\n"), -EBADMSG);
	assert_int_equal(weigh_parse_rollup("head\nPss: kB\n"), -EBADMSG);
	assert_int_equal(weigh_parse_rollup("head\nPss: 12 MB\n"), -EBADMSG);
	assert_int_equal(weigh_parse_rollup("head\nPss: -1 kB\n"), -EBADMSG);
	assert_int_equal(weigh_parse_rollup(""), -EBADMSG);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(pss_is_read_and_nothing_like_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
