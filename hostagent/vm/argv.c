/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "hostagent/vm/argv.h"

enum { ROOT_PORTS = 6 };

void vm_argv_done(struct vm_argv *argv)
{
	for (size_t i = 0; i < argv->count; i++)
		free(argv->items[i]);
	*argv = (struct vm_argv){ 0 };
}

static void PRINTF_LIKE(2, 3) add(struct vm_argv *argv, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	int len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	assert(len >= 0 && (size_t)len < sizeof(text) && argv->count < VM_ARGV_MAX);
	argv->items[argv->count++] = xstrdup(text);
}

/* A file on a RAM disk that the clones of a template map privately. It is reopened by its number:
 * this backend knows no descriptor sets. */
static void add_memory(struct vm_argv *argv, int64_t bytes, enum vm_launch launch)
{
	long long size = (long long)bytes;

	add(argv, "-object");
	if (launch == VM_LAUNCH_BOOT)
		add(argv, "memory-backend-ram,id=ram0,size=%lldB,merge=off,dump=off", size);
	else
		add(argv, "memory-backend-file,id=ram0,size=%lldB,merge=off,dump=off,"
			  "mem-path=/proc/self/fd/%d,%s", size, VM_FD_MEMORY,
		    launch == VM_LAUNCH_TEMPLATE ? "share=on" :
						   "share=off,readonly=on,rom=off");
}

static void add_state(struct vm_argv *argv, enum vm_launch launch)
{
	if (launch == VM_LAUNCH_BOOT)
		return;
	add(argv, "-add-fd");
	add(argv, "fd=%d,set=%d", VM_FD_STATE, VM_STATE_SET);
	if (launch == VM_LAUNCH_TEMPLATE)
		return;
	add(argv, "-incoming");
	add(argv, "defer");
	if (launch == VM_LAUNCH_STANDBY)
		add(argv, "-S");
}

static void add_machine(struct vm_argv *argv, const struct vm_spec *spec, enum vm_launch launch,
			enum vm_accel accel)
{
	long long memory = (long long)spec->memory_bytes;

	add(argv, "-nodefaults");
	add(argv, "-no-user-config");
	add(argv, "-machine");
	/* Linux boots on the HPET's tick and goes over to the processor's timer; QEMU goes on ticking,
	 * 250 times a second, for nobody. */
	add(argv, "q35,usb=off,vmport=off,hpet=off,dump-guest-core=off,mem-merge=off,"
		  "memory-backend=ram0");
	add(argv, "-accel");
	add(argv, "%s", accel == VM_ACCEL_KVM ? "kvm" : "tcg,thread=multi");
	add(argv, "-cpu");
	add(argv, "%s", accel == VM_ACCEL_KVM ? "host" : "max");
	add(argv, "-smp");
	add(argv, "%u", spec->cpus);
	add(argv, "-m");
	add(argv, "size=%lldB", memory);
	add_memory(argv, spec->memory_bytes, launch);
	add(argv, "-rtc");
	add(argv, "base=utc");
	add(argv, "-boot");
	add(argv, "strict=on");
	for (int i = 0; i < ROOT_PORTS; i++) {	/* room to plug disks and NICs later */
		add(argv, "-device");
		add(argv, "pcie-root-port,id=rp%d,chassis=%d,slot=%d", i, i + 1, i + 1);
	}
}

/* The overlay's own header is not asked where its backing file is: the image is named here. */
static void add_image(struct vm_argv *argv, const char *name, int set, enum vm_fd fd,
		      const char *backing)
{
	add(argv, "-add-fd");
	add(argv, "fd=%d,set=%d", (int)fd, set);
	add(argv, "-blockdev");
	add(argv, "driver=file,node-name=%s-file,filename=/dev/fdset/%d,read-only=on", name, set);
	add(argv, "-blockdev");
	add(argv, "driver=qcow2,node-name=%s,file=%s-file,read-only=on%s%s", name, name,
	    backing ? ",backing=" : "", backing ? backing : "");
}

