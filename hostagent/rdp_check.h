/* SPDX-License-Identifier: Apache-2.0 */
/* rdp_check.h - whether a desktop's RDP server can be reached and shows its certificate.
 * Blocking: work jobs only. */
#ifndef GENKAN_HOSTAGENT_RDP_CHECK_H
#define GENKAN_HOSTAGENT_RDP_CHECK_H

#include <stdint.h>
#include "common/base/error.h"

/* Port 3389 of `address` accepts, chooses TLS (MS-RDPBCGR 2.2.1.2) and shows the certificate with
 * this SHA-256 (lowercase hex), all of it in time. `confirmed_ms` is when it chose (monotonic). */
int rdp_check(uint32_t address, const char *certificate_sha256, int64_t timeout_ms,
	      int64_t *confirmed_ms, struct error *err) MUST_CHECK;

/* Between start and stop checks can be made; stop ends those under way. */
int rdp_check_start(struct error *err) MUST_CHECK;
void rdp_check_stop(void);

#endif
