/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/common/certificates.h"

#include <errno.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

static void subjects_and_fingerprints(void **state)
{
	struct certificates c;
	OWNED(X509_free) X509 *client = NULL;
	char cn[32], ou[32], one[65], two[65];
	struct stat st;

	certificates_make(&c);
	assert_int_equal(tls_certificate_load(c.client, &client, NULL), 0);
	assert_int_equal(tls_subject(client, cn, sizeof(cn), ou, sizeof(ou)), 0);
	assert_string_equal(cn, "host-a");
	assert_string_equal(ou, "genkan-host");
	assert_int_equal(tls_certificate_sha256(client, one), 0);
	assert_int_equal(tls_certificate_file_sha256(c.client, two, NULL), 0);
	assert_string_equal(one, two);
	assert_int_equal(stat(c.client_key, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	certificates_remove(&c);
}

static void requests_must_prove_their_key(void **state)
{
	OWNED(EVP_PKEY_free) EVP_PKEY *key = NULL;
	OWNED(EVP_PKEY_free) EVP_PKEY *back = NULL;
	OWNED(EVP_PKEY_free) EVP_PKEY *none = NULL;
	OWNED(buf_done) struct buf pem = { 0 };
	struct error err;

	assert_int_equal(tls_key_new(&key, NULL), 0);
	assert_int_equal(tls_request_new("host-a", key, &pem, NULL), 0);
	assert_int_equal(tls_request_key(buf_span(&pem), &back, &err), 0);
	assert_int_equal(EVP_PKEY_eq(key, back), 1);
	pem.ptr[pem.len / 2] ^= 1;
	assert_int_equal(tls_request_key(buf_span(&pem), &none, &err), -EINVAL);
	assert_int_equal(tls_request_key(SPAN_LITERAL("x"), &none, &err), -EINVAL);
}

static void a_comma_does_not_make_a_second_name(void **state)
{
	OWNED(EVP_PKEY_free) EVP_PKEY *key = NULL;
	OWNED(X509_free) X509 *certificate = NULL;
	const char *names[] = { "good.example", "a,DNS:evil.example", NULL };
	struct tls_subject subject = { .cn = "x", .server = true, .names = names, .days = 1 };

	assert_int_equal(tls_key_new(&key, NULL), 0);
	assert_int_equal(tls_certificate_new(&subject, key, NULL, NULL, &certificate, NULL), 0);
	assert_int_equal(X509_check_host(certificate, "good.example", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(certificate, "evil.example", 0, 0, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(subjects_and_fingerprints),
		cmocka_unit_test(requests_must_prove_their_key),
		cmocka_unit_test(a_comma_does_not_make_a_second_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
