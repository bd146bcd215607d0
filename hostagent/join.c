/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "common/base/secret.h"
#include "common/net/http_client.h"
#include "common/net/tls.h"
#include "common/sys/clock.h"
#include "common/sys/file.h"
#include "common/sys/log.h"
#include "hostagent/join.h"

enum { JOIN_MS = 20000, PEM_SIZE = 16384, RELAY_DAYS = 3650 };

static int ask_broker(struct http_client *broker, const char *path, const json_t *request,
		      char certificate[PEM_SIZE], struct error *err)
{
	OWNED(http_result_done) struct http_result result = { 0 };
	int rc = http_request(broker, "POST", path, request, JOIN_MS, &result, err);

	if (rc < 0)
		return rc;
	if (result.status != 200)
		return http_result_problem(&result, err);
	if (!result.body)
		return error_set(err, EPROTO, "the broker's answer is empty");
	return json_get_text(result.body, "certificate_pem", certificate, PEM_SIZE, err);
}

/* That both are there, the certificate tells: it is written last, and takes its place last. */
int join_finish(const struct hostagent_config *config, struct error *err)
{
	struct path next = host_path(config, HOST_CERTIFICATE_NEXT);
	struct path next_key = host_path(config, HOST_KEY_NEXT);

	if (access(next.text, F_OK) < 0)
		return 0;
	if (rename(next_key.text, host_path(config, HOST_KEY).text) < 0 && errno != ENOENT)
		return error_errno(err, "rename %s", next_key.text);
	if (rename(next.text, host_path(config, HOST_CERTIFICATE).text) < 0)
		return error_errno(err, "rename %s", next.text);
	return 0;
}

static int keep(const struct hostagent_config *config, EVP_PKEY *key, const char *certificate,
		struct error *err)
{
	int rc = tls_certificate_fits(span_text(certificate), key, err);

	if (rc < 0 || (rc = tls_key_save(host_path(config, HOST_KEY_NEXT).text, key, err)) < 0 ||
	    (rc = file_write(host_path(config, HOST_CERTIFICATE_NEXT).text, span_text(certificate),
			     0644, err)) < 0)
		return rc;
	return join_finish(config, err);
}

/* Makes a key and has it certified by what `request` asks; the key stays here. */
static int certify(const struct hostagent_config *config, struct http_client *broker,
		   const char *path, json_t *request, struct error *err)
{
	OWNED(EVP_PKEY_free) EVP_PKEY *key = NULL;
	OWNED(buf_done) struct buf csr = { 0 };
	char certificate[PEM_SIZE];
	int rc;

	if ((rc = join_finish(config, err)) < 0 || (rc = tls_key_new(&key, err)) < 0 ||
	    (rc = tls_request_new(config->name, key, &csr, err)) < 0)
		return rc;
	json_object_set_new(request, "csr_pem", json_string(buf_text(&csr)));
	if ((rc = ask_broker(broker, path, request, certificate, err)) < 0)
		return rc;
	return keep(config, key, certificate, err);
}

int join_broker(const struct hostagent_config *config, const char *token_file, struct error *err)
{
	const struct http_client_config to = { .address = config->broker,
					       .ca_file = config->ca_file };
	OWNED(http_client_free) struct http_client *broker = NULL;
	OWNED(secret_wipe) struct secret token = { 0 };
	OWNED(json_decref) json_t *request = NULL;
	int rc = file_read_secret(token_file, &token, err);

	if (rc < 0 || (rc = file_make_dirs(config->state_dir, 0755, err)) < 0)
		return rc;
	request = json_pack("{s:s%, s:s}", "token", (const char *)token.bytes, token.len, "name",
			    config->name);
	if (!request)
		return error_set(err, EINVAL, "%s: the token is not text", token_file);
	rc = http_client_new(&to, &broker, err);
	if (rc == 0)
		rc = certify(config, broker, "/agent/v1/join", request, err);
	if (rc < 0)
		return error_prefix(err, "join %s", config->broker);
	log_info("host_joined", kv_str("name", config->name), kv_str("broker", config->broker));
	return 0;
}

int join_renew(const struct hostagent_config *config, struct http_client *broker, struct error *err)
{
	OWNED(json_decref) json_t *request = json_object();

	return certify(config, broker, "/agent/v1/certificate", request, err);
}

int relay_certificate_ensure(const struct hostagent_config *config, struct error *err)
{
	struct path certificate_path = host_path(config, RELAY_CERTIFICATE);
	const struct tls_subject subject = { .cn = config->name, .ou = "genkan-relay",
					     .not_before_s = clock_wall_ms() / 1000 - 3600,
					     .days = RELAY_DAYS, .server = true };
	OWNED(EVP_PKEY_free) EVP_PKEY *key = NULL;
	OWNED(X509_free) X509 *certificate = NULL;
	OWNED(buf_done) struct buf pem = { 0 };
	int rc;

	if (access(certificate_path.text, F_OK) == 0)
		return 0;
	if ((rc = file_make_dirs(config->state_dir, 0755, err)) < 0 ||
	    (rc = tls_key_new(&key, err)) < 0 ||
	    (rc = tls_certificate_new(&subject, key, NULL, NULL, &certificate, err)) < 0 ||
	    (rc = tls_certificate_pem(certificate, &pem, err)) < 0 ||
	    (rc = tls_key_save(host_path(config, RELAY_KEY).text, key, err)) < 0)
		return rc;
	return file_write(certificate_path.text, buf_span(&pem), 0644, err);
}
