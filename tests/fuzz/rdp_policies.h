/* SPDX-License-Identifier: Apache-2.0 */
/* rdp_policies.h - the two ends of what a pool may allow: each target that takes a policy runs
 * under both. */
#ifndef GENKAN_TESTS_FUZZ_RDP_POLICIES_H
#define GENKAN_TESTS_FUZZ_RDP_POLICIES_H

#include "hostagent/rdp/policy.h"

static const struct rdp_policy fuzz_policies[] = {
	{ .sound = RDP_DENY },
	{ .sound = RDP_ALLOW,
	  .microphone = RDP_ALLOW,
	  .camera = RDP_ALLOW,
	  .clipboard = RDP_CLIPBOARD_BOTH,
	  .printers = RDP_ALLOW,
	  .smart_cards = RDP_ALLOW,
	  .drives = RDP_ALLOW,
	  .webauthn = RDP_ALLOW,
	  .video = RDP_ALLOW },
};

#endif
