/* SPDX-License-Identifier: Apache-2.0 */
/* authority.h - the broker's own keys: a small CA for hosts, admins and itself, and the key that
 * signs guest credentials. Made once by `genkan-broker --init`, kept in the state folder. */
#ifndef GENKAN_BROKER_AUTHORITY_H
#define GENKAN_BROKER_AUTHORITY_H

#include "broker/config.h"
#include "common/net/tls.h"

#define AUTHORITY_OU_HOST "genkan-host"
#define AUTHORITY_OU_ADMIN "genkan-admin"

struct authority_paths {
	char ca_crt[512], ca_key[512], broker_crt[512], broker_key[512];
	char admin_crt[512], admin_key[512], guest_key[512], store[512];
	char factor_keys[512];
};

int authority_paths(const struct broker_config *config, struct authority_paths *out,
		    struct error *err) MUST_CHECK;

/* Makes what is missing and leaves what is there; `made` gets a line per file made. A broker
 * certificate of ours that lacks one of the configured names is made again. */
int authority_init(const struct broker_config *config, struct buf *made,
		   struct error *err) MUST_CHECK;

/* Another admin certificate, NAME.crt and NAME.key in the state folder's admins/. -EEXIST: there is
 * one of that name. */
int authority_make_admin(const struct broker_config *config, const char *name, struct buf *made,
			 struct error *err) MUST_CHECK;

/* The broker's own certificate anew, with a new key; the site's is not touched. */
int authority_renew_broker(const struct broker_config *config, struct buf *made,
			   struct error *err) MUST_CHECK;

struct authority;

int authority_open(const struct broker_config *config, struct authority **out,
		   struct error *err) MUST_CHECK;
void authority_free(struct authority *authority);
DEFINE_OWNED(authority_free, struct authority);

/* Signs a host's request: CN is `name` whatever the request says, OU is genkan-host. PEM out. */
int authority_sign_host(struct authority *authority, const char *name, struct span csr_pem,
			int64_t now_s, struct buf *certificate_pem, struct error *err) MUST_CHECK;
/* The files have changed: what is signed from now on is signed with the new ones. */
int authority_take_broker(struct authority *authority, const struct authority_paths *paths,
			  struct error *err) MUST_CHECK;
/* The certificate shown to clients and its key: it signs what is given to them as well. */
X509 *authority_broker_certificate(struct authority *authority);
EVP_PKEY *authority_broker_key(struct authority *authority);
X509 *authority_ca(struct authority *authority);
const char *authority_ca_pem(struct authority *authority);
EVP_PKEY *authority_guest_key(struct authority *authority);
/* Base64 of the 32 raw bytes. */
const char *authority_guest_public_key(struct authority *authority);

#endif
