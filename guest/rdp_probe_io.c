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

static bool answers(int port, int64_t deadline_ms)
{
	OWNED_FD int fd = dial(port);
	uint8_t answer[ANSWER_LEN];
	size_t got = 0;

	if (fd < 0)
		return false;
	if (send(fd, connection_request, sizeof(connection_request), MSG_NOSIGNAL) !=
	    sizeof(connection_request))
		return false;
	while (got < sizeof(answer)) {
		ssize_t n;

		if (!ready(fd, POLLIN, deadline_ms))
			return false;
		n = recv(fd, answer + got, sizeof(answer) - got, 0);
		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	return chose_tls(answer);
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
