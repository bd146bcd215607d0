/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/relay/session_tls.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include "common/base/span.h"
#include "common/net/tls.h"

/* Forward secrecy and authenticated encryption only. */
#define TLS12_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

static int set_rules(SSL_CTX *ctx, struct error *err)
{
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(ctx,
			    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, TLS12_CIPHERS) != 1)
		return tls_error(err, EPROTO, "TLS rules");
	return 0;
}

int session_tls_front_new(const char *certificate_file, const char *key_file, SSL_CTX **out,
			  struct error *err)
{
	OWNED(SSL_CTX_free) SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx)
		return tls_error(err, ENOMEM, "TLS context");
	if (set_rules(ctx, err) < 0)
		return -EPROTO;
	if (SSL_CTX_use_certificate_chain_file(ctx, certificate_file) != 1)
		return tls_error(err, EINVAL, "certificate %s", certificate_file);
	if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1)
		return tls_error(err, EINVAL, "key %s", key_file);
	if (SSL_CTX_check_private_key(ctx) != 1)
		return tls_error(err, EINVAL, "key %s does not belong to %s", key_file,
				 certificate_file);
	SSL_CTX_set_num_tickets(ctx, 0);
	*out = STEAL(ctx);
	return 0;
}

/* Replaces all other verification: one certificate is right, by name it is none. */
static int verify_pin(X509_STORE_CTX *store, void *arg)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	const uint8_t *pin = SSL_get_app_data(ssl);
	X509 *certificate = X509_STORE_CTX_get0_cert(store);
	uint8_t digest[GUEST_PIN_LEN];
	unsigned len = sizeof(digest);

	if (pin && certificate && X509_digest(certificate, EVP_sha256(), digest, &len) == 1 &&
	    span_equal_secret(span_of(digest, len), span_of(pin, GUEST_PIN_LEN)))
		return 1;
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
	return 0;
}

int session_tls_back_new(SSL_CTX **out, struct error *err)
{
	OWNED(SSL_CTX_free) SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (!ctx)
		return tls_error(err, ENOMEM, "TLS context");
	if (set_rules(ctx, err) < 0)
		return -EPROTO;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, verify_pin, NULL);
	*out = STEAL(ctx);
	return 0;
}

SSL *session_tls_accept(SSL_CTX *front)
{
	SSL *ssl = SSL_new(front);

	if (ssl)
		SSL_set_accept_state(ssl);
	return ssl;
}

SSL *session_tls_connect(SSL_CTX *back, const uint8_t pin[GUEST_PIN_LEN])
{
	SSL *ssl = SSL_new(back);

	if (!ssl)
		return NULL;
	SSL_set_app_data(ssl, (void *)pin);
	SSL_set_connect_state(ssl);
	return ssl;
}
