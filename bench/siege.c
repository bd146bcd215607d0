/* SPDX-License-Identifier: Apache-2.0 */
/* siege - holds connections to a port that never become anything: the attack of bench/besieged.
 *
 * usage: siege PORT COUNT SOURCES rdp|https
 *
 * COUNT connections from SOURCES loopback addresses (127.9.x.y), of four kinds in turn: one says
 * nothing; one sends the beginning of a TLS ClientHello and then a byte a second; one drips an X.224
 * request or an HTTP request in clear; one finishes its X.224 request, if that is the protocol, and
 * leaves TLS half done. One that the server closes comes again a second later. Prints "up" once all
 * have been begun; at the end of input prints one JSON object. */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include "common/base/cleanup.h"
#include "common/base/span.h"
#include "common/sys/clock.h"

#define AGAIN_MS 1000
#define TURN_MS 20
/* A server that accepts slowly is not made to look slow by a burst of ours. */
#define BEGUN_PER_TURN 100

enum manner { SILENT, DRIP_HELLO, DRIP_CLEAR, STOP_IN_HELLO, MANNERS };

struct besieger {
	int fd;	/* -1: comes again at .due_ms */
	bool connected;
	size_t said;
	int64_t due_ms;	/* of the next byte, or of the next try */
};

/* The first 64 bytes of a ClientHello that announces 512. */
static const uint8_t hello[64] = { 0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3 };
static const uint8_t x224[] = { 3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 5, 0, 0, 0 };
static const char post[] = "POST /v1/login HTTP/1.1\r\nHost: genkan\r\nContent-Length: 90000\r\nX: ";

static struct besieger *all;
static int count, sources, epoll_fd;
static bool rdp;
static uint16_t port;
static long begun, closed, refused;

static void again_later(struct besieger *b, int64_t now_ms)
{
	close(b->fd);
	b->fd = -1;
	b->due_ms = now_ms + AGAIN_MS;
}

static void begin(struct besieger *b, int64_t now_ms)
{
	int n = (int)(b - all), source = n % sources;
	struct sockaddr_in from = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(0x7f090000u + 256u * (uint32_t)(source / 200) +
					 (uint32_t)(source % 200) + 1) };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.u32 = (uint32_t)n };

	*b = (struct besieger){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
				.due_ms = now_ms + 100 };
	begun++;
	if (b->fd < 0 || bind(b->fd, (struct sockaddr *)&from, sizeof(from)) < 0)
		err(1, "connection %d", n);
	if (connect(b->fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS) {
		refused++;
		again_later(b, now_ms);
		return;
	}
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, b->fd, &e);
}

/* All it will ever say, byte by byte; what is in clear before TLS goes out at once. */
static struct span words(const struct besieger *b, size_t *at_once)
{
	enum manner manner = (enum manner)((b - all) / sources % MANNERS);

	*at_once = 0;
	switch (manner) {
	case SILENT:
	case MANNERS:
		break;
	case DRIP_HELLO:
		*at_once = 5;
		return span_of(hello, sizeof(hello));
	case DRIP_CLEAR:
		return rdp ? span_of(x224, sizeof(x224) - 1) : span_of(post, sizeof(post) - 1);
	case STOP_IN_HELLO:
		*at_once = rdp ? sizeof(x224) : sizeof(hello);
		return rdp ? span_of(x224, sizeof(x224)) : span_of(hello, sizeof(hello));
	}
	return (struct span){ 0 };
}

static void speak(struct besieger *b, int64_t now_ms)
{
	size_t at_once;
	struct span text = words(b, &at_once);
	size_t len = b->said < at_once ? at_once - b->said : 1;

	b->due_ms = now_ms + 1000;
	if (b->said + len > text.len)
		return;
	ssize_t n = send(b->fd, text.ptr + b->said, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0)
		b->said += (size_t)n;
}

static void hear(int64_t now_ms)
{
	struct epoll_event events[256];
	int n = epoll_wait(epoll_fd, events, ARRAY_LEN(events), TURN_MS);

	for (int i = 0; i < n; i++) {
		struct besieger *b = &all[events[i].data.u32];
		char rest[4096];
		ssize_t got = 1;

		while (b->fd >= 0 && got > 0)
			got = recv(b->fd, rest, sizeof(rest), MSG_DONTWAIT);
		if (b->fd >= 0 && (got == 0 || errno != EAGAIN)) {
			closed++;
			again_later(b, now_ms);
		}
	}
}

static bool input_ended(void)
{
	char rest[64];

	return recv(STDIN_FILENO, rest, sizeof(rest), MSG_DONTWAIT) == 0;
}

static int turn(int64_t now_ms)
{
	int held = 0, tries = 0;

	for (struct besieger *b = all; b < all + count; b++) {
		if (b->fd < 0 && b->due_ms <= now_ms && tries++ < BEGUN_PER_TURN)
			begin(b, now_ms);
		else if (b->fd >= 0 && b->due_ms <= now_ms)
			speak(b, now_ms);
		held += b->fd >= 0;
	}
	return held;
}

int main(int argc, char **argv)
{
	struct rlimit many;
	bool up = false;
	int held = 0;

	if (argc != 5)
		errx(64, "usage: siege PORT COUNT SOURCES rdp|https (input: a socket)");
	port = (uint16_t)atoi(argv[1]);
	count = atoi(argv[2]);
	sources = atoi(argv[3]);
	rdp = strcmp(argv[4], "rdp") == 0;
	signal(SIGPIPE, SIG_IGN);
	getrlimit(RLIMIT_NOFILE, &many);
	many.rlim_cur = many.rlim_max;
	setrlimit(RLIMIT_NOFILE, &many);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	all = xcalloc((size_t)count, sizeof(*all));
	for (int i = 0; i < count; i++)
		all[i].fd = -1;
	while (!input_ended()) {
		int64_t now_ms = clock_monotonic_ms();

		held = turn(now_ms);
		hear(now_ms);
		if (!up && begun >= count) {
			puts("up");
			fflush(stdout);
			up = true;
		}
	}
	printf("{\"connections\": %d, \"held\": %d, \"begun\": %ld, \"closed_by_server\": %ld, "
	       "\"refused\": %ld}\n", count, held, begun, closed, refused);
	free(all);
	return 0;
}
