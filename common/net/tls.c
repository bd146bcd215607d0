/* SPDX-License-Identifier: Apache-2.0 */
#include "common/net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include "common/base/text.h"
#include "common/sys/file.h"

/* The suite with SHA-256 first (RFC 8446 9.1: the one all have): processors have instructions for it,
 * and a handshake hashes more than it encrypts. A client that puts ChaCha20 first has no AES built in. */
#define SUITES "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

DEFINE_OWNED(BIO_free_all, BIO);
DEFINE_OWNED(X509_REQ_free, X509_REQ);

int tls_error(struct error *err, int code, const char *fmt, ...)
{
	char what[200], why[160] = "";
	unsigned long queued = ERR_peek_last_error();
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	if (queued)
		ERR_error_string_n(queued, why, sizeof(why));
	ERR_clear_error();
	return error_set(err, code, "%s%s%s", what, queued ? ": " : "", why);
}

static int verify_mode(enum tls_peer peer)
{
	switch (peer) {
	case TLS_PEER_NONE:
		return SSL_VERIFY_NONE;
	case TLS_PEER_OPTIONAL:
	case TLS_PEER_KEY:
		return SSL_VERIFY_PEER;
	case TLS_PEER_REQUIRED:
		return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	}
	abort();
}

/* The signature of the handshake is checked in any case. */
static int let_own_key_in(int verified, X509_STORE_CTX *ctx)
{
	return verified || (X509_STORE_CTX_get_error_depth(ctx) == 0 &&
			    X509_STORE_CTX_get_error(ctx) == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
}

static SSL_CTX *server_context(int min_version)
{
	OWNED(SSL_CTX_free) SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx || SSL_CTX_set_ciphersuites(ctx, SUITES) != 1)
		return NULL;
	SSL_CTX_set_min_proto_version(ctx, min_version ? min_version : TLS1_3_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	/* The chain is what the file holds. Without NO_AUTO_CHAIN it would be looked for among the
	 * CAs of clients, and verified, in each handshake, and the client be sent a root it has. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
			      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
	/* Resumption saves a server nothing with ECDSA keys, and a ticket is one secret more. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set1_groups_list(ctx, "X25519:P-256");
	return STEAL(ctx);
}

static void set_verify(SSL_CTX *ctx, enum tls_peer peer)
{
	SSL_CTX_set_verify(ctx, verify_mode(peer), peer == TLS_PEER_KEY ? let_own_key_in : NULL);
}

int tls_server_new(const char *certificate_file, const char *key_file, const char *ca_file,
		   enum tls_peer peer, int min_version, SSL_CTX **out, struct error *err)
{
	OWNED(SSL_CTX_free) SSL_CTX *ctx = server_context(min_version);

	if (!ctx)
		return tls_error(err, ENOMEM, "TLS");
	if (SSL_CTX_use_certificate_chain_file(ctx, certificate_file) != 1)
		return tls_error(err, EINVAL, "certificate %s", certificate_file);
	if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1)
		return tls_error(err, EINVAL, "key %s", key_file);
	if (SSL_CTX_check_private_key(ctx) != 1)
		return tls_error(err, EINVAL, "%s does not belong to %s", key_file,
				 certificate_file);
	if (peer != TLS_PEER_NONE) {
		if (!ca_file || SSL_CTX_load_verify_file(ctx, ca_file) != 1)
			return tls_error(err, EINVAL, "CA file %s", ca_file ? ca_file : "(none)");
		SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(ca_file));
	}
	set_verify(ctx, peer);
	*out = STEAL(ctx);
	return 0;
}

static X509 *next_certificate(BIO *in)
{
	X509 *certificate = PEM_read_bio_X509(in, NULL, NULL, NULL);

	ERR_clear_error();	/* the end of the text counts as one */
	return certificate;
}

static int use_chain(SSL_CTX *ctx, struct span pem)
{
	OWNED(BIO_free_all) BIO *in = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	OWNED(X509_free) X509 *own = in ? next_certificate(in) : NULL;
	X509 *more;

	if (!own || SSL_CTX_use_certificate(ctx, own) != 1)
		return -EINVAL;
	while ((more = next_certificate(in)))
		if (SSL_CTX_add0_chain_cert(ctx, more) != 1) {
			X509_free(more);
			return -EINVAL;
		}
	return 0;
}

static int use_key(SSL_CTX *ctx, struct span pem)
{
	OWNED(BIO_free_all) BIO *in = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	OWNED(EVP_PKEY_free) EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL)
						: NULL;

	return key && SSL_CTX_use_PrivateKey(ctx, key) == 1 && SSL_CTX_check_private_key(ctx) == 1
		       ? 0
		       : -EINVAL;
}

