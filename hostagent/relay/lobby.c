/* SPDX-License-Identifier: Apache-2.0 */
/* SO_RCVLOWAT lets poll(2) sleep until all of what is awaited is in the socket: a client that drips
 * its bytes wakes nobody up. */
#include "hostagent/relay/lobby.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include "common/base/list.h"
#include "common/sys/clock.h"
#include "hostagent/rdp/door.h"

#define SWEEP_MS 500
/* Awaited of one that is no RDP client: no request is that long. */
#define TOO_MUCH 4096
#define RECORD_HANDSHAKE 22
#define RECORD_MAX 16384 /* RFC 8446 5.1 */
#define CONFIRM_MAX 64
#define REQUEST_MAX (LOBBY_HEADER_LEN + 1 + 255)

/* What is awaited, behind what is there already. */
enum stage { HEADER, REQUEST, HELLO_HEADER, HELLO, NOTHING };

struct visitor {
	struct list link;
	struct lobby *lobby;
	int fd;
	struct client_address from;
	struct loop_fd *watch;
	enum stage stage;
	size_t awaited; /* bytes that must be in the socket */
	size_t request_len;
	int64_t until_ms;
	const char *why; /* it will be sent away */
};

struct lobby {
	struct loop *loop;
	struct loop_timer *sweep;
	struct admission *admission;
	struct lobby_events events;
	void *arg;
	size_t count;
	struct list visitors; /* who got on last, last */
};

static void await_bytes(struct visitor *v, enum stage stage, size_t count)
{
	int low = (int)count;

	v->stage = stage;
	v->awaited = count;
	(void)setsockopt(v->fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low));
}

static void give_time(struct visitor *v, int64_t limit_ms, const char *why)
{
	v->why = why;
	v->until_ms = clock_monotonic_ms() + limit_ms;
	list_remove(&v->link);
	list_append(&v->lobby->visitors, &v->link);
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
	bool answered = v->stage == HELLO;

	await_bytes(v, NOTHING, 1);
	lobby->events.ready(lobby->arg, leave(v), &from, answered);
}

/* Whoever is sent away at once comes back at once: it stays until it leaves or goes on talking. */
static void let_wait(struct visitor *v, const char *why)
{
	v->why = why;
	await_bytes(v, NOTHING, v->request_len + TOO_MUCH);
}

static bool peek(const struct visitor *v, uint8_t *out, size_t len)
{
	return recv(v->fd, out, len, MSG_PEEK) == (ssize_t)len;
}

/* A yes is told here. Whoever gets no answer, or a no, goes on: the session accounts for it. */
static bool answer(const struct visitor *v, const uint8_t *request)
{
	struct buf confirm = BUF_LIMIT(CONFIRM_MAX);
	struct door door;
	const char *why;

	if (door_decide(span_of(request + LOBBY_HEADER_LEN, v->request_len - LOBBY_HEADER_LEN),
			&door, &why) < 0 ||
	    door.confirm.failed)
		return false;
	x224_confirm_encode(&door.confirm, &confirm);
	bool sent = send(v->fd, confirm.ptr, confirm.len, MSG_NOSIGNAL) == (ssize_t)confirm.len;
	buf_done(&confirm);
	return sent;
}

static void on_header(struct visitor *v)
{
	uint8_t header[LOBBY_HEADER_LEN];

	v->request_len = peek(v, header, sizeof(header)) ? lobby_request_length(header) : 0;
	if (v->request_len)
		await_bytes(v, REQUEST, v->request_len);
	else
		let_wait(v, "not_rdp");
}

/* False when it has gone on. */
static bool on_request(struct visitor *v)
{
	uint8_t request[REQUEST_MAX];

	if (!peek(v, request, v->request_len) || !answer(v, request)) {
		go_on(v);
		return false;
	}
	give_time(v, LOBBY_HELLO_MS, "no_hello");
	await_bytes(v, HELLO_HEADER, v->request_len + LOBBY_RECORD_HEADER_LEN);
	return true;
}

static void on_hello_header(struct visitor *v)
{
	uint8_t bytes[REQUEST_MAX + LOBBY_RECORD_HEADER_LEN];
	const uint8_t *record = bytes + v->request_len;
	size_t length = peek(v, bytes, v->awaited) ? lobby_hello_length(record) : 0;

	if (length)
		await_bytes(v, HELLO, v->awaited + length);
	else
		let_wait(v, "not_tls");
}

static bool is_there(const struct visitor *v)
{
	int there = 0;

	return v->stage != NOTHING && ioctl(v->fd, FIONREAD, &there) == 0 &&
	       there >= (int)v->awaited;
}

/* False when it is in the lobby no more. */
static bool take_stage(struct visitor *v)
{
	switch (v->stage) {
	case HEADER:
		on_header(v);
		return true;
	case REQUEST:
		return on_request(v);
	case HELLO_HEADER:
		on_hello_header(v);
		return true;
	case HELLO:
	case NOTHING:
		break;
	}
	go_on(v);
	return false;
}

static void on_bytes(void *arg, int fd, unsigned events)
{
	struct visitor *v = arg;

	if (!is_there(v)) { /* mostly its end is what woke us */
		send_away(v, v->why);
		return;
	}
	while (take_stage(v) && is_there(v))
		continue;
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

	LIST_EACH_SAFE(it, &lobby->visitors)
	{
		struct visitor *v = LIST_OF(it, struct visitor, link);

		if (v->until_ms <= now_ms)
			send_away(v, v->why);
	}
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
	give_time(v, LOBBY_REQUEST_MS, "no_request");
	await_bytes(v, HEADER, LOBBY_HEADER_LEN);
	v->watch = loop_fd_new(lobby->loop, fd, LOOP_READ, on_bytes, v);
	if (++lobby->count > LOBBY_MAX)
		send_away(oldest(lobby), "lobby_full");
}

size_t lobby_request_length(const uint8_t header[LOBBY_HEADER_LEN])
{
	size_t length = (size_t)header[2] << 8 | header[3];

	/* TPKT header 4, X.224 header 7; the length indicator does not count itself. */
	return header[0] == 3 && length >= 11 && length <= REQUEST_MAX ? length : 0;
}

size_t lobby_hello_length(const uint8_t header[LOBBY_RECORD_HEADER_LEN])
{
	size_t length = (size_t)header[3] << 8 | header[4];

	return header[0] == RECORD_HANDSHAKE && header[1] == 3 && length <= RECORD_MAX ? length : 0;
}
