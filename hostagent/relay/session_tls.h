/* SPDX-License-Identifier: Apache-2.0 */
/* session_tls.h - the TLS rules of both legs (TLS 1.2 or 1.3, no renegotiation, no resumption).
 * The contexts are made once, before the first session; each session makes its own SSL objects. */
#ifndef GENKAN_RELAY_SESSION_TLS_H
#define GENKAN_RELAY_SESSION_TLS_H

#include <openssl/ssl.h>
#include "common/base/error.h"

#define GUEST_PIN_LEN 32

int session_tls_front_new(const char *certificate_file, const char *key_file, SSL_CTX **out,
			  struct error *err) MUST_CHECK;
int session_tls_back_new(SSL_CTX **out, struct error *err) MUST_CHECK;

SSL *session_tls_accept(SSL_CTX *front);
/* The handshake succeeds only with the one certificate whose DER has this SHA-256. `pin` is
 * borrowed until the handshake is over. */
SSL *session_tls_connect(SSL_CTX *back, const uint8_t pin[GUEST_PIN_LEN]);

#endif
