/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/authority.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/file.h"
#include "db/store.h"

#define CA_DAYS 3650
#define LEAF_DAYS 825
#define CLOCK_SLACK_S 3600	/* hosts whose clock is a little behind */
#define NAMES_MAX 32

struct authority {
	X509 *ca, *broker;
	EVP_PKEY *ca_key, *guest_key, *broker_key;
	int64_t host_days;
	struct buf ca_pem;
	struct buf guest_public;
};

static int join_path(char *out, size_t size, const char *dir, const char *name, struct error *err)
{
	int len = snprintf(out, size, "%s/%s", dir, name);

	if (len < 0 || (size_t)len >= size)
		return error_set(err, ENAMETOOLONG, "broker.state_dir: the path is too long");
	return 0;
}

int authority_paths(const struct broker_config *config, struct authority_paths *out,
		    struct error *err)
{
	struct {
		char *path;
		const char *name;
	} files[] = {
		{ out->ca_crt, "ca.crt" },	 { out->ca_key, "ca.key" },
		{ out->broker_crt, "broker.crt" }, { out->broker_key, "broker.key" },
		{ out->admin_crt, "admin.crt" }, { out->admin_key, "admin.key" },
		{ out->guest_key, "guest-signing.key" }, { out->store, "broker.db" },
		{ out->factor_keys, "second-factor.keys" },
	};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		int rc = join_path(files[i].path, sizeof(out->ca_crt), config->state_dir,
				   files[i].name, err);
		if (rc < 0)
			return rc;
	}
	if (!*config->certificate)
		return 0;
	int rc = str_copy(out->broker_crt, sizeof(out->broker_crt), config->certificate);
	if (rc == 0)
		rc = str_copy(out->broker_key, sizeof(out->broker_key), config->key);
	return rc < 0 ? error_set(err, -rc, "broker.certificate: the path is too long") : 0;
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static int save_certificate(const char *path, X509 *certificate, struct error *err)
{
	OWNED(buf_done) struct buf pem = { 0 };
	int rc = tls_certificate_pem(certificate, &pem, err);

	return rc < 0 ? rc : file_write(path, buf_span(&pem), 0644, err);
}

static int make_ca(const struct authority_paths *paths, struct buf *made, struct error *err)
{
	OWNED(EVP_PKEY_free) EVP_PKEY *key = NULL;
	OWNED(X509_free) X509 *certificate = NULL;
	struct tls_subject subject = {
		.cn = "Genkan CA",
		.not_before_s = clock_wall_ms() / 1000 - CLOCK_SLACK_S,
		.days = CA_DAYS,
		.is_ca = true,
	};

	if (exists(paths->ca_crt) && exists(paths->ca_key))
		return 0;
	if (exists(paths->ca_crt) || exists(paths->ca_key))
		return error_set(err, EEXIST, "only one of %s and %s is there; restore the other",
				 paths->ca_crt, paths->ca_key);

	int rc = tls_key_new(&key, err);
	if (rc == 0)
		rc = tls_certificate_new(&subject, key, NULL, NULL, &certificate, err);
	if (rc == 0)
		rc = tls_key_save(paths->ca_key, key, err);
	if (rc == 0)
		rc = save_certificate(paths->ca_crt, certificate, err);
	if (rc == 0)
		buf_printf(made, "%s\n", paths->ca_crt);
	return rc;
}

/* A key and a certificate by the CA, both written anew. */
static int make_leaf(const struct authority_paths *paths, const struct tls_subject *subject,
		     const char *crt_path, const char *key_path, struct buf *made,
		     struct error *err)
{
	OWNED(EVP_PKEY_free) EVP_PKEY *ca_key = NULL;
	OWNED(EVP_PKEY_free) EVP_PKEY *key = NULL;
	OWNED(X509_free) X509 *ca = NULL;
	OWNED(X509_free) X509 *certificate = NULL;
	int rc = tls_key_load(paths->ca_key, &ca_key, err);

	if (rc == 0)
		rc = tls_certificate_load(paths->ca_crt, &ca, err);
	if (rc == 0)
		rc = tls_key_new(&key, err);
	if (rc == 0)
		rc = tls_certificate_new(subject, key, ca, ca_key, &certificate, err);
	if (rc == 0)
		rc = tls_key_save(key_path, key, err);
	if (rc == 0)
		rc = save_certificate(crt_path, certificate, err);
	if (rc == 0)
		buf_printf(made, "%s\n", crt_path);
	return rc;
}

