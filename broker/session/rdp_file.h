/* SPDX-License-Identifier: Apache-2.0 */
/* rdp_file.h - the .rdp file with which a standard client opens one session, signed as mstsc's own
 * tool does it, so that the client can show whose it is and nobody can change it unseen.
 *
 * What keeps devices out is the relay; the file only says so beforehand, so that an honest client
 * does not offer them. Pure, but for the signature's randomness. */
#ifndef GENKAN_SESSION_RDP_FILE_H
#define GENKAN_SESSION_RDP_FILE_H

#include "common/base/buf.h"
#include "common/base/error.h"
#include "common/net/tls.h"
#include "pool/policy.h"

struct rdp_file {
	const char *host;		/* the relay */
	int64_t port;
	const char *locator, *secret;	/* base64url */
	const char *user;		/* for the eye: only the secret behind it counts */
	const struct pool_policy *policy;
	bool drives;			/* an exception is in force */
};

struct rdp_signer {
	X509 *certificate;
	EVP_PKEY *key;
	X509 *issuer;	/* goes along; NULL: none */
};

int rdp_file_write(const struct rdp_file *file, const struct rdp_signer *signer, struct buf *out,
		   struct error *err) MUST_CHECK;

#endif
