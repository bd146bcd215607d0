/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/rdp_probe_io.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include "common/sys/clock.h"
#include "common/sys/file.h"

#define ANSWER_LEN 19
#define RETRY_MS 20	/* nothing tells when another process begins to listen */

static const uint8_t connection_request[] = {
	0x03, 0x00, 0x00, 0x13,	/* TPKT, 19 bytes */
	0x0e, 0xe0, 0x00, 0x00, 0x00, 0x00, 0x00,	/* X.224 Connection Request */
	0x01, 0x00, 0x08, 0x00, 0x01, 0x00, 0x00, 0x00,	/* RDP_NEG_REQ: PROTOCOL_SSL */
};

/* TLS 1.3 (RFC 8446 4.1.2), the first suite, curve and signature that OpenSSL's clients offer. The
 * key share is the X25519 base point: nobody goes on with this handshake. */
static const uint8_t client_hello[] = {
	0x16, 0x03, 0x01, 0x00, 0x70,	/* record: handshake, 112 bytes */
	0x01, 0x00, 0x00, 0x6c, 0x03, 0x03,	/* ClientHello, 108 bytes */
	[11 + 32] = 0x00,	/* after its random: no session */
	0x00, 0x02, 0x13, 0x02, 0x01, 0x00,	/* TLS_AES_256_GCM_SHA384, no compression */
	0x00, 0x41,	/* extensions, 65 bytes */
	0x00, 0x2b, 0x00, 0x03, 0x02, 0x03, 0x04,	/* supported_versions */
	0x00, 0x0a, 0x00, 0x04, 0x00, 0x02, 0x00, 0x1d,	/* supported_groups: x25519 */
	0x00, 0x0d, 0x00, 0x04, 0x00, 0x02, 0x04, 0x03,	/* ecdsa_secp256r1_sha256 */
	0x00, 0x33, 0x00, 0x26, 0x00, 0x24, 0x00, 0x1d, 0x00, 0x20, 0x09,	/* key_share */
	[116] = 0x00,
};

static bool chose_tls(const uint8_t *in)
{
	static const uint8_t negotiated[] = { 0x08, 0x00, 0x01, 0x00, 0x00, 0x00 };

	return in[0] == 0x03 && in[5] == 0xd0 && in[11] == 0x02 &&
	       memcmp(in + 13, negotiated, sizeof(negotiated)) == 0;
}

/* Waits for `events` until the deadline. */
static bool ready(int fd, short events, int64_t deadline_ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left_ms = deadline_ms - clock_monotonic_ms();

	return left_ms > 0 && poll(&p, 1, (int)left_ms) > 0;
}

/* On loopback connect answers at once, one way or the other. */
static int dial(int port)
{
	OWNED_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -1;
	return steal_fd(&fd);
}

/* Asks the kernel and not the server, which would start a child for us: beside a listener even an
 * address that may be used again is refused. */
bool rdp_listens(int port)
{
	OWNED_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int on = 1;

	return fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	       bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 && errno == EADDRINUSE;
}

/* A connection on which it has chosen TLS, or -1. */
static int ask(int port, int64_t deadline_ms)
{
	OWNED_FD int fd = dial(port);
	uint8_t answer[ANSWER_LEN];
	size_t got = 0;

	if (fd < 0)
		return -1;
	if (send(fd, connection_request, sizeof(connection_request), MSG_NOSIGNAL) !=
	    sizeof(connection_request))
		return -1;
	while (got < sizeof(answer)) {
		ssize_t n;

		if (!ready(fd, POLLIN, deadline_ms))
			return -1;
		n = recv(fd, answer + got, sizeof(answer) - got, 0);
		if (n <= 0)
			return -1;
		got += (size_t)n;
	}
	return chose_tls(answer) ? steal_fd(&fd) : -1;
}

static bool answers(int port, int64_t deadline_ms)
{
	OWNED_FD int fd = ask(port, deadline_ms);

	return fd >= 0;
}

int rdp_probe(int port, int64_t timeout_ms, struct error *err)
{
	int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;

	while (!answers(port, deadline_ms)) {
		if (clock_monotonic_ms() + RETRY_MS >= deadline_ms)
			return error_set(err, ETIMEDOUT, "the RDP server did not answer in %d s",
					 (int)(timeout_ms / 1000));
		poll(NULL, 0, RETRY_MS);
	}
	return 0;
}

/* OpenSSL sends its part of the handshake at once, when all of it is made. */
int rdp_rehearse(int port, int64_t timeout_ms, struct error *err)
{
	int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
	OWNED_FD int fd = ask(port, deadline_ms);
	uint8_t type = 0;

	if (fd < 0 || send(fd, client_hello, sizeof(client_hello), MSG_NOSIGNAL) < 0 ||
	    !ready(fd, POLLIN, deadline_ms) || recv(fd, &type, 1, 0) != 1)
		return error_set(err, EPROTO, "the RDP server did not answer");
	return type == client_hello[0] ? 0 : error_set(err, EPROTO, "the RDP server refused TLS");
}
