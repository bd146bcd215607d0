/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/net/tls.h"
#include "common/sys/clock.h"
#include "hostagent/rdp_check.h"
#include "hostagent/vm/spec.h"

enum { RDP_PORT = 3389, ANSWER_LEN = 19 };

static const uint8_t connection_request[] = {
	0x03, 0x00, 0x00, 0x13,	/* TPKT, 19 bytes */
	0x0e, 0xe0, 0x00, 0x00, 0x00, 0x00, 0x00,	/* X.224 Connection Request */
	0x01, 0x00, 0x08, 0x00, 0x01, 0x00, 0x00, 0x00,	/* RDP_NEG_REQ: PROTOCOL_SSL */
};

static int stopped = -1;	/* readable once the program ends */

int rdp_check_start(struct error *err)
{
	stopped = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return stopped < 0 ? error_errno(err, "eventfd") : 0;
}

void rdp_check_stop(void)
{
	if (stopped >= 0)
		eventfd_write(stopped, 1);
}

struct talk {
	int fd;
	int64_t deadline_ms;
};

static int wait_for(const struct talk *talk, short events, struct error *err)
{
	struct pollfd p[2] = { { .fd = talk->fd, .events = events },
			       { .fd = stopped, .events = POLLIN } };
	int n;

	do {
		int64_t left_ms = talk->deadline_ms - clock_monotonic_ms();

		n = left_ms > 0 ? poll(p, 2, (int)left_ms) : 0;
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_errno(err, "wait for the RDP server");
	if (p[1].revents)
		return error_set(err, ECANCELED, "the agent ends");
	return n != 0 ? 0 : error_set(err, ETIMEDOUT, "the RDP server does not answer in time");
}

static int dial(struct talk *talk, uint32_t address, struct error *err)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(RDP_PORT),
				  .sin_addr.s_addr = htonl(address) };
	int rc, failed = 0;
	socklen_t len = sizeof(failed);

	if (connect(talk->fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)
		return error_errno(err, "connect to the RDP server");
	rc = wait_for(talk, POLLOUT, err);
	if (rc < 0)
		return rc;
	if (getsockopt(talk->fd, SOL_SOCKET, SO_ERROR, &failed, &len) < 0)
		return error_errno(err, "connect to the RDP server");
	errno = failed;
	return failed ? error_errno(err, "connect to the RDP server") : 0;
}

static int read_answer(const struct talk *talk, uint8_t out[ANSWER_LEN], struct error *err)
{
	for (size_t got = 0; got < ANSWER_LEN;) {
		ssize_t n = recv(talk->fd, out + got, ANSWER_LEN - got, 0);

		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return error_set(err, EPROTO, "the RDP server does not answer");
		if (n < 0) {
			int rc = wait_for(talk, POLLIN, err);

			if (rc < 0)
				return rc;
		} else {
			got += (size_t)n;
		}
	}
	return 0;
}

static int choose_tls(const struct talk *talk, struct error *err)
{
	static const uint8_t negotiated[] = { 0x08, 0x00, 0x01, 0x00, 0x00, 0x00 };
	uint8_t in[ANSWER_LEN];
	int rc;

	if (send(talk->fd, connection_request, sizeof(connection_request), MSG_NOSIGNAL) < 0)
		return error_errno(err, "ask the RDP server");
	rc = read_answer(talk, in, err);
	if (rc < 0)
		return rc;
	if (in[0] != 0x03 || in[5] != 0xd0 || in[11] != 0x02 ||
	    memcmp(in + 13, negotiated, sizeof(negotiated)) != 0)
		return error_set(err, EPROTO, "the RDP server does not choose TLS");
	return 0;
}

static int shake_hands(const struct talk *talk, SSL *ssl, struct error *err)
{
	for (;;) {
		int rc = SSL_connect(ssl);
		int why = SSL_get_error(ssl, rc);

		if (rc == 1)
			return 0;
		if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
			return tls_error(err, EPROTO, "TLS with the RDP server");
		rc = wait_for(talk, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, err);
		if (rc < 0)
			return rc;
	}
}

static int compare_certificate(const struct talk *talk, const char *wanted, struct error *err)
{
	OWNED(SSL_CTX_free) SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	OWNED(SSL_free) SSL *ssl = context ? SSL_new(context) : NULL;
	OWNED(X509_free) X509 *certificate = NULL;
	char sha256[VM_SHA256_SIZE];
	int rc;

	/* Verified below, by what the guest was given or told over its own line. */
	if (!ssl || SSL_set_fd(ssl, talk->fd) != 1)
		return tls_error(err, EPROTO, "TLS with the RDP server");
	rc = shake_hands(talk, ssl, err);
	if (rc < 0)
		return rc;
	certificate = SSL_get1_peer_certificate(ssl);
	if (!certificate || tls_certificate_sha256(certificate, sha256) < 0 ||
	    strcmp(sha256, wanted) != 0)
		return error_set(err, EBADMSG, "the RDP server shows another certificate");
	return 0;
}

int rdp_check(uint32_t address, const char *sha256, int64_t timeout_ms, int64_t *confirmed_ms,
	      struct error *err)
{
	OWNED_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct talk talk = { fd, clock_monotonic_ms() + timeout_ms };
	int rc = fd < 0 ? error_errno(err, "socket") : dial(&talk, address, err);

	if (rc == 0)
		rc = choose_tls(&talk, err);
	if (rc < 0)
		return rc;
	*confirmed_ms = clock_monotonic_ms();
	return compare_certificate(&talk, sha256, err);
}