static int trust(SSL_CTX *ctx, struct span pem)
{
	OWNED(BIO_free_all) BIO *in = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	X509 *ca;
	int count = 0;

	while (in && (ca = next_certificate(in))) {
		bool taken = X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca) == 1 &&
			     SSL_CTX_add_client_CA(ctx, ca) == 1;

		X509_free(ca);
		if (!taken)
			return -EINVAL;
		count++;
	}
	return count ? 0 : -EINVAL;
}

int tls_server_from_pem(const struct tls_pem *pem, enum tls_peer peer, int min_version,
			SSL_CTX **out, struct error *err)
{
	OWNED(SSL_CTX_free) SSL_CTX *ctx = server_context(min_version);

	if (!ctx)
		return tls_error(err, ENOMEM, "TLS");
	if (use_chain(ctx, pem->certificate) < 0)
		return tls_error(err, EINVAL, "certificate");
	if (use_key(ctx, pem->key) < 0)
		return tls_error(err, EINVAL, "key");
	if (peer != TLS_PEER_NONE && trust(ctx, pem->ca) < 0)
		return tls_error(err, EINVAL, "CA");
	set_verify(ctx, peer);
	*out = STEAL(ctx);
	return 0;
}

int tls_certificate_sha256(const X509 *certificate, char *out)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (X509_digest(certificate, EVP_sha256(), digest, &len) != 1 || len != 32)
		return -EINVAL;
	hex_encode(span_of(digest, len), out);
	return 0;
}

int tls_key_sha256(const X509 *certificate, char *out)
{
	unsigned char *der = NULL;
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
	int rc = size > 0 && EVP_Digest(der, (size_t)size, digest, &len, EVP_sha256(), NULL) == 1
			 ? 0
			 : -EINVAL;

	OPENSSL_free(der);
	if (rc == 0)
		hex_encode(span_of(digest, len), out);
	return rc;
}

int tls_certificate_file_sha256(const char *path, char *out, struct error *err)
{
	OWNED(X509_free) X509 *certificate = NULL;
	int result = tls_certificate_load(path, &certificate, err);

	return result < 0 ? result : tls_certificate_sha256(certificate, out);
}

static int say_expired(const char *path, X509 *certificate, struct error *err)
{
	OWNED(BIO_free_all) BIO *text = BIO_new(BIO_s_mem());
	char *date = NULL, cn[128] = "", ou[64];

	ASN1_TIME_print(text, X509_get0_notAfter(certificate));
	long len = BIO_get_mem_data(text, &date);
	(void)!tls_subject(certificate, cn, sizeof(cn), ou, sizeof(ou));
	return error_set(err, EKEYEXPIRED, "certificate %s (%s) has expired on %.*s", path, cn,
			 (int)len, date ? date : "");
}

int tls_certificate_days(const char *path, int64_t *days, struct error *err)
{
	OWNED(X509_free) X509 *certificate = NULL;
	int whole = 0, seconds = 0;
	int rc = tls_certificate_load(path, &certificate, err);

	if (rc < 0)
		return rc;
	if (ASN1_TIME_diff(&whole, &seconds, NULL, X509_get0_notAfter(certificate)) != 1)
		return error_set(err, EINVAL, "certificate %s: the date is not valid", path);
	if (whole < 0 || seconds < 0)
		return say_expired(path, certificate, err);
	*days = whole;
	return 0;
}

static int time_of(const ASN1_TIME *time, int64_t *out)
{
	struct tm parts = { 0 };

	if (!time || ASN1_TIME_to_tm(time, &parts) != 1)
		return -EINVAL;
	*out = timegm(&parts);
	return 0;
}

int tls_certificate_times(const char *path, int64_t *begins_s, int64_t *ends_s, struct error *err)
{
	OWNED(X509_free) X509 *certificate = NULL;
	int64_t begins, ends;
	int rc = tls_certificate_load(path, &certificate, err);

	if (rc < 0)
		return rc;
	if (time_of(X509_get0_notBefore(certificate), &begins) < 0 ||
	    time_of(X509_get0_notAfter(certificate), &ends) < 0)
		return error_set(err, EINVAL, "certificate %s: the date is not valid", path);
	*begins_s = begins;
	*ends_s = ends;
	return 0;
}

static int subject_part(const X509 *certificate, int nid, char *out, size_t size)
{
	const X509_NAME *name = X509_get_subject_name(certificate);
	int at = X509_NAME_get_index_by_NID(name, nid, -1);
	unsigned char *text = NULL;
	int len, result = 0;

	out[0] = '\0';
	if (at < 0)
		return 0;
	len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	if (len < 0 || memchr(text, 0, (size_t)len))
		result = -EINVAL;
	else
		result = str_copy(out, size, (const char *)text);
	OPENSSL_free(text);
	return result;
}

