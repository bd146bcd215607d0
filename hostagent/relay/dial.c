/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/relay/dial.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include "hostagent/relay/listener.h"

struct dial {
	int fd;
	int failure;
	struct loop_fd *watch;
	struct loop_timer *timer;
	dial_fn *fn;
	void *arg;
};

DEFINE_OWNED(freeaddrinfo, struct addrinfo);

static void finish(struct dial *d, int failure)
{
	int fd = failure ? failure : steal_fd(&d->fd);

	loop_fd_free(d->watch);
	d->watch = NULL;
	loop_timer_stop(d->timer);
	d->fn(d->arg, fd);
}

static void on_connected(void *arg, int fd, unsigned events)
{
	int code = 0;
	socklen_t len = sizeof(code);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
		code = errno;
	finish(arg, -code);
}

static void on_timer(void *arg)
{
	struct dial *d = arg;

	finish(d, d->failure ? d->failure : -ETIMEDOUT);
}

static int begin(struct dial *d, const char *address, uint16_t port)
{
	static const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM };
	OWNED(freeaddrinfo) struct addrinfo *at = NULL;
	char service[8];

	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(address, service, &hints, &at) != 0)
		return -EINVAL;
	d->fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (d->fd < 0)
		return -errno;
	socket_tune(d->fd);
	if (connect(d->fd, at->ai_addr, at->ai_addrlen) < 0 && errno != EINPROGRESS)
		return -errno;
	return 0;
}

struct dial *dial_new(struct loop *loop, const char *address, uint16_t port, int64_t timeout_ms,
		      dial_fn *fn, void *arg)
{
	struct dial *d = xnew(struct dial);

	d->fd = -1;
	d->fn = fn;
	d->arg = arg;
	d->timer = loop_timer_new(loop, on_timer, d);
	d->failure = begin(d, address, port);
	if (d->failure == 0)
		d->watch = loop_fd_new(loop, d->fd, LOOP_WRITE, on_connected, d);
	loop_timer_start(d->timer, d->failure ? 0 : timeout_ms);
	return d;
}

void dial_free(struct dial *d)
{
	if (!d)
		return;
	loop_fd_free(d->watch);
	loop_timer_free(d->timer);
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}
