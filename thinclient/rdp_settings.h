/* SPDX-License-Identifier: Apache-2.0 */
/* rdp_settings.h - a ticket as FreeRDP settings: RDSTLS only, one certificate only. */
#ifndef GENKAN_THINCLIENT_RDP_SETTINGS_H
#define GENKAN_THINCLIENT_RDP_SETTINGS_H

#include <freerdp/freerdp.h>
#include "common/base/error.h"
#include "thinclient/broker_api.h"

/* Switches off every security protocol but RDSTLS, every way to accept a certificate but the
 * program's callback, and puts the ticket in. `config_dir` is an empty folder of our own. */
int rdp_settings_apply_ticket(rdpSettings *settings, const struct ticket *ticket,
			      const char *config_dir, struct error *err) MUST_CHECK;
/* Picture, codecs and keyboard. */
int rdp_settings_apply_display(rdpSettings *settings, int width, int height,
			       uint32_t keyboard_layout, struct error *err) MUST_CHECK;
/* Overwrites the secret inside the settings. */
void rdp_settings_wipe_ticket(rdpSettings *settings);

/* 1 when the first certificate of the PEM text has this SHA-256 (lowercase hex), else 0. */
int rdp_certificate_matches(const uint8_t *pem, size_t len, const char *sha256);

#endif
