/* SPDX-License-Identifier: Apache-2.0 */
/* certificates.h - a CA, a server certificate for 127.0.0.1 and a host certificate, on disk. */
#ifndef GENKAN_TEST_CERTIFICATES_H
#define GENKAN_TEST_CERTIFICATES_H

#include "tests/unit/test.h"

#include <stdio.h>
#include <time.h>
#include "common/net/tls.h"
#include "common/sys/file.h"

struct certificates {
	char folder[64];
	char ca[96], server[96], server_key[96], client[96], client_key[96];
};

static inline void certificate_save(const char *path, X509 *certificate)
{
	OWNED(buf_done) struct buf pem = { 0 };

	assert_int_equal(tls_certificate_pem(certificate, &pem, NULL), 0);
	assert_int_equal(file_write(path, buf_span(&pem), 0644, NULL), 0);
}

static inline void certificates_make(struct certificates *c)
{
	OWNED(EVP_PKEY_free) EVP_PKEY *ca_key = NULL;
	OWNED(EVP_PKEY_free) EVP_PKEY *key = NULL;
	OWNED(EVP_PKEY_free) EVP_PKEY *client_key = NULL;
	OWNED(X509_free) X509 *ca = NULL;
	OWNED(X509_free) X509 *server = NULL;
	OWNED(X509_free) X509 *client = NULL;
	const char *names[] = { "127.0.0.1", "localhost", NULL };
	int64_t start = time(NULL) - 60;
	struct tls_subject subject = { .cn = "Test CA", .is_ca = true, .not_before_s = start, .days = 1 };

	snprintf(c->folder, sizeof(c->folder), "/tmp/genkan-certificates-XXXXXX");
	assert_non_null(mkdtemp(c->folder));
	snprintf(c->ca, sizeof(c->ca), "%s/ca.crt", c->folder);
	snprintf(c->server, sizeof(c->server), "%s/server.crt", c->folder);
	snprintf(c->server_key, sizeof(c->server_key), "%s/server.key", c->folder);
	snprintf(c->client, sizeof(c->client), "%s/client.crt", c->folder);
	snprintf(c->client_key, sizeof(c->client_key), "%s/client.key", c->folder);
	assert_int_equal(tls_key_new(&ca_key, NULL), 0);
	assert_int_equal(tls_key_new(&key, NULL), 0);
	assert_int_equal(tls_key_new(&client_key, NULL), 0);
	assert_int_equal(tls_certificate_new(&subject, ca_key, NULL, NULL, &ca, NULL), 0);
	subject = (struct tls_subject){ .cn = "server", .server = true, .names = names,
					.not_before_s = start, .days = 1 };
	assert_int_equal(tls_certificate_new(&subject, key, ca, ca_key, &server, NULL), 0);
	subject = (struct tls_subject){ .cn = "host-a", .ou = "genkan-host", .client = true,
					.not_before_s = start, .days = 1 };
	assert_int_equal(tls_certificate_new(&subject, client_key, ca, ca_key, &client, NULL), 0);
	certificate_save(c->ca, ca);
	certificate_save(c->server, server);
	certificate_save(c->client, client);
	assert_int_equal(tls_key_save(c->server_key, key, NULL), 0);
	assert_int_equal(tls_key_save(c->client_key, client_key, NULL), 0);
}

static inline void certificates_remove(struct certificates *c)
{
	assert_int_equal(file_remove_tree(c->folder, NULL), 0);
}

#endif
