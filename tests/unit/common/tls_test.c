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

/* A client that trusts the CA, after its handshake; both ends are in memory. `suites`: NULL as usual. */
static SSL *connected(SSL_CTX *server_context, const char *ca, const char *suites)
{
	OWNED(SSL_CTX_free) SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	OWNED(SSL_free) SSL *client = NULL;
	OWNED(SSL_free) SSL *server = SSL_new(server_context);
	BIO *ends[2];
	bool done = false;

	assert_int_equal(SSL_CTX_load_verify_file(context, ca), 1);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	if (suites)
		assert_int_equal(SSL_CTX_set_ciphersuites(context, suites), 1);
	client = SSL_new(context);
	assert_int_equal(BIO_new_bio_pair(&ends[0], 0, &ends[1], 0), 1);
	SSL_set_bio(client, ends[0], ends[0]);
	SSL_set_bio(server, ends[1], ends[1]);
	for (int i = 0; i < 8 && !done; i++) {
		bool through = SSL_connect(client) == 1;

		done = SSL_accept(server) == 1 && through;
	}
	assert_true(done);
	return STEAL(client);
}

static int certificates_sent(SSL_CTX *server_context, const char *ca)
{
	OWNED(SSL_free) SSL *client = connected(server_context, ca, NULL);

	return sk_X509_num(SSL_get_peer_cert_chain(client));
}

static void agrees_on(SSL_CTX *server_context, const char *ca, const char *suites, const char *suite)
{
	OWNED(SSL_free) SSL *client = connected(server_context, ca, suites);

	assert_string_equal(SSL_get_cipher_name(client), suite);
}

static void the_suite_is_the_quickest_one(void **state)
{
	OWNED(SSL_CTX_free) SSL_CTX *server = NULL;
	struct certificates c;

	certificates_make(&c);
	assert_int_equal(
		tls_server_new(c.server, c.server_key, c.ca, TLS_PEER_KEY, 0, &server, NULL), 0);
	agrees_on(server, c.ca, NULL, "TLS_AES_128_GCM_SHA256");
	agrees_on(server, c.ca, "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384");
	agrees_on(server, c.ca, "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
		  "TLS_CHACHA20_POLY1305_SHA256");
	certificates_remove(&c);
}

static struct span read_file(const char *path, struct buf *out)
{
	assert_int_equal(file_read(path, 65536, out, NULL), 0);
	return buf_span(out);
}

static void the_chain_is_what_the_file_holds(void **state)
{
	OWNED(SSL_CTX_free) SSL_CTX *alone = NULL;
	OWNED(SSL_CTX_free) SSL_CTX *whole = NULL;
	OWNED(SSL_CTX_free) SSL_CTX *texts = NULL;
	OWNED(buf_done) struct buf chain = { 0 };
	OWNED(buf_done) struct buf key = { 0 };
	OWNED(buf_done) struct buf ca = { 0 };
	struct certificates c;

	certificates_make(&c);
	assert_int_equal(
		tls_server_new(c.server, c.server_key, c.ca, TLS_PEER_KEY, 0, &alone, NULL), 0);
	assert_int_equal(certificates_sent(alone, c.ca), 1);

	(void)read_file(c.server, &chain);
	(void)read_file(c.ca, &ca);
	buf_put_span(&chain, buf_span(&ca));
	struct tls_pem pem = { buf_span(&chain), read_file(c.server_key, &key), buf_span(&ca) };
	assert_int_equal(tls_server_from_pem(&pem, TLS_PEER_KEY, 0, &texts, NULL), 0);
	assert_int_equal(certificates_sent(texts, c.ca), 2);
	assert_int_equal(file_write(c.server, buf_span(&chain), 0644, NULL), 0);
	assert_int_equal(
		tls_server_new(c.server, c.server_key, c.ca, TLS_PEER_KEY, 0, &whole, NULL), 0);
	assert_int_equal(certificates_sent(whole, c.ca), 2);
	certificates_remove(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(subjects_and_fingerprints),
		cmocka_unit_test(requests_must_prove_their_key),
		cmocka_unit_test(a_comma_does_not_make_a_second_name),
		cmocka_unit_test(the_chain_is_what_the_file_holds),
		cmocka_unit_test(the_suite_is_the_quickest_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