int tls_subject(const X509 *certificate, char *cn, size_t cn_size, char *ou, size_t ou_size)
{
	int result = subject_part(certificate, NID_commonName, cn, cn_size);
	int second = subject_part(certificate, NID_organizationalUnitName, ou, ou_size);

	return result < 0 ? result : second;
}

int tls_key_new(EVP_PKEY **out, struct error *err)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	if (!key)
		return tls_error(err, EIO, "make an ECDSA key");
	*out = key;
	return 0;
}

int tls_key_load(const char *path, EVP_PKEY **out, struct error *err)
{
	OWNED(BIO_free_all) BIO *in = BIO_new_file(path, "r");
	EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL) : NULL;

	if (!key)
		return tls_error(err, EINVAL, "key %s", path);
	*out = key;
	return 0;
}

static int bio_save(const char *path, BIO *pem, mode_t mode, struct error *err)
{
	char *text;
	long len = BIO_get_mem_data(pem, &text);

	return file_write(path, span_of(text, (size_t)len), mode, err);
}

int tls_key_save(const char *path, EVP_PKEY *key, struct error *err)
{
	OWNED(BIO_free_all) BIO *pem = BIO_new(BIO_s_secmem());

	if (PEM_write_bio_PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL) != 1)
		return tls_error(err, EIO, "write key %s", path);
	return bio_save(path, pem, 0600, err);
}

int tls_certificate_load(const char *path, X509 **out, struct error *err)
{
	OWNED(BIO_free_all) BIO *in = BIO_new_file(path, "r");
	X509 *certificate = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;

	if (!certificate)
		return tls_error(err, EINVAL, "certificate %s", path);
	*out = certificate;
	return 0;
}

int tls_certificate_fits(struct span pem, EVP_PKEY *key, struct error *err)
{
	OWNED(BIO_free_all) BIO *in = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	OWNED(X509_free) X509 *certificate = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;

	if (!certificate || X509_check_private_key(certificate, key) != 1)
		return tls_error(err, EINVAL, "the certificate that came");
	return 0;
}

static void bio_append(BIO *pem, struct buf *out)
{
	char *text;
	long len = BIO_get_mem_data(pem, &text);

	buf_put(out, text, (size_t)len);
}

int tls_certificate_pem(X509 *certificate, struct buf *out, struct error *err)
{
	OWNED(BIO_free_all) BIO *pem = BIO_new(BIO_s_mem());

	if (PEM_write_bio_X509(pem, certificate) != 1)
		return tls_error(err, EIO, "write certificate");
	bio_append(pem, out);
	return 0;
}

static int add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;
	int result;

	X509V3_set_ctx(&ctx, issuer ? issuer : certificate, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (!extension)
		return -EINVAL;
	result = X509_add_ext(certificate, extension, -1) == 1 ? 0 : -EINVAL;
	X509_EXTENSION_free(extension);
	return result;
}

static bool is_address(const char *name)
{
	uint8_t bytes[16];

	return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

/* Built as structures, so that a comma in a configured name cannot become a second name. */
static int add_names(X509 *certificate, const char *const *names)
{
	GENERAL_NAMES *list = GENERAL_NAMES_new();
	int result = 0;

	for (; *names && result == 0; names++) {
		GENERAL_NAME *name = a2i_GENERAL_NAME(NULL, NULL, NULL,
						      is_address(*names) ? GEN_IPADD : GEN_DNS,
						      *names, 0);

		if (!name)
			result = -EINVAL;
		else
			sk_GENERAL_NAME_push(list, name);
	}
	if (result == 0 && X509_add1_ext_i2d(certificate, NID_subject_alt_name, list, 0, 0) != 1)
		result = -EINVAL;
	GENERAL_NAMES_free(list);
	return result;
}

static int add_extensions(X509 *certificate, X509 *issuer, const struct tls_subject *subject)
{
	const char *usage = subject->server && subject->client ? "serverAuth,clientAuth"
			    : subject->server ? "serverAuth" : "clientAuth";
	int result = add_extension(certificate, issuer, NID_basic_constraints,
				   subject->is_ca ? "critical,CA:TRUE,pathlen:0"
						  : "critical,CA:FALSE");

	if (result == 0)
		result = add_extension(certificate, issuer, NID_key_usage,
				       subject->is_ca ? "critical,keyCertSign,cRLSign"
						      : "critical,digitalSignature");
	if (result == 0)
		result = add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
	if (result == 0 && !subject->is_ca)
		result = add_extension(certificate, issuer, NID_ext_key_usage, usage);
	if (result == 0 && issuer)
		result = add_extension(certificate, issuer, NID_authority_key_identifier, "keyid");
	if (result == 0 && subject->names && subject->names[0])
		result = add_names(certificate, subject->names);
	return result;
}

static int set_subject(X509_NAME *name, const char *cn, const char *ou)
{
	if (ou && X509_NAME_add_entry_by_NID(name, NID_organizationalUnitName, MBSTRING_UTF8,
					     (const unsigned char *)ou, -1, -1, 0) != 1)
		return -EINVAL;
	return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
					  (const unsigned char *)cn, -1, -1, 0) == 1 ? 0 : -EINVAL;
}

