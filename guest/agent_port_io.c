/* SPDX-License-Identifier: Apache-2.0 */
/* The port of QEMU's guest agent, passed on to a socket.
 *
 * While nobody is at the host's side of its port that agent looks at it ten times a second: most of
 * what an idle desktop does. On a socket it sleeps, and systemd need not start it before somebody
 * comes. A port without a host polls as hung up for ever, so that it is no use to wait in poll();
 * the kernel sends SIGIO when the host opens it. */
#include "guest/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "common/base/buf.h"
#include "guest/paths.h"

enum { CHUNK = 4096 };

/* The link outlives the host's visits: what a new host says can come before the news that the last
 * one has gone, and whoever hangs up at that would take the new one's answer away. */
struct bridge {
	int port, link;		/* to the host, to the agent; -1: closed */
	struct buf to_agent, to_host;
};

static void hang_up(struct bridge *b)
{
	owned_fd_close(&b->link);
	b->link = -1;
	buf_reset(&b->to_agent);
	buf_reset(&b->to_host);
}

static void bridge_done(struct bridge *b)
{
	hang_up(b);
	owned_fd_close(&b->port);
	buf_done(&b->to_agent);
	buf_done(&b->to_host);
}
DEFINE_OWNED_VALUE(bridge_done, struct bridge);

static int watch(int port, struct error *err)
{
	sigset_t news;

	sigemptyset(&news);
	sigaddset(&news, SIGIO);
	sigprocmask(SIG_BLOCK, &news, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (fcntl(port, F_SETOWN, getpid()) < 0 || fcntl(port, F_SETFL, O_NONBLOCK | O_ASYNC) < 0)
		return error_errno(err, "watch %s", GUEST_AGENT_PORT);
	return 0;
}

static bool host_is_there(int port)
{
	struct pollfd p = { .fd = port };

	return poll(&p, 1, 0) == 0;
}

static int wait_for_host(int port, struct error *err)
{
	sigset_t news;

	sigemptyset(&news);
	sigaddset(&news, SIGIO);
	while (!host_is_there(port))
		if (sigwaitinfo(&news, NULL) < 0 && errno != EINTR)
			return error_errno(err, "wait for the host");
	return 0;
}

static int dial(int *out, struct error *err)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = GUEST_AGENT_SOCKET };
	OWNED_FD int link = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (link < 0 || connect(link, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    fcntl(link, F_SETFL, O_NONBLOCK) < 0)
		return error_errno(err, "connect to %s", GUEST_AGENT_SOCKET);
	*out = link;
	link = -1;
	return 0;
}

/* Nothing is read before what was read is gone. Where nothing can be done not even a hang-up is
 * news: it would be told without pause. */
static struct pollfd wish(int fd, const struct buf *from, const struct buf *to)
{
	short events = (from->len == 0 ? POLLIN : 0) | (to->len > 0 ? POLLOUT : 0);

	return (struct pollfd){ .fd = events ? fd : -1, .events = events };
}

/* False: one of the ends is gone. */
static bool move(int from, int to, struct buf *bytes)
{
	ssize_t n;

	if (bytes->len == 0) {
		n = read(from, buf_reserve(bytes, CHUNK), CHUNK);
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		bytes->len = (size_t)n;
	}
	n = write(to, bytes->ptr, bytes->len);
	if (n > 0)
		buf_consume(bytes, (size_t)n);
	return n >= 0 || errno == EAGAIN;
}

/* Until the host or the agent is gone. */
static void pass(struct bridge *b)
{
	bool host_gone = false;

	for (;;) {
		struct pollfd p[2];

		if (!move(b->link, b->port, &b->to_host)) {
			hang_up(b);
			return;
		}
		if (!move(b->port, b->link, &b->to_agent) || (host_gone && b->to_agent.len > 0))
			return;
		p[0] = wish(b->port, &b->to_agent, &b->to_host);
		p[1] = wish(b->link, &b->to_host, &b->to_agent);
		if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
			return;
		host_gone = p[0].revents & POLLHUP;
	}
}

int guest_agent_port(struct error *err)
{
	OWNED(bridge_done) struct bridge b = { .port = open(GUEST_AGENT_PORT, O_RDWR | O_CLOEXEC),
					       .link = -1,
					       .to_agent = BUF_LIMIT(CHUNK),
					       .to_host = BUF_LIMIT(CHUNK) };
	int rc = b.port < 0 ? error_errno(err, "open %s", GUEST_AGENT_PORT) : watch(b.port, err);

	while (rc == 0 && (rc = wait_for_host(b.port, err)) == 0) {
		if (b.link < 0)
			rc = dial(&b.link, err);
		if (rc == 0)
			pass(&b);
	}
	return rc;
}
