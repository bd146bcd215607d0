/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/self_signed.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include "common/base/text.h"

DEFINE_OWNED(EVP_PKEY_free, EVP_PKEY);
DEFINE_OWNED(X509_free, X509);
DEFINE_OWNED(BIO_free_all, BIO);

static int fill(X509 *cert, EVP_PKEY *key, const char *common_name, int64_t now_ms)
{
	time_t now = now_ms / 1000;
	uint64_t serial;
	X509_NAME *name = X509_get_subject_name(cert);

	if (RAND_bytes((uint8_t *)&serial, sizeof(serial)) != 1)
		return -EIO;
	serial >>= 1;	/* positive in DER */
	return X509_set_version(cert, X509_VERSION_3) &&
	       ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial) &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
					  (const uint8_t *)common_name, -1, -1, 0) &&
	       X509_set_issuer_name(cert, name) &&
	       X509_time_adj_ex(X509_getm_notBefore(cert), -1, 0, &now) &&
	       X509_time_adj_ex(X509_getm_notAfter(cert), 3650, 0, &now) &&
	       X509_set_pubkey(cert, key) && X509_sign(cert, key, EVP_sha256()) > 0 ? 0 : -EIO;
}

static void take_bio(BIO *bio, struct buf *out)
{
	char *text;
	long len = BIO_get_mem_data(bio, &text);

	buf_put(out, text, (size_t)len);
}

int self_signed_make(const char *common_name, int64_t now_ms, struct buf *key_pem,
		     struct buf *certificate_pem, char *sha256, struct error *err)
{
	OWNED(EVP_PKEY_free) EVP_PKEY *key = EVP_EC_gen("P-256");
	OWNED(X509_free) X509 *cert = X509_new();
	OWNED(BIO_free_all) BIO *key_bio = BIO_new(BIO_s_secmem());
	OWNED(BIO_free_all) BIO *cert_bio = BIO_new(BIO_s_mem());
	uint8_t digest[32];

	if (!key || !cert || !key_bio || !cert_bio || fill(cert, key, common_name, now_ms) < 0 ||
	    !PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) ||
	    !PEM_write_bio_X509(cert_bio, cert) || !X509_digest(cert, EVP_sha256(), digest, NULL))
		return error_set(err, EIO, "make a certificate for %s", common_name);
	take_bio(key_bio, key_pem);
	take_bio(cert_bio, certificate_pem);
	hex_encode(span_of(digest, sizeof(digest)), sha256);
	return 0;
}
