/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/relay/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "common/data/config.h"
#include "common/sys/log.h"

#define BACKLOG 512
/* Accepted per turn of the loop, so that a flood does not starve the sessions' requests. */
#define ACCEPT_BATCH 32
/* Without descriptors accept(2) would be ready for ever: wait before the next try. */
#define PAUSE_MS 100

struct listener {
	int fd;
	struct loop_fd *watch;
	struct loop_timer *pause;
	listener_fn *fn;
	void *arg;
};

static void set_option(int fd, int level, int option, int value)
{
	(void)setsockopt(fd, level, option, &value, sizeof(value));
}

void socket_tune(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 15);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
}

static bool describe(const struct sockaddr_storage *from, struct client_address *out)
{
	*out = (struct client_address){ .text = "" };
	if (from->ss_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;

		out->source = source_of_ipv4((const uint8_t *)&v4->sin_addr);
		return inet_ntop(AF_INET, &v4->sin_addr, out->text, sizeof(out->text));
	}
	if (from->ss_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;

		out->source = source_of_ipv6(v6->sin6_addr.s6_addr);
		return inet_ntop(AF_INET6, &v6->sin6_addr, out->text, sizeof(out->text));
	}
	return false;
}

static bool out_of_resources(int code)
{
	return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

static void pause_accepting(struct listener *l, int code)
{
	log_warn("accept_paused", kv_str("error", strerror(code)));
	loop_fd_set(l->watch, 0);
	loop_timer_start(l->pause, PAUSE_MS);
}

static void resume_accepting(void *arg)
{
	struct listener *l = arg;

	loop_fd_set(l->watch, LOOP_READ);
}

static void on_ready(void *arg, int listening, unsigned events)
{
	struct listener *l = arg;

	for (int i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		struct client_address address;
		OWNED_FD int fd = accept4(listening, (struct sockaddr *)&from, &len,
					  SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0 && out_of_resources(errno))
			pause_accepting(l, errno);
		if (fd < 0)
			return;	/* all taken, or one that left already: the next event tells */
		if (!describe(&from, &address))
			continue;
		socket_tune(fd);
		l->fn(l->arg, steal_fd(&fd), &address);
	}
}

static int bind_address(const struct addrinfo *at, const char *address, struct error *err)
{
	OWNED_FD int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return error_errno(err, "socket for %s", address);
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(fd, at->ai_addr, at->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
		return error_errno(err, "listen on %s", address);
	return steal_fd(&fd);
}

DEFINE_OWNED(freeaddrinfo, struct addrinfo);

static int open_socket(const char *address, struct error *err)
{
	static const struct addrinfo hints = { .ai_flags =
						       AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
					       .ai_socktype = SOCK_STREAM };
	OWNED(freeaddrinfo) struct addrinfo *found = NULL;
	char host[256], service[8];
	uint16_t port;

	if (config_split_address(address, host, sizeof(host), &port, err) < 0)
		return -EINVAL;
	snprintf(service, sizeof(service), "%u", port);
	int n = getaddrinfo(host, service, &hints, &found);
	if (n != 0)
		return error_set(err, EINVAL, "listen on %s: %s", address, gai_strerror(n));
	return bind_address(found, address, err);
}

int listener_new(struct loop *loop, const char *address, listener_fn *fn, void *arg,
		 struct listener **out, struct error *err)
{
	int fd = open_socket(address, err);

	if (fd < 0)
		return fd;
	struct listener *l = xnew(struct listener);
	l->fd = fd;
	l->fn = fn;
	l->arg = arg;
	l->watch = loop_fd_new(loop, fd, LOOP_READ, on_ready, l);
	l->pause = loop_timer_new(loop, resume_accepting, l);
	*out = l;
	return 0;
}

void listener_free(struct listener *l)
{
	if (!l)
		return;
	loop_timer_free(l->pause);
	loop_fd_free(l->watch);
	close(l->fd);
	free(l);
}

uint16_t listener_port(const struct listener *l)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);

	if (getsockname(l->fd, (struct sockaddr *)&at, &len) < 0)
		return 0;
	return at.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&at)->sin6_port)
					: ntohs(((struct sockaddr_in *)&at)->sin_port);
}