static int set_serial(X509 *certificate)
{
	uint8_t bytes[16];
	BIGNUM *number;
	int result;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return -EIO;
	bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40);	/* positive, fixed length (RFC 5280 4.1.2.2) */
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	result = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) ? 0 : -EIO;
	BN_free(number);
	return result;
}

int tls_certificate_new(const struct tls_subject *subject, EVP_PKEY *key, X509 *issuer,
			EVP_PKEY *issuer_key, X509 **out, struct error *err)
{
	OWNED(X509_free) X509 *certificate = X509_new();
	time_t start = (time_t)subject->not_before_s;
	X509_NAME *name = X509_get_subject_name(certificate);

	X509_set_version(certificate, X509_VERSION_3);
	if (set_serial(certificate) < 0 || set_subject(name, subject->cn, subject->ou) < 0 ||
	    !X509_time_adj_ex(X509_getm_notBefore(certificate), 0, 0, &start) ||
	    !X509_time_adj_ex(X509_getm_notAfter(certificate), (int)subject->days, 0, &start) ||
	    X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : name) != 1 ||
	    X509_set_pubkey(certificate, key) != 1 ||
	    add_extensions(certificate, issuer, subject) < 0 ||
	    X509_sign(certificate, issuer ? issuer_key : key, EVP_sha256()) == 0)
		return tls_error(err, EINVAL, "make a certificate for %s", subject->cn);
	*out = STEAL(certificate);
	return 0;
}

int tls_own_key_new(struct buf *certificate, struct buf *key_pem, struct error *err)
{
	OWNED(EVP_PKEY_free) EVP_PKEY *key = NULL;
	OWNED(X509_free) X509 *own = NULL;
	OWNED(BIO_free_all) BIO *text = BIO_new(BIO_s_mem());
	/* good at any hour: the clocks of thin clients are what they are */
	struct tls_subject nobody = { .cn = "key", .days = 36500, .client = true };
	int rc = tls_key_new(&key, err);

	if (rc == 0)
		rc = tls_certificate_new(&nobody, key, NULL, NULL, &own, err);
	if (rc == 0)
		rc = tls_certificate_pem(own, certificate, err);
	if (rc < 0)
		return rc;
	if (PEM_write_bio_PrivateKey(text, key, NULL, NULL, 0, NULL, NULL) != 1)
		return tls_error(err, EIO, "write a key");
	bio_append(text, key_pem);
	return 0;
}

int tls_request_new(const char *cn, EVP_PKEY *key, struct buf *pem, struct error *err)
{
	OWNED(X509_REQ_free) X509_REQ *request = X509_REQ_new();
	OWNED(BIO_free_all) BIO *text = BIO_new(BIO_s_mem());

	if (set_subject(X509_REQ_get_subject_name(request), cn, NULL) < 0 ||
	    X509_REQ_set_pubkey(request, key) != 1 ||
	    X509_REQ_sign(request, key, EVP_sha256()) == 0 ||
	    PEM_write_bio_X509_REQ(text, request) != 1)
		return tls_error(err, EIO, "make a certificate request for %s", cn);
	bio_append(text, pem);
	return 0;
}

int tls_request_key(struct span pem, EVP_PKEY **out, struct error *err)
{
	OWNED(BIO_free_all) BIO *text = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	OWNED(X509_REQ_free) X509_REQ *request = NULL;
	OWNED(EVP_PKEY_free) EVP_PKEY *key = NULL;

	if (text)
		request = PEM_read_bio_X509_REQ(text, NULL, NULL, NULL);
	if (!request)
		return tls_error(err, EINVAL, "not a certificate request in PEM");
	key = X509_REQ_get_pubkey(request);
	if (!key || X509_REQ_verify(request, key) != 1)
		return tls_error(err, EINVAL, "the request is not signed by its own key");
	if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_bits(key) != 256)
		return error_set(err, EINVAL, "the request's key must be ECDSA P-256");
	*out = STEAL(key);
	return 0;
}
