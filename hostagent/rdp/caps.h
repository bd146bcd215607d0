/* SPDX-License-Identifier: Apache-2.0 */
/* caps.h - Demand Active and Confirm Active (MS-RDPBCGR 2.2.1.13): the capability sets that the
 * two ends agree on, less those the relay does not let them agree on.
 * Works on the body behind the share control header. */
#ifndef GENKAN_HOSTAGENT_RDP_CAPS_H
#define GENKAN_HOSTAGENT_RDP_CAPS_H

#include "hostagent/rdp/pdu.h"

#define CAPS_SETS_MAX 64

enum caps_kind { CAPS_DEMAND, CAPS_CONFIRM };

struct caps_set {
	uint16_t type;
	struct span body;	/* behind type and length */
};

struct caps_active {
	enum caps_kind kind;
	uint32_t share_id;
	uint16_t originator;	/* Confirm Active only */
	struct span source;	/* sourceDescriptor */
	size_t set_count;
	struct caps_set sets[CAPS_SETS_MAX];
	bool has_session_id;	/* Demand Active only; some servers leave it out */
	uint32_t session_id;
};

int caps_parse(struct span body, enum caps_kind kind, struct caps_active *out, const char **why);
/* Leaves out the remote programs and window list sets, and says "no compression" in the virtual
 * channel set, so that channel data can be read where it must be. */
void caps_encode(const struct caps_active *active, struct buf *out);

#endif
