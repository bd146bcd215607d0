/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include "common/net/tls.h"
#include "common/sys/clock.h"
#include "hostagent/rdp_check.h"
#include "hostagent/vm/spec.h"

enum { RDP_PORT = 3389, ANSWER_LEN = 19, ANSWER_MS = 10000, RETRY_MS = 20 };

static const uint8_t connection_request[] = {
	0x03, 0x00, 0x00, 0x13,	/* TPKT, 19 bytes */
	0x0e, 0xe0, 0x00, 0x00, 0x00, 0x00, 0x00,	/* X.224 Connection Request */
	0x01, 0x00, 0x08, 0x00, 0x01, 0x00, 0x00, 0x00,	/* RDP_NEG_REQ: PROTOCOL_SSL */
};

static int dial(uint32_t address, struct error *err)
{
	OWNED_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct timeval limit = { .tv_sec = ANSWER_MS / 1000 };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(RDP_PORT),
				  .sin_addr.s_addr = htonl(address) };

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return error_errno(err, "socket");
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return error_errno(err, "connect to the RDP server");
	return steal_fd(&fd);
}

static int choose_tls(int fd, struct error *err)
{
	static const uint8_t negotiated[] = { 0x08, 0x00, 0x01, 0x00, 0x00, 0x00 };
	uint8_t in[ANSWER_LEN];

	if (send(fd, connection_request, sizeof(connection_request), MSG_NOSIGNAL) < 0 ||
	    recv(fd, in, sizeof(in), MSG_WAITALL) != sizeof(in))
		return error_set(err, EPROTO, "the RDP server does not answer");
	if (in[0] != 0x03 || in[5] != 0xd0 || in[11] != 0x02 ||
	    memcmp(in + 13, negotiated, sizeof(negotiated)) != 0)
		return error_set(err, EPROTO, "the RDP server does not choose TLS");
	return 0;
}

static int compare_certificate(int fd, const char *wanted, struct error *err)
{
	OWNED(SSL_CTX_free) SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	OWNED(SSL_free) SSL *ssl = context ? SSL_new(context) : NULL;
	OWNED(X509_free) X509 *certificate = NULL;
	char sha256[VM_SHA256_SIZE];

	/* Verified below, by what the guest told over its own line. */
	if (!ssl || SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1)
		return tls_error(err, EPROTO, "TLS with the RDP server");
	certificate = SSL_get1_peer_certificate(ssl);
	if (!certificate || tls_certificate_sha256(certificate, sha256) < 0 ||
	    strcmp(sha256, wanted) != 0)
		return error_set(err, EBADMSG, "the RDP server shows another certificate");
	return 0;
}

static int try_once(uint32_t address, const char *sha256, int64_t *confirmed_ms, struct error *err)
{
	OWNED_FD int fd = dial(address, err);
	int rc = fd < 0 ? fd : choose_tls(fd, err);

	*confirmed_ms = clock_monotonic_ms();
	return rc < 0 ? rc : compare_certificate(fd, sha256, err);
}

static atomic_bool stopping;

void rdp_check_stop(void)
{
	atomic_store(&stopping, true);
}

int rdp_check(uint32_t address, const char *sha256, int64_t timeout_ms, int64_t *confirmed_ms,
	      struct error *err)
{
	int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
	int rc;

	while ((rc = try_once(address, sha256, confirmed_ms, err)) < 0 && rc != -EBADMSG &&
	       clock_monotonic_ms() < deadline_ms && !atomic_load(&stopping))
		poll(NULL, 0, RETRY_MS);	/* nothing tells when another machine listens */
	return rc;
}
