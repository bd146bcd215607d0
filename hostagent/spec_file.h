/* SPDX-License-Identifier: Apache-2.0 */
/* spec_file.h - what a restarted agent must know of a desktop: DESKTOP_SPEC. Blocking. */
#ifndef GENKAN_HOSTAGENT_SPEC_FILE_H
#define GENKAN_HOSTAGENT_SPEC_FILE_H

#include "hostagent/config.h"

struct spec_note {
	struct vm_spec spec;
	bool ready;	/* it had its identity */
	bool standby;	/* nobody's yet; a restarted agent removes it */
	int64_t logoffs, resets;	/* what the broker was told */
	int64_t guest_logoffs;		/* the guest's own count, of its present boot */
	char guest_boot[64];		/* the guest's name of that boot; "" not known */
	char rdp_certificate_sha256[VM_SHA256_SIZE];
	char deed[VM_DEED_SIZE];	/* the broker's word on whose it is; "" none */
};

int spec_file_write(const struct hostagent_config *config, const struct spec_note *note,
		    struct error *err) MUST_CHECK;
/* A file that does not fit the rules is -EINVAL: the desktop is not kept. */
int spec_file_read(const struct hostagent_config *config, const char *id, struct spec_note *out,
		   struct error *err) MUST_CHECK;

/* Calls `fn` for each id that has a folder of either kind, once. */
typedef void spec_each_fn(void *arg, const char *id);
void spec_each_id(const struct hostagent_config *config, spec_each_fn *fn, void *arg);
/* Whether all of it can be read. What is missing or damaged belongs to no desktop and is removed; what
 * is only closed to us (its owner, its disk) does, and must not be taken for that: negative errno. */
int spec_check_readable(const struct hostagent_config *config, struct error *err) MUST_CHECK;
/* spec_each_id() for templates, whose run folders lie among those of desktops. */
void template_each_id(const struct hostagent_config *config, spec_each_fn *fn, void *arg);

#endif
