/* SPDX-License-Identifier: Apache-2.0 */
/* device_policy.h - what this client can redirect at all: sound out, and text of
 * the clipboard.
 *
 * The hard switch is `LoadChannels`: only the channels named here are ever loaded, so code for
 * drives, printers, smart cards, USB, cameras and microphones does not run; that for the clipboard
 * runs when the ticket allows text. The settings say the same a second time. The relay enforces the policy against clients that are not
 * this one; here it is a matter of not even asking. */
#ifndef GENKAN_THINCLIENT_DEVICE_POLICY_H
#define GENKAN_THINCLIENT_DEVICE_POLICY_H

#include <freerdp/freerdp.h>
#include "common/base/error.h"

enum sound_output {
	SOUND_NONE,	/* the channel is not there */
	SOUND_SILENT,	/* the channel is there, the samples are thrown away */
	SOUND_SYSTEM,	/* PulseAudio or ALSA */
};

struct device_policy {
	enum sound_output sound;
	bool text_to_desktop, text_from_desktop;	/* neither: no clipboard channel */
};

/* Switches every redirection off in `settings` and adds the dynamic channels for pictures, resizing
 * and, unless SOUND_NONE, sound. Call once, before connecting. */
int device_policy_apply(rdpSettings *settings, const struct device_policy *policy,
			struct error *err) MUST_CHECK;

/* For freerdp.LoadChannels: loads drdynvc and, when device_policy_apply() allowed them, rdpsnd and
 * cliprdr. */
BOOL device_policy_load_channels(freerdp *instance);

/* True for the dynamic channels that may reach FreeRDP's own handlers. */
bool device_policy_allows_dynamic(const char *name);

#endif
