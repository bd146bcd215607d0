/* SPDX-License-Identifier: Apache-2.0 */
/* rdp_check.h - whether a desktop's RDP server can be reached and shows its certificate.
 * Blocking: work jobs only. */
#ifndef GENKAN_HOSTAGENT_RDP_CHECK_H
#define GENKAN_HOSTAGENT_RDP_CHECK_H

#include <stdint.h>
#include "common/base/error.h"

/* Port 3389 of `address` accepts, chooses TLS (MS-RDPBCGR 2.2.1.2) and shows the certificate with
 * this SHA-256 (lowercase hex). Tried again until the deadline, another certificate excepted.
 * `confirmed_ms` is when it chose (monotonic). */
int rdp_check(uint32_t address, const char *certificate_sha256, int64_t timeout_ms,
	      int64_t *confirmed_ms, struct error *err) MUST_CHECK;

/* The program ends: checks under way end with the try they are in, after 10 s at most. */
void rdp_check_stop(void);

#endif
