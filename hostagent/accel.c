/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include "common/sys/file.h"
#include "common/sys/log.h"
#include "hostagent/accel.h"
#include "hostagent/child.h"

extern const uint8_t accel_guest_start[], accel_guest_end[];

enum { KVM_MS = 4000, TCG_MS = 20000, OUTPUT_LIMIT = 256 };
static const char answer[] = "genkan 64-bit guest answers\n";

static int run_guest(const struct hostagent_config *config, enum vm_accel accel,
		     const char *firmware, struct buf *output, struct error *err)
{
	bool kvm = accel == VM_ACCEL_KVM;
	const char *const argv[] = {
		config->qemu, "-nodefaults", "-no-user-config", "-no-reboot", "-machine",
		"q35,usb=off", "-accel", kvm ? "kvm" : "tcg", "-cpu", kvm ? "host" : "max",
		"-m", "16", "-bios", firmware, "-display", "none", "-chardev", "stdio,id=out",
		"-device", "isa-debugcon,iobase=0xe9,chardev=out", "-sandbox",
		"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", NULL
	};

	return child_run(argv, (struct span){ 0 }, kvm ? KVM_MS : TCG_MS, output, err);
}

int accel_probe(const struct hostagent_config *config, enum vm_accel accel, struct error *err)
{
	struct span guest = span_of(accel_guest_start,
				    (size_t)(accel_guest_end - accel_guest_start));
	OWNED(buf_done) struct buf output = BUF_LIMIT(OUTPUT_LIMIT);
	OWNED(buf_done) struct buf firmware = { 0 };
	int rc = file_make_dirs(config->run_dir, 0755, err);

	buf_printf(&firmware, "%s/probe.bin", config->run_dir);
	if (rc < 0 || (rc = file_write(buf_text(&firmware), guest, 0644, err)) < 0)
		return rc;
	rc = run_guest(config, accel, buf_text(&firmware), &output, err);
	unlink(buf_text(&firmware));
	if (strcmp(buf_text(&output), answer) == 0)
		return 0;
	return rc < 0 ? rc : error_set(err, EPROTO, "the guest ran and did not answer");
}

int accel_choose(const struct hostagent_config *config, enum vm_accel *out, struct error *err)
{
	struct error why;
	bool tcg = config->allow_tcg && !config->production;

	if (access("/dev/kvm", R_OK | W_OK) < 0)
		error_errno(&why, "/dev/kvm");
	else if (accel_probe(config, VM_ACCEL_KVM, &why) == 0) {
		*out = VM_ACCEL_KVM;
		return 0;
	}
	if (!tcg)
		return error_set(err, ENOTSUP, "KVM cannot run a 64-bit guest here (%.160s); trials "
				 "may emulate: production = no, allow_tcg = yes", why.text);
	log_warn("kvm_unusable", kv_error(&why));
	*out = VM_ACCEL_TCG;
	int rc = accel_probe(config, VM_ACCEL_TCG, err);

	return rc < 0 ? error_prefix(err, "probe under emulation") : 0;
}
