/* SPDX-License-Identifier: Apache-2.0 */
/* tls.h - OpenSSL contexts with verification that cannot be switched off, and the small CA.
 * There is no "insecure": a peer is verified against a CA file or a pinned SHA-256. */
#ifndef GENKAN_NET_TLS_H
#define GENKAN_NET_TLS_H

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include "common/base/buf.h"
#include "common/base/error.h"

DEFINE_OWNED(SSL_CTX_free, SSL_CTX);
DEFINE_OWNED(SSL_free, SSL);
DEFINE_OWNED(EVP_PKEY_free, EVP_PKEY);
DEFINE_OWNED(X509_free, X509);

/* KEY: as OPTIONAL, and a certificate that is signed by its own key is let in as well: it proves
 * that the peer has that key, and nothing else (RFC 8705 4 calls such tokens certificate-bound). */
enum tls_peer { TLS_PEER_NONE, TLS_PEER_OPTIONAL, TLS_PEER_KEY, TLS_PEER_REQUIRED };

/* Server: TLS 1.3, X25519/P-256, own chain; client certificates verified against `ca_file`
 * (may be NULL with TLS_PEER_NONE). `min_version` 0 = TLS 1.3. */
int tls_server_new(const char *certificate_file, const char *key_file, const char *ca_file,
		   enum tls_peer peer, int min_version, SSL_CTX **out, struct error *err) MUST_CHECK;

/* The same from texts: a certificate chain, its key, and the CA of clients. */
struct tls_pem {
	struct span certificate, key, ca;
};
int tls_server_from_pem(const struct tls_pem *pem, enum tls_peer peer, int min_version,
			SSL_CTX **out, struct error *err) MUST_CHECK;

/* The queued OpenSSL errors as one line, cleared. */
int tls_error(struct error *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Lowercase hex SHA-256 of the DER; `out` holds 65 bytes. */
int tls_certificate_sha256(const X509 *certificate, char *out);
int tls_certificate_file_sha256(const char *path, char *out, struct error *err) MUST_CHECK;
/* Lowercase hex SHA-256 of the public key (SubjectPublicKeyInfo); `out` holds 65 bytes. */
int tls_key_sha256(const X509 *certificate, char *out);
/* Whole days until it ends. -EKEYEXPIRED when it has: the text names it and the date. */
int tls_certificate_days(const char *path, int64_t *days, struct error *err) MUST_CHECK;
/* From when to when it is good, in Unix time. */
int tls_certificate_times(const char *path, int64_t *begins_s, int64_t *ends_s,
			  struct error *err) MUST_CHECK;
/* CN and first OU of the subject, "" when absent; -ENAMETOOLONG when they do not fit. */
int tls_subject(const X509 *certificate, char *cn, size_t cn_size, char *ou, size_t ou_size);

/* ECDSA P-256. */
int tls_key_new(EVP_PKEY **out, struct error *err) MUST_CHECK;
int tls_key_load(const char *path, EVP_PKEY **out, struct error *err) MUST_CHECK;
int tls_key_save(const char *path, EVP_PKEY *key, struct error *err) MUST_CHECK;	/* 0600 */
int tls_certificate_load(const char *path, X509 **out, struct error *err) MUST_CHECK;
int tls_certificate_pem(X509 *certificate, struct buf *out, struct error *err) MUST_CHECK;

/* -EINVAL: not a certificate, or one of another key. */
int tls_certificate_fits(struct span pem, EVP_PKEY *key, struct error *err) MUST_CHECK;

struct tls_subject {
	const char *cn, *ou;
	const char *const *names;	/* DNS names and IP addresses for subjectAltName; NULL-ended */
	int64_t not_before_s, days;	/* Unix time */
	bool is_ca, server, client;
};
/* Signed by issuer; issuer NULL = self-signed. Serial is random. */
int tls_certificate_new(const struct tls_subject *subject, EVP_PKEY *key, X509 *issuer,
			EVP_PKEY *issuer_key, X509 **out, struct error *err) MUST_CHECK;
/* A key and a certificate signed by it, as PEM: for a peer that has no name. Wipe `key`. */
int tls_own_key_new(struct buf *certificate, struct buf *key, struct error *err) MUST_CHECK;
/* PKCS#10 with CN; and its check: the signature must verify, only the key is taken. */
int tls_request_new(const char *cn, EVP_PKEY *key, struct buf *pem, struct error *err) MUST_CHECK;
int tls_request_key(struct span pem, EVP_PKEY **out, struct error *err) MUST_CHECK;

#endif
