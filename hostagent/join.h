/* SPDX-License-Identifier: Apache-2.0 */
/* join.h - how a host becomes one of the site's: a one-time token for a certificate. Blocking. */
#ifndef GENKAN_HOSTAGENT_JOIN_H
#define GENKAN_HOSTAGENT_JOIN_H

#include "hostagent/config.h"

/* Makes a key, asks the broker to certify it, and writes both to the state folder. The broker is
 * verified against ca_file; the key never leaves this host. */
int join_broker(const struct hostagent_config *config, const char *token_file,
		struct error *err) MUST_CHECK;
/* The relay's own certificate, self-signed and pinned by its hash; made once. */
int relay_certificate_ensure(const struct hostagent_config *config, struct error *err) MUST_CHECK;

#endif
