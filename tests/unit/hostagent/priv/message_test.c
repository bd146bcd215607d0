/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>
#include "hostagent/priv/message.h"

static const struct vm_subnet subnet = { 0x0a4d0001, 24 };
static struct priv_request request;

static int check(void)
{
	return priv_request_check(&request, priv_request_size(&request), &subnet, NULL);
}

static int setup(void **state)
{
	memset(&request, 0, sizeof(request));
	request.kind = PRIV_SPAWN;
	request.spec = (struct vm_spec){ .id = "00c0ffee00c0ffee", .name = "gold-001", .cpus = 1,
					 .memory_bytes = VM_MEMORY_MIN, .address = 0x0a4d0005 };
	memset(request.spec.image_sha256, 'a', VM_SHA256_SIZE - 1);
	return 0;
}

static void clones_need_a_template_and_templates_no_address(void **state)
{
	request.launch = VM_LAUNCH_CLONE;
	assert_int_equal(check(), -EINVAL);
	memcpy(request.spec.template_id, "fedcba9876543210", VM_ID_SIZE);
	assert_int_equal(check(), 0);
	memcpy(request.spec.template_id, "../../etc/shadow", VM_ID_SIZE);
	assert_int_equal(check(), -EINVAL);
	memset(request.spec.template_id, 'a', VM_ID_SIZE);	/* no end */
	assert_int_equal(check(), -EINVAL);
	memset(request.spec.template_id, 0, VM_ID_SIZE);
	request.launch = VM_LAUNCH_TEMPLATE;
	assert_int_equal(check(), -EINVAL);
	request.spec.address = 0;
	assert_int_equal(check(), 0);
	request.launch = VM_LAUNCH_STANDBY + 1;
	assert_int_equal(check(), -EINVAL);
	request.launch = VM_LAUNCH_BOOT;
	assert_int_equal(check(), -EINVAL);
}

static void what_is_taken_is_another_machine(void **state)
{
	request.kind = PRIV_TAKE;
	assert_int_equal(check(), -EINVAL);
	memcpy(request.machine, "fedcba9876543210", VM_ID_SIZE);
	assert_int_equal(check(), 0);
	memcpy(request.machine, "../../etc/shadow", VM_ID_SIZE);
	assert_int_equal(check(), -EINVAL);
	memset(request.machine, 'a', VM_ID_SIZE);	/* no end */
	assert_int_equal(check(), -EINVAL);
	memcpy(request.machine, request.spec.id, VM_ID_SIZE);
	assert_int_equal(check(), -EINVAL);
	memcpy(request.machine, "fedcba9876543210", VM_ID_SIZE);
	request.spec.address = 0;
	assert_int_equal(check(), -EINVAL);
}

static void good_ones_pass(void **state)
{
	assert_int_equal(check(), 0);
	request.kind = PRIV_KILL;
	assert_int_equal(check(), 0);
	request.kind = PRIV_CLEAN;
	request.spec.address = 0;
	assert_int_equal(check(), 0);
}

static void foreign_values_are_refused(void **state)
{
#define REFUSES(change)                                                                            \
	setup(state);                                                                              \
	change;                                                                                    \
	assert_int_equal(check(), -EINVAL)
	REFUSES(request.kind = 0);
	REFUSES(request.kind = 99);
	REFUSES(strcpy(request.spec.id, "../../etc/passw"));
	REFUSES(memset(request.spec.id, 'a', sizeof(request.spec.id)));	/* no end */
	REFUSES(memset(request.spec.name, 'a', sizeof(request.spec.name)));
	REFUSES(memset(request.spec.image_sha256, 'a', sizeof(request.spec.image_sha256)));
	REFUSES(memcpy(request.spec.image_sha256, "../", 3));
	REFUSES(request.spec.address = 0x0a4d0001);	/* the bridge itself */
	REFUSES(request.spec.address = 0x0a4d0105);	/* another network */
	REFUSES(request.spec.cpus = 10000);
	REFUSES(request.kind = PRIV_KILL; request.spec.id[3] = '/');
}

static void lengths_must_fit(void **state)
{
	assert_int_equal(priv_request_check(&request, 3, &subnet, NULL), -EINVAL);
	assert_int_equal(priv_request_check(&request, sizeof(request), &subnet, NULL), -EINVAL);
	request.port_count = PRIV_PORTS_MAX + 1;
	assert_int_equal(priv_request_check(&request, priv_request_size(&request), &subnet, NULL),
			 -EINVAL);
}

static void sweeps_are_checked_to_the_last_port(void **state)
{
	request.kind = PRIV_SWEEP;
	request.port_count = 2;
	request.ports[0] = (struct nft_port){ "00c0ffee00c0ffee", 0x0a4d0005 };
	request.ports[1] = (struct nft_port){ "0123456789abcdef", 0x0a4d0006 };
	assert_int_equal(check(), 0);
	request.ports[1].address = 0x7f000001;
	assert_int_equal(check(), -EINVAL);
	request.ports[1] = (struct nft_port){ "\"; flush rules!", 0x0a4d0006 };
	assert_int_equal(check(), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(clones_need_a_template_and_templates_no_address, setup),
		cmocka_unit_test_setup(what_is_taken_is_another_machine, setup),
		cmocka_unit_test_setup(good_ones_pass, setup),
		cmocka_unit_test_setup(foreign_values_are_refused, setup),
		cmocka_unit_test_setup(lengths_must_fit, setup),
		cmocka_unit_test_setup(sweeps_are_checked_to_the_last_port, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
