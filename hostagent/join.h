/* SPDX-License-Identifier: Apache-2.0 */
/* join.h - how a host becomes one of the site's and stays it: a one-time token for a certificate, and
 * that one for the next. Blocking. */
#ifndef GENKAN_HOSTAGENT_JOIN_H
#define GENKAN_HOSTAGENT_JOIN_H

#include "common/net/http_client.h"
#include "hostagent/config.h"

/* Makes a key, asks the broker to certify it, and writes both to the state folder. The broker is
 * verified against ca_file; the key never leaves this host. */
int join_broker(const struct hostagent_config *config, const char *token_file,
		struct error *err) MUST_CHECK;
/* A new key, certified by a broker to whom the present certificate is shown. Whoever connects from
 * then on shows the new one; connections that are open go on. */
int join_renew(const struct hostagent_config *config, struct http_client *broker,
	       struct error *err) MUST_CHECK;
/* Ends a renewal that a crash left half. Before anybody uses the certificate. */
int join_finish(const struct hostagent_config *config, struct error *err) MUST_CHECK;
/* The relay's own certificate, self-signed and pinned by its hash; made once. */
int relay_certificate_ensure(const struct hostagent_config *config, struct error *err) MUST_CHECK;

#endif
