/* SPDX-License-Identifier: Apache-2.0 */
/* Names, addresses and the command line that follow from a spec. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>
#include "hostagent/vm/address.h"
#include "hostagent/vm/argv.h"

static const struct vm_spec sample = {
	.id = "00c0ffee00c0ffee", .name = "gold-001",
	.image_sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	.epoch = 3, .memory_bytes = (int64_t)1 << 30, .cpus = 2, .address = 0x0a4d0005,
};

static void specs_are_checked(void **state)
{
	struct vm_spec bad;

	assert_int_equal(vm_spec_check(&sample, NULL), 0);
#define REFUSES(change)                                                                            \
	bad = sample;                                                                              \
	change;                                                                                    \
	assert_int_equal(vm_spec_check(&bad, NULL), -EINVAL)
	REFUSES(bad.id[0] = 'G');
	REFUSES(bad.id[15] = '\0');
	REFUSES(strcpy(bad.name, "-x"));
	REFUSES(strcpy(bad.name, "a,b=c"));
	REFUSES(strcpy(bad.name, "x-"));
	REFUSES(bad.name[0] = '\0');
	REFUSES(bad.image_sha256[63] = '/');
	REFUSES(bad.epoch = -1);
	REFUSES(bad.cpus = 0);
	REFUSES(bad.cpus = 65);
	REFUSES(bad.memory_bytes = VM_MEMORY_MIN - 1);
	REFUSES(bad.memory_bytes = INT64_MAX);
}

static void names_follow_from_id_and_address(void **state)
{
	char tap[VM_TAP_SIZE], mac[VM_MAC_SIZE];

	vm_tap_name(sample.id, tap);
	assert_string_equal(tap, "gk00c0ffee00");
	vm_mac(sample.address, mac);
	assert_string_equal(mac, "52:54:0a:4d:00:05");
}

static void subnets_are_parsed_strictly(void **state)
{
	static const char *const bad[] = { "", "10.77.0.1", "10.77.0.1/", "10.77.0.1/8",
					   "10.77.0.1/31", "10.77.0/24", "10.77.0.256/24",
					   "10.77.0.1/24x", "10.77.0.0/24", "0010.77.0.1/24", "a" };
	struct vm_subnet subnet;
	struct error err;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(vm_subnet_parse(bad[i], &subnet, &err), -EINVAL);
	assert_int_equal(vm_subnet_parse("10.77.0.1/24", &subnet, &err), 0);
	assert_int_equal(subnet.gateway, 0x0a4d0001);
	assert_true(vm_subnet_has(&subnet, 0x0a4d0002));
	assert_false(vm_subnet_has(&subnet, 0x0a4d0001));	/* the bridge */
	assert_false(vm_subnet_has(&subnet, 0x0a4d0000));
	assert_false(vm_subnet_has(&subnet, 0x0a4d00ff));
	assert_false(vm_subnet_has(&subnet, 0x0a4d0102));
	assert_false(vm_subnet_has(&subnet, 0));
}

static void addresses_are_taken_once_until_none_is_left(void **state)
{
	struct vm_subnet subnet;
	uint32_t taken[16], again;
	size_t count = 0;

	assert_int_equal(vm_subnet_parse("192.168.5.9/29", &subnet, NULL), 0);
	while (vm_address_take(&subnet, sample.id, taken, count, &taken[count], NULL) == 0) {
		assert_true(vm_subnet_has(&subnet, taken[count]));
		for (size_t i = 0; i < count; i++)
			assert_int_not_equal(taken[i], taken[count]);
		count++;
	}
	assert_int_equal(count, 5);	/* 8, without network, broadcast and bridge */
	assert_int_equal(vm_address_take(&subnet, sample.id, taken, 0, &again, NULL), 0);
	assert_int_equal(again, taken[0]);
}

static bool has(const struct vm_argv *argv, const char *option, const char *value)
{
	for (size_t i = 0; i + 1 < argv->count; i++)
		if (strcmp(argv->items[i], option) == 0 && strcmp(argv->items[i + 1], value) == 0)
			return true;
	return false;
}