static bool certificate_names(X509 *certificate, const char *name)
{
	return X509_check_ip_asc(certificate, name, 0) == 1 ||
	       X509_check_host(certificate, name, 0, X509_CHECK_FLAG_NO_WILDCARDS, NULL) == 1;
}

static bool certificate_covers(const char *path, const char *const *names)
{
	OWNED(X509_free) X509 *certificate = NULL;

	if (!exists(path) || tls_certificate_load(path, &certificate, NULL) < 0)
		return false;
	for (; *names; names++)
		if (!certificate_names(certificate, *names))
			return false;
	return true;
}

static size_t split_names(char *text, const char **names, size_t max)
{
	char *rest = NULL;
	size_t count = 0;

	for (char *name = strtok_r(text, " ,\t", &rest); name && count < max;
	     name = strtok_r(NULL, " ,\t", &rest))
		names[count++] = name;
	names[count] = NULL;
	return count;
}

static int make_broker_leaf(const struct broker_config *config,
			    const struct authority_paths *paths, bool renew, struct buf *made,
			    struct error *err)
{
	OWNED(free) char *text = xstrdup(config->names);
	const char *names[NAMES_MAX + 1];
	struct tls_subject subject = {
		.ou = "genkan-broker",
		.names = names,
		.not_before_s = clock_wall_ms() / 1000 - CLOCK_SLACK_S,
		.days = LEAF_DAYS,
		.server = true,
	};

	if (*config->certificate)
		return 0;	/* the site brings its own */
	if (split_names(text, names, NAMES_MAX) == 0)
		return error_set(err, EINVAL, "broker.names: no name is given");
	subject.cn = names[0];
	if (!renew && exists(paths->broker_key) && certificate_covers(paths->broker_crt, names))
		return 0;
	return make_leaf(paths, &subject, paths->broker_crt, paths->broker_key, made, err);
}

int authority_renew_broker(const struct broker_config *config, struct buf *made, struct error *err)
{
	struct authority_paths paths;
	int rc = authority_paths(config, &paths, err);

	return rc < 0 ? rc : make_broker_leaf(config, &paths, true, made, err);
}

static struct tls_subject admin_subject(const char *name)
{
	return (struct tls_subject){
		.cn = name,
		.ou = AUTHORITY_OU_ADMIN,
		.not_before_s = clock_wall_ms() / 1000 - CLOCK_SLACK_S,
		.days = LEAF_DAYS,
		.client = true,
	};
}

static int make_admin_leaf(const struct authority_paths *paths, struct buf *made, struct error *err)
{
	struct tls_subject subject = admin_subject("admin");

	if (exists(paths->admin_crt) && exists(paths->admin_key))
		return 0;
	return make_leaf(paths, &subject, paths->admin_crt, paths->admin_key, made, err);
}

static bool admin_name_valid(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-");

	return len > 0 && len < STORE_NAME_SIZE && !name[len] && name[0] != '.' && name[0] != '-';
}

int authority_make_admin(const struct broker_config *config, const char *name, struct buf *made,
			 struct error *err)
{
	struct tls_subject subject = admin_subject(name);
	struct authority_paths paths;
	char dir[512], crt[640], key[640];
	int rc = authority_paths(config, &paths, err);

	if (rc < 0)
		return rc;
	if (!admin_name_valid(name))
		return error_set(err, EINVAL,
				 "%s: not a name for an administrator; use a-z, 0-9, '.', '_' and '-'",
				 name);
	if (snprintf(dir, sizeof(dir), "%s/admins", config->state_dir) >= (int)sizeof(dir))
		return error_set(err, ENAMETOOLONG, "%s: too long", config->state_dir);
	snprintf(crt, sizeof(crt), "%s/%s.crt", dir, name);
	snprintf(key, sizeof(key), "%s/%s.key", dir, name);
	if (strcmp(name, "admin") == 0 || exists(crt) || exists(key))
		return error_set(err, EEXIST, "%s: there is an administrator of that name", name);
	if ((rc = file_make_dirs(dir, 0700, err)) < 0)
		return rc;
	return make_leaf(&paths, &subject, crt, key, made, err);
}

static int make_guest_key(const struct authority_paths *paths, struct buf *made, struct error *err)
{
	OWNED(EVP_PKEY_free) EVP_PKEY *key = NULL;

	if (exists(paths->guest_key))
		return 0;
	key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (!key)
		return tls_error(err, EIO, "make a signing key");
	int rc = tls_key_save(paths->guest_key, key, err);
	if (rc == 0)
		buf_printf(made, "%s\n", paths->guest_key);
	return rc;
}

