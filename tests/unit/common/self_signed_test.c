/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <string.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include "common/base/text.h"
#include "common/net/self_signed.h"

static X509 *read_certificate(const struct buf *pem)
{
	BIO *bio = BIO_new_mem_buf(pem->ptr, (int)pem->len);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	assert_non_null(cert);
	return cert;
}

static void certificate_fits_its_key_and_hash(void **state)
{
	OWNED(buf_done) struct buf key_pem = BUF_LIMIT(8192), cert_pem = BUF_LIMIT(8192);
	char sha256[65], computed[65];
	uint8_t digest[32];
	time_t now = 1700000000;

	assert_int_equal(self_signed_make("sales-001", now * 1000LL, &key_pem, &cert_pem, sha256,
					  NULL), 0);
	X509 *cert = read_certificate(&cert_pem);
	BIO *bio = BIO_new_mem_buf(key_pem.ptr, (int)key_pem.len);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

	assert_int_equal(X509_check_private_key(cert, key), 1);
	assert_int_equal(X509_verify(cert, key), 1);
	assert_int_equal(X509_check_host(cert, "sales-001", 0, 0, NULL), 1);
	assert_true(X509_cmp_time(X509_get0_notBefore(cert), &now) < 0);
	assert_true(X509_cmp_time(X509_get0_notAfter(cert), &now) > 0);
	X509_digest(cert, EVP_sha256(), digest, NULL);
	hex_encode(span_of(digest, sizeof(digest)), computed);
	assert_string_equal(sha256, computed);
	EVP_PKEY_free(key);
	BIO_free(bio);
	X509_free(cert);
}

static void each_desktop_gets_another(void **state)
{
	OWNED(buf_done) struct buf key_pem = BUF_LIMIT(8192), cert_pem = BUF_LIMIT(8192);
	char first[65], second[65];
	int64_t now_ms = 1700000000000;

	assert_int_equal(self_signed_make("a", now_ms, &key_pem, &cert_pem, first, NULL), 0);
	assert_int_equal(self_signed_make("a", now_ms, &key_pem, &cert_pem, second, NULL), 0);
	assert_string_not_equal(first, second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificate_fits_its_key_and_hash),
		cmocka_unit_test(each_desktop_gets_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