static void command_line_is_closed(void **state)
{
	OWNED(vm_argv_done) struct vm_argv argv;

	vm_argv_build(&sample, VM_LAUNCH_BOOT, VM_ACCEL_TCG, "/usr/bin/qemu", &argv);
	assert_string_equal(argv.items[0], "/usr/bin/qemu");
	assert_null(argv.items[argv.count]);
	assert_true(has(&argv, "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,"
					   "resourcecontrol=deny"));
	assert_true(has(&argv, "-accel", "tcg,thread=multi"));
	assert_true(has(&argv, "-smp", "2"));
	assert_true(has(&argv, "-m", "size=1073741824B"));
	assert_true(has(&argv, "-display", "none"));
	assert_true(has(&argv, "-device", "virtio-net-pci,id=nic0,netdev=net0,"
					  "mac=52:54:0a:4d:00:05,bus=rp1,romfile="));
	assert_true(has(&argv, "-blockdev", "driver=qcow2,node-name=image,file=image-file,"
					    "read-only=on"));
	for (size_t i = 0; i < argv.count; i++) {
		assert_null(strstr(argv.items[i], "usb-"));
		assert_null(strstr(argv.items[i], "vnc"));
		assert_null(strstr(argv.items[i], "hostfwd"));
		assert_null(strstr(argv.items[i], "path="));	/* only descriptors */
	}
}

static void kvm_is_asked_for_by_name(void **state)
{
	OWNED(vm_argv_done) struct vm_argv argv;

	vm_argv_build(&sample, VM_LAUNCH_BOOT, VM_ACCEL_KVM, "/usr/bin/qemu", &argv);
	assert_true(has(&argv, "-accel", "kvm"));
	assert_true(has(&argv, "-cpu", "host"));
}

static void clones_share_their_templates_memory(void **state)
{
	struct vm_spec clone = sample;
	OWNED(vm_argv_done) struct vm_argv of_template, of_clone, booted;

	memcpy(clone.template_id, "fedcba9876543210", VM_ID_SIZE);
	vm_argv_build(&sample, VM_LAUNCH_TEMPLATE, VM_ACCEL_TCG, "/usr/bin/qemu", &of_template);
	vm_argv_build(&clone, VM_LAUNCH_CLONE, VM_ACCEL_TCG, "/usr/bin/qemu", &of_clone);
	vm_argv_build(&clone, VM_LAUNCH_BOOT, VM_ACCEL_TCG, "/usr/bin/qemu", &booted);
	assert_true(has(&of_template, "-object", "memory-backend-file,id=ram0,size=1073741824B,"
			"merge=off,dump=off,mem-path=/proc/self/fd/11,share=on"));
	assert_false(has(&of_template, "-incoming", "defer"));
	assert_true(has(&of_clone, "-object", "memory-backend-file,id=ram0,size=1073741824B,"
			"merge=off,dump=off,mem-path=/proc/self/fd/11,share=off,readonly=on,rom=off"));
	assert_true(has(&of_clone, "-incoming", "defer"));
	assert_true(has(&of_clone, "-blockdev", "driver=qcow2,node-name=template,"
			"file=template-file,read-only=on,backing=image"));
	/* What a clone ran on is booted from the same disks, with memory of its own. */
	assert_true(has(&booted, "-blockdev", "driver=qcow2,node-name=template,"
			"file=template-file,read-only=on,backing=image"));
	assert_false(has(&booted, "-incoming", "defer"));
	for (size_t i = 0; i < booted.count; i++)
		assert_null(strstr(booted.items[i], "mem-path"));
}

static void only_its_own_qemu_is_recognised(void **state)
{
	static const char own[] = "qemu\0-name\0guest=genkan-00c0ffee00c0ffee,debug-threads=on\0-m";
	static const char other[] = "qemu\0-name\0guest=genkan-00c0ffee00c0ffef,debug-threads=on\0";
	static const char quoting[] = "sh\0-c\0guest=genkan-00c0ffee00c0ffee,debug-threads=on\0";
	static const char cut[] = "qemu\0-name";

	assert_true(vm_argv_matches(own, sizeof(own) - 1, sample.id));
	assert_false(vm_argv_matches(other, sizeof(other) - 1, sample.id));
	assert_false(vm_argv_matches(quoting, sizeof(quoting) - 1, sample.id));
	assert_false(vm_argv_matches(cut, sizeof(cut) - 1, sample.id));
	assert_false(vm_argv_matches("", 0, sample.id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clones_share_their_templates_memory),
		cmocka_unit_test(specs_are_checked),
		cmocka_unit_test(names_follow_from_id_and_address),
		cmocka_unit_test(subnets_are_parsed_strictly),
		cmocka_unit_test(addresses_are_taken_once_until_none_is_left),
		cmocka_unit_test(command_line_is_closed),
		cmocka_unit_test(kvm_is_asked_for_by_name),
		cmocka_unit_test(only_its_own_qemu_is_recognised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
