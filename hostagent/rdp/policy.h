/* SPDX-License-Identifier: Apache-2.0 */
/* policy.h - what one session may carry, and the two tables that decide it by channel name.
 *
 * Pure values. Whatever a table does not name is denied; names are compared without regard to
 * ASCII letter case. Raw USB, PnP devices, ports, RemoteApp, tunnels and location are deliberately
 * no members: there is nothing to allow, so no configuration, broker or bug can switch them on.
 * Drives are a member that no word of a policy sets: only an exception of the broker does, for a
 * time (relay/redeem.c). */
#ifndef GENKAN_HOSTAGENT_RDP_POLICY_H
#define GENKAN_HOSTAGENT_RDP_POLICY_H

#include "common/base/span.h"

/* Zero is deny: a zeroed policy allows pixels, keys and pointer, and nothing else. */
enum rdp_permit { RDP_DENY, RDP_ALLOW };

/* Directions in which clipboard text may go: bits. */
enum rdp_clipboard {
	RDP_CLIPBOARD_DENY = 0,
	RDP_CLIPBOARD_TO_DESKTOP = 1,
	RDP_CLIPBOARD_FROM_DESKTOP = 2,
	RDP_CLIPBOARD_BOTH = 3,
};

struct rdp_policy {
	enum rdp_permit sound;	/* guest -> client: rdpsnd, AUDIO_PLAYBACK_DVC */
	enum rdp_permit microphone;	/* client -> guest: AUDIO_INPUT */
	enum rdp_permit camera;	/* client -> guest: RDCamera_Device_Enumerator and its devices */
	enum rdp_clipboard clipboard;	/* cliprdr, as filter_clipboard.h has it */
	enum rdp_permit printers;	/* rdpdr, as filter_devices.h has it; so the next two */
	enum rdp_permit smart_cards;
	enum rdp_permit drives;	/* by exception only */
	enum rdp_permit webauthn;	/* security keys of the client: WebAuthN_Channel */
	enum rdp_permit video;	/* guest -> client: video beside the graphics */
};

/* Sets one member by its name in the broker's policy object ("sound", "microphone", "camera",
 * "clipboard", "printers", "smart_cards", "webauthn", "video", "removable_storage") from "allow" or
 * "deny"; "clipboard" from "deny", "text-to-desktop", "text-from-desktop" or "text-both".
 * -EINVAL: unknown name or value, -EPERM: "allow" for removable storage; nothing changes then. */
int rdp_policy_set(struct rdp_policy *policy, const char *name, const char *value);

/* What to do with a static virtual channel (MS-RDPBCGR 2.2.1.3.4.1). */
enum rdp_static_verdict {
	RDP_STATIC_DENY,	/* renamed towards the guest, data dropped both ways */
	RDP_STATIC_PASS,	/* chunks are checked and passed */
	RDP_STATIC_DYNAMIC,	/* drdynvc: its messages go through the dynamic channel filter */
	RDP_STATIC_NOOP,	/* rdpdr: the relay answers the guest as a client without devices */
	RDP_STATIC_DEVICES,	/* rdpdr: its messages go through the device filter */
	RDP_STATIC_CLIPBOARD,	/* cliprdr: its messages go through the clipboard filter */
};
enum rdp_static_verdict rdp_policy_static(const struct rdp_policy *policy, struct span name);

/* The member of the broker's policy object that decides about a channel with this name ("sound"), or
 * NULL for what nothing allows. For the audit: the first that would have. */
const char *rdp_policy_static_rule(struct span name);
const char *rdp_policy_dynamic_rule(struct span name);

/* Whether the guest may open the dynamic channel `name` (MS-RDPEDYC 2.2.2.1). */
enum rdp_permit rdp_policy_dynamic(const struct rdp_policy *policy, struct span name);

#endif