static void add_disk(struct vm_argv *argv, bool on_template)
{
	add(argv, "-add-fd");
	add(argv, "fd=%d,set=1", VM_FD_OVERLAY);
	add_image(argv, "image", 2, VM_FD_IMAGE, NULL);
	if (on_template)
		add_image(argv, "template", 3, VM_FD_TEMPLATE, "image");
	add(argv, "-blockdev");
	add(argv, "driver=file,node-name=disk-file,filename=/dev/fdset/1,discard=unmap");
	add(argv, "-blockdev");
	add(argv, "driver=qcow2,node-name=disk,file=disk-file,backing=%s,discard=unmap,"
		  "detect-zeroes=unmap", on_template ? "template" : "image");
	add(argv, "-device");
	add(argv, "virtio-blk-pci,drive=disk,bus=rp0,bootindex=0,werror=stop,rerror=stop");
}

static void add_network(struct vm_argv *argv, const struct vm_spec *spec)
{
	char mac[VM_MAC_SIZE];

	vm_mac(spec->address, mac);
	add(argv, "-netdev");
	add(argv, "tap,id=net0,fd=%d", VM_FD_TAP);
	add(argv, "-device");
	add(argv, "virtio-net-pci,id=nic0,netdev=net0,mac=%s,bus=rp1,romfile=", mac);
}

static void add_socket(struct vm_argv *argv, const char *id, enum vm_fd fd)
{
	add(argv, "-chardev");
	add(argv, "socket,id=%s,fd=%d,server=on,wait=off", id, (int)fd);
}

static void add_channels(struct vm_argv *argv)
{
	add_socket(argv, "qmp", VM_FD_QMP);
	add(argv, "-mon");
	add(argv, "chardev=qmp,mode=control");
	add_socket(argv, "serial", VM_FD_SERIAL);
	add(argv, "-device");
	add(argv, "isa-serial,chardev=serial");
	add(argv, "-device");
	add(argv, "virtio-serial-pci,id=vs0,bus=rp2");
	add_socket(argv, "guest", VM_FD_GUEST);
	add(argv, "-device");
	add(argv, "virtserialport,bus=vs0.0,nr=1,chardev=guest,name=org.genkan.guest.0");
	add_socket(argv, "qga", VM_FD_QGA);
	add(argv, "-device");
	add(argv, "virtserialport,bus=vs0.0,nr=2,chardev=qga,name=org.qemu.guest_agent.0");
}

static void add_helpers(struct vm_argv *argv)
{
	add(argv, "-object");
	add(argv, "rng-random,id=rng0,filename=/dev/urandom");
	add(argv, "-device");
	add(argv, "virtio-rng-pci,rng=rng0,bus=rp3");
	add(argv, "-device");
	add(argv, "vmgenid,guid=auto");
	add(argv, "-device");
	add(argv, "pvpanic");
	add(argv, "-device");
	add(argv, "i6300esb");
	add(argv, "-action");
	add(argv, "panic=shutdown,watchdog=reset");
	add(argv, "-display");
	add(argv, "none");
	add(argv, "-vga");
	add(argv, "none");
}

void vm_argv_build(const struct vm_spec *spec, enum vm_launch launch, enum vm_accel accel,
		   const char *qemu, struct vm_argv *out)
{
	*out = (struct vm_argv){ 0 };
	add(out, "%s", qemu);
	add(out, "-name");
	add(out, "guest=genkan-%s,debug-threads=on", spec->id);
	add(out, "-sandbox");
	add(out, "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
	add_machine(out, spec, launch, accel);
	add_disk(out, spec->template_id[0] != '\0');
	add_network(out, spec);
	add_channels(out);
	add_helpers(out);
	add_state(out, launch);
}

bool vm_argv_matches(const char *cmdline, size_t len, const char *id)
{
	char want[64];
	bool after_name = false;

	snprintf(want, sizeof(want), "guest=genkan-%s,debug-threads=on", id);
	for (size_t at = 0; at < len;) {
		size_t size = strnlen(cmdline + at, len - at);

		if (after_name)
			return size == strlen(want) && memcmp(cmdline + at, want, size) == 0;
		after_name = size == 5 && memcmp(cmdline + at, "-name", 5) == 0;
		at += size + 1;
	}
	return false;
}

const char *vm_accel_name(enum vm_accel accel)
{
	switch (accel) {
	case VM_ACCEL_NONE:
		return "none";
	case VM_ACCEL_KVM:
		return "kvm";
	case VM_ACCEL_TCG:
		return "tcg";
	}
	return "";
}