int authority_init(const struct broker_config *config, struct buf *made, struct error *err)
{
	struct authority_paths paths;
	int rc = authority_paths(config, &paths, err);

	if (rc == 0)
		rc = file_make_dirs(config->state_dir, 0700, err);
	if (rc == 0)
		rc = make_ca(&paths, made, err);
	if (rc == 0)
		rc = make_broker_leaf(config, &paths, false, made, err);
	if (rc == 0)
		rc = make_admin_leaf(&paths, made, err);
	if (rc == 0)
		rc = make_guest_key(&paths, made, err);
	return rc;
}

static int encode_public_key(struct authority *a, struct error *err)
{
	uint8_t raw[32];
	size_t len = sizeof(raw);

	if (EVP_PKEY_get_base_id(a->guest_key) != EVP_PKEY_ED25519 ||
	    EVP_PKEY_get_raw_public_key(a->guest_key, raw, &len) != 1 || len != sizeof(raw))
		return error_set(err, EINVAL, "guest-signing.key: not an Ed25519 key");
	base64_encode(span_of(raw, sizeof(raw)), &a->guest_public);
	return 0;
}

int authority_open(const struct broker_config *config, struct authority **out, struct error *err)
{
	OWNED(authority_free) struct authority *a = xnew(struct authority);
	struct authority_paths paths;
	int rc = authority_paths(config, &paths, err);

	a->host_days = config->host_certificate_days;
	if (rc == 0)
		rc = tls_certificate_load(paths.ca_crt, &a->ca, err);
	if (rc == 0)
		rc = tls_key_load(paths.ca_key, &a->ca_key, err);
	if (rc == 0)
		rc = tls_certificate_load(paths.broker_crt, &a->broker, err);
	if (rc == 0)
		rc = tls_key_load(paths.broker_key, &a->broker_key, err);
	if (rc == 0)
		rc = tls_key_load(paths.guest_key, &a->guest_key, err);
	if (rc == 0)
		rc = tls_certificate_pem(a->ca, &a->ca_pem, err);
	if (rc == 0)
		rc = encode_public_key(a, err);
	if (rc < 0)
		return rc;
	*out = STEAL(a);
	return 0;
}

void authority_free(struct authority *a)
{
	if (!a)
		return;
	X509_free(a->ca);
	EVP_PKEY_free(a->ca_key);
	X509_free(a->broker);
	EVP_PKEY_free(a->broker_key);
	EVP_PKEY_free(a->guest_key);
	buf_done(&a->ca_pem);
	buf_done(&a->guest_public);
	free(a);
}

int authority_sign_host(struct authority *a, const char *name, struct span csr_pem, int64_t now_s,
			struct buf *certificate_pem, struct error *err)
{
	OWNED(EVP_PKEY_free) EVP_PKEY *key = NULL;
	OWNED(X509_free) X509 *certificate = NULL;
	struct tls_subject subject = {
		.cn = name,
		.ou = AUTHORITY_OU_HOST,
		.not_before_s = now_s - CLOCK_SLACK_S,
		.days = a->host_days,
		.client = true,
	};
	int rc = tls_request_key(csr_pem, &key, err);

	if (rc == 0)
		rc = tls_certificate_new(&subject, key, a->ca, a->ca_key, &certificate, err);
	if (rc == 0)
		rc = tls_certificate_pem(certificate, certificate_pem, err);
	return rc;
}

int authority_take_broker(struct authority *a, const struct authority_paths *paths,
			  struct error *err)
{
	OWNED(X509_free) X509 *certificate = NULL;
	OWNED(EVP_PKEY_free) EVP_PKEY *key = NULL;
	int rc = tls_certificate_load(paths->broker_crt, &certificate, err);

	if (rc == 0)
		rc = tls_key_load(paths->broker_key, &key, err);
	if (rc < 0)
		return rc;
	X509_free(a->broker);
	EVP_PKEY_free(a->broker_key);
	a->broker = STEAL(certificate);
	a->broker_key = STEAL(key);
	return 0;
}

X509 *authority_broker_certificate(struct authority *a)
{
	return a->broker;
}

EVP_PKEY *authority_broker_key(struct authority *a)
{
	return a->broker_key;
}

X509 *authority_ca(struct authority *a)
{
	return a->ca;
}

const char *authority_ca_pem(struct authority *a)
{
	return buf_text(&a->ca_pem);
}

EVP_PKEY *authority_guest_key(struct authority *a)
{
	return a->guest_key;
}

const char *authority_guest_public_key(struct authority *a)
{
	return buf_text(&a->guest_public);
}
