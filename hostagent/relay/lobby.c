/* SPDX-License-Identifier: Apache-2.0 */
/* SO_RCVLOWAT lets poll(2) sleep until all of the request is in the socket: a client that drips its
 * bytes wakes nobody up. */
#include "hostagent/relay/lobby.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include "common/base/list.h"
#include "common/sys/clock.h"

#define SWEEP_MS 500
/* Awaited of one that is no RDP client: no request is that long. */
#define TOO_MUCH 4096

struct visitor {
	struct list link;
	struct lobby *lobby;
	int fd;
	struct client_address from;
	struct loop_fd *watch;
	size_t awaited;	/* bytes that must be in the socket */
	int64_t until_ms;
	const char *why;	/* it will be sent away */
};

struct lobby {
	struct loop *loop;
	struct loop_timer *sweep;
	struct admission *admission;
	struct lobby_events events;
	void *arg;
	size_t count;
	struct list visitors;	/* oldest first */
};

static void await_bytes(struct visitor *v, size_t count)
{
	int low = (int)count;

	v->awaited = count;
	(void)setsockopt(v->fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low));
}

/* The descriptor is the caller's. */
static int leave(struct visitor *v)
{
	int fd = v->fd;

	loop_fd_free(v->watch);
	list_remove(&v->link);
	v->lobby->count--;
	admission_leave(v->lobby->admission, v->from.source, true);
	free(v);
	return fd;
}

static void send_away(struct visitor *v, const char *why)
{
	struct lobby *lobby = v->lobby;
	struct client_address from = v->from;

	close(leave(v));
	lobby->events.refused(lobby->arg, &from, why);
}

static void go_on(struct visitor *v)
{
	struct lobby *lobby = v->lobby;
	struct client_address from = v->from;

	await_bytes(v, 1);
	lobby->events.ready(lobby->arg, leave(v), &from);
}

/* Whoever is sent away at once comes back at once: it stays until it leaves or goes on talking. */
static void let_wait(struct visitor *v)
{
	v->why = "not_rdp";
	await_bytes(v, TOO_MUCH);
}

static void on_bytes(void *arg, int fd, unsigned events)
{
	struct visitor *v = arg;
	uint8_t header[LOBBY_HEADER_LEN];
	int there = 0;

	if (ioctl(fd, FIONREAD, &there) < 0 || there < (int)v->awaited || v->awaited == TOO_MUCH) {
		send_away(v, v->why);	/* mostly its end is what woke us */
		return;
	}
	if (v->awaited > LOBBY_HEADER_LEN) {
		go_on(v);
		return;
	}
	size_t length = recv(fd, header, sizeof(header), MSG_PEEK) == (ssize_t)sizeof(header)
				? lobby_request_length(header)
				: 0;

	if (!length)
		let_wait(v);
	else if (there >= (int)length)
		go_on(v);
	else
		await_bytes(v, length);
}

static struct visitor *oldest(struct lobby *lobby)
{
	struct list *first = lobby->visitors.next;

	return list_empty(&lobby->visitors) ? NULL : LIST_OF(first, struct visitor, link);
}

static void on_sweep(void *arg)
{
	struct lobby *lobby = arg;
	int64_t now_ms = clock_monotonic_ms();
	struct visitor *v;

	while ((v = oldest(lobby)) && v->until_ms <= now_ms)
		send_away(v, v->why);
	loop_timer_start(lobby->sweep, SWEEP_MS);
}

struct lobby *lobby_new(struct loop *loop, size_t max_per_source, const struct lobby_events *events,
			void *arg)
{
	struct lobby *lobby = xnew(struct lobby);

	lobby->loop = loop;
	lobby->sweep = loop_timer_new(loop, on_sweep, lobby);
	lobby->admission = admission_new(LOBBY_MAX + 1, max_per_source, LOBBY_MAX + 1);
	lobby->events = *events;
	lobby->arg = arg;
	list_init(&lobby->visitors);
	loop_timer_start(lobby->sweep, SWEEP_MS);
	return lobby;
}

void lobby_free(struct lobby *lobby)
{
	struct visitor *v;

	if (!lobby)
		return;
	while ((v = oldest(lobby)))
		close(leave(v));
	loop_timer_free(lobby->sweep);
	admission_free(lobby->admission);
	free(lobby);
}

void lobby_enter(struct lobby *lobby, int fd, const struct client_address *from)
{
	enum admission_verdict verdict = admission_enter(lobby->admission, from->source);

	if (verdict != ADMIT) {
		close(fd);
		lobby->events.refused(lobby->arg, from, admission_name(verdict));
		return;
	}
	struct visitor *v = xnew(struct visitor);
	v->lobby = lobby;
	v->fd = fd;
	v->from = *from;
	v->why = "no_request";
	v->until_ms = clock_monotonic_ms() + LOBBY_LIMIT_MS;
	await_bytes(v, LOBBY_HEADER_LEN);
	v->watch = loop_fd_new(lobby->loop, fd, LOOP_READ, on_bytes, v);
	list_append(&lobby->visitors, &v->link);
	if (++lobby->count > LOBBY_MAX)
		send_away(oldest(lobby), "lobby_full");
}

size_t lobby_request_length(const uint8_t header[LOBBY_HEADER_LEN])
{
	size_t length = (size_t)header[2] << 8 | header[3];

	/* TPKT header 4, X.224 header 7; the length indicator does not count itself. */
	return header[0] == 3 && length >= 11 && length <= 4 + 1 + 255 ? length : 0;
}
