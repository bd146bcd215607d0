/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/front/front_room.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <uthash.h>

#include "broker/front/front_message.h"
#include "common/base/secret.h"
#include "common/data/config.h"
#include "common/sys/clock.h"
#include "common/sys/log.h"

#define WAITING_MAX (256 * 1024 * 1024)    /* bytes a front does not take: then it is ended */
#define UNFINISHED_MAX (128 * 1024 * 1024) /* bodies of which a part is to come, of a front */
#define BACKLOG 4096
#define AGAIN_MS 500 /* for a front that did not even live a second */
#define LIVED_MS 1000
#define BIND_WAIT_MS 3000 /* for the fronts of a broker that was killed */
#define BIND_AGAIN_MS 10
#define ID_BITS 48

struct front {
	struct front_room *room;
	unsigned number;
	int listener;
	struct packet_link *link; /* NULL while there is none */
	uint64_t serial;          /* of this process, in the ids of its exchanges */
	pid_t pid;
	int64_t started_ms;
	struct loop_timer *again;
	unsigned certificates_to_come;	/* sent, and nothing heard of it */
	unsigned exchanges;
	size_t unfinished_bytes;
};

struct carried {
	struct http_exchange x; /* first: they are cast back */
	struct front *front;
	uint8_t *packet, *body; /* what x points into; the body when it came in parts */
	size_t packet_len, body_have;
	uint64_t drained_bytes;
	bool unfinished;
	UT_hash_handle hh;
};

struct front_room {
	struct loop *loop;
	struct front_room_config config;
	struct carried *carried;
	uint64_t last_serial;
	struct buf out;
	struct buf certificate; /* the packet each front gets */
	front_room_certificate_fn *certificate_done;
	void *certificate_arg;
	struct front fronts[];
};

/* -------------------------------------------------------------------------------- exchanges */

static void carried_free(struct carried *c)
{
	struct front *f = c->front;

	HASH_DELETE(hh, f->room->carried, c);
	f->exchanges--;
	if (c->unfinished)
		f->unfinished_bytes -= c->x.body_len;
	http_exchange_done(&c->x);
	memory_wipe(c->packet, c->packet_len);
	free(c->packet);
	if (c->body)
		memory_wipe(c->body, c->x.body_len);
	free(c->body);
	free(c);
}

static struct carried *carried_find(struct front_room *room, uint64_t id)
{
	struct carried *c;

	HASH_FIND(hh, room->carried, &id, sizeof(id), c);
	return c;
}

struct http_exchange *front_room_find(struct front_room *room, uint64_t id)
{
	struct carried *c = carried_find(room, id);

	return c && !c->unfinished ? &c->x : NULL;
}

static uint64_t id_in(const struct front *f, uint64_t id)
{
	return f->serial << ID_BITS | id;
}

static uint64_t id_out(const struct http_exchange *x)
{
	return x->id & ((UINT64_C(1) << ID_BITS) - 1);
}

/* ---------------------------------------------------------------------------------- answers */

static void front_lost(struct front *f, const char *why);

/* False: the front is of no use any more, and all its exchanges are gone. */
static bool send_packet(struct front *f)
{
	struct buf *out = &f->room->out;
	int rc = out->failed ? -EMSGSIZE : packet_link_send(f->link, buf_span(out));

	memory_wipe(out->ptr, out->len);
	buf_reset(out);
	if (rc == 0)
		return true;
	front_lost(f, "it does not take its answers");
	return false;
}

static bool send_bytes(struct front *f, enum front_kind kind, uint64_t id, struct span rest)
{
	while (rest.len) {
		size_t sent = front_bytes_write(kind, id, rest, &f->room->out);

		if (!send_packet(f))
			return false;
		rest = span_of(rest.ptr + sent, rest.len - sent);
	}
	return true;
}

static void answer(struct http_exchange *x, const struct http_answer *answer)
{
	struct carried *c = (struct carried *)x;
	struct front *f = c->front;
	uint64_t id = id_out(x);
	size_t sent = front_answer_write(id, answer, &f->room->out);

	if (!send_packet(f) ||
	    !send_bytes(f, FRONT_BODY, id,
			span_of(answer->body.ptr + sent, answer->body.len - sent)))
		return;
	if (!answer->more)
		carried_free(c);
}

static size_t behind(const struct http_exchange *x)
{
	return x->streamed_bytes - ((const struct carried *)x)->drained_bytes;
}

static void piece(struct http_exchange *x, struct span bytes)
{
	x->streamed_bytes += bytes.len;
	(void)send_bytes(((struct carried *)x)->front, FRONT_PIECE, id_out(x), bytes);
}

static void end(struct http_exchange *x)
{
	struct carried *c = (struct carried *)x;

	front_end_write(FRONT_END, id_out(x), &c->front->room->out);
	if (send_packet(c->front))
		carried_free(c);
}

static const struct http_carrier carrier = { answer, behind, piece, end };

/* --------------------------------------------------------------------------------- requests */

static struct carried *carried_new(struct front *f, struct span packet)
{
	struct carried *c = xnew(struct carried);

	c->front = f;
	c->packet = xcalloc(1, packet.len);
	c->packet_len = packet.len;
	memcpy(c->packet, packet.ptr, packet.len);
	return c;
}

static int take_body(struct carried *c, const struct front_message *m)
{
	struct front *f = c->front;

	c->x.body_len = m->body_len;
	if (m->bytes.len == m->body_len) {
		c->x.body = m->body_len ? c->packet + (c->packet_len - m->body_len) : NULL;
		return 0;
	}
	if (m->body_len > f->room->config.max_body_bytes ||
	    f->unfinished_bytes + m->body_len > UNFINISHED_MAX)
		return -EMSGSIZE;
	c->x.body = c->body = xcalloc(1, m->body_len);
	memcpy(c->body, m->bytes.ptr, m->bytes.len);
	c->body_have = m->bytes.len;
	c->unfinished = true;
	f->unfinished_bytes += m->body_len;
	return 0;
}

static void hand_over(struct carried *c)
{
	struct front_room *room = c->front->room;

	room->config.handler(room->config.arg, &c->x);
}

static int on_request(struct front *f, struct span packet)
{
	struct front_room *room = f->room;
	struct carried *c = carried_new(f, packet);
	struct front_message m;

	(void)!front_message_parse(span_of(c->packet, packet.len),
				   &m); /* once more, in its own copy */
	c->x = m.request;
	c->x.carrier = &carrier;
	c->x.id = id_in(f, m.id);
	bool fits = f->exchanges < room->config.max_connections + 1 && !carried_find(room, c->x.id);
	HASH_ADD_KEYPTR(hh, room->carried, &c->x.id, sizeof(c->x.id), c);
	f->exchanges++;
	if (!fits || take_body(c, &m) < 0) {
		carried_free(c);
		return -EPROTO;
	}
	if (!c->unfinished)
		hand_over(c);
	return 0;
}

static int on_body(struct front *f, const struct front_message *m)
{
	struct carried *c = carried_find(f->room, id_in(f, m->id));

	if (!c || !c->unfinished || m->bytes.len > c->x.body_len - c->body_have)
		return -EPROTO;
	memcpy(c->body + c->body_have, m->bytes.ptr, m->bytes.len);
	c->body_have += m->bytes.len;
	if (c->body_have < c->x.body_len)
		return 0;
	c->unfinished = false;
	f->unfinished_bytes -= c->x.body_len;
	hand_over(c);
	return 0;
}

static void on_gone(struct front *f, const struct front_message *m)
{
	struct carried *c = carried_find(f->room, id_in(f, m->id));

	if (c)
		carried_free(c);
}

static int on_drained(struct front *f, const struct front_message *m)
{
	struct carried *c = carried_find(f->room, id_in(f, m->id));

	if (c && m->drained_bytes > c->x.streamed_bytes)
		return -EPROTO;
	if (c)
		c->drained_bytes = m->drained_bytes;
	return 0;
}

static int on_ready(struct front *f, const struct front_message *m);

static void on_packet(void *arg, struct span packet)
{
	struct front *f = arg;
	struct front_message m;
	int rc = front_message_parse(packet, &m);

	if (rc == 0) {
		switch (m.kind) {
		case FRONT_REQUEST:
			rc = on_request(f, packet);
			break;
		case FRONT_BODY:
			rc = on_body(f, &m);
			break;
		case FRONT_GONE:
			on_gone(f, &m);
			break;
		case FRONT_READY:
			rc = on_ready(f, &m);
			break;
		case FRONT_DRAINED:
			rc = on_drained(f, &m);
			break;
		case FRONT_CERTIFICATE:
		case FRONT_ANSWER:
		case FRONT_PIECE:
		case FRONT_END:
			rc = -EPROTO;
		}
	}
	if (rc < 0)
		front_lost(f, "it said what no front says");
}

/* ------------------------------------------------------------------------------ their lives */

static void on_link_end(void *arg)
{
	front_lost(arg, "it has ended");
}

static void send_certificate(struct front *f)
{
	if (!f->link || !f->room->certificate.len)
		return;
	f->certificates_to_come++;
	(void)packet_link_send(f->link, buf_span(&f->room->certificate));
}

static void start(void *arg)
{
	struct front *f = arg;
	struct front_room *room = f->room;
	struct packet_link_config config = { WAITING_MAX, on_packet, on_link_end, f };
	struct error err = { 0 };
	int link;

	f->started_ms = clock_monotonic_ms();
	if (room->config.crowd)
		crowd_clear(room->config.crowd, f->number);
	if (starter_start(room->config.starter, room->config.kind, f->number, f->listener, &link,
			  &f->pid, &err) < 0) {
		log_error("front_not_started", kv_int("front", f->number), kv_error(&err));
		loop_timer_start(f->again, AGAIN_MS);
		return;
	}
	f->serial = ++room->last_serial;
	f->certificates_to_come = 0;
	f->link = packet_link_take_fd(room->loop, link, &config);
	send_certificate(f);
}

static void drop_exchanges(struct front *f)
{
	struct carried *c, *next;

	HASH_ITER(hh, f->room->carried, c, next)
	if (c->front == f)
		carried_free(c);
}

static void certificate_settled(struct front_room *room, const char *problem)
{
	front_room_certificate_fn *done = room->certificate_done;

	room->certificate_done = NULL;
	if (done)
		done(room->certificate_arg, problem);
}

/* Its process ends when it sees that the link is closed. */
static void front_lost(struct front *f, const char *why)
{
	log_error("front_ended", kv_int("front", f->number), kv_int("pid", f->pid),
		  kv_str("why", why));
	if (f->room->config.lost)
		f->room->config.lost(f->room->config.arg, why, f->exchanges);
	drop_exchanges(f);
	packet_link_free(STEAL(f->link));
	loop_timer_start(f->again, clock_monotonic_ms() - f->started_ms < LIVED_MS ? AGAIN_MS : 0);
}

static int on_ready(struct front *f, const struct front_message *m)
{
	struct front_room *room = f->room;

	if (f->certificates_to_come == 0)
		return -EPROTO;
	f->certificates_to_come--;
	if (*m->problem) {
		log_error("front_certificate", kv_int("front", f->number),
			  kv_str("problem", m->problem));
		certificate_settled(room, m->problem);
		return 0;
	}
	for (unsigned i = 0; i < room->config.count; i++)
		if (room->fronts[i].certificates_to_come)
			return 0;
	certificate_settled(room, "");
	return 0;
}

void front_room_set_certificate(struct front_room *room, const struct tls_pem *pem,
				front_room_certificate_fn *done, void *arg)
{
	room->certificate_done = done;
	room->certificate_arg = arg;
	memory_wipe(room->certificate.ptr, room->certificate.len);
	buf_reset(&room->certificate);
	front_certificate_write(pem, &room->certificate);
	if (room->certificate.failed) {
		buf_reset(&room->certificate);
		certificate_settled(room, "the certificate chain is too long");
		return;
	}
	for (unsigned i = 0; i < room->config.count; i++)
		send_certificate(&room->fronts[i]);
}

/* ---------------------------------------------------------------------------------- the door */

static int try_bind(const struct addrinfo *at, bool shared)
{
	OWNED_FD int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -errno;
	if (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0)
		return -errno;
	if (bind(fd, at->ai_addr, at->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return steal_fd(&fd);
}

/* Alone first: sockets that share a port would not notice another broker there. The processes of
 * one that was killed may have it for a moment longer than their core. */
static int bind_alone(const struct addrinfo *at)
{
	int64_t until_ms = clock_monotonic_ms() + BIND_WAIT_MS;
	int fd;

	while ((fd = try_bind(at, false)) == -EADDRINUSE && clock_monotonic_ms() < until_ms)
		poll(NULL, 0, BIND_AGAIN_MS);
	return fd;
}

static int bind_all(struct front_room *room, const struct addrinfo *at)
{
	int fd = bind_alone(at);

	if (fd < 0)
		return fd;
	if (room->config.count == 1) {
		room->fronts[0].listener = fd;
		return 0;
	}
	close(fd);
	for (unsigned i = 0; i < room->config.count; i++) {
		if ((fd = try_bind(at, true)) < 0)
			return fd;
		room->fronts[i].listener = fd;
	}
	return 0;
}

static int bind_room(struct front_room *room, struct error *err)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	char host[256], service[8];
	uint16_t port;
	int rc = config_split_address(room->config.address, host, sizeof(host), &port, err);

	if (rc < 0)
		return rc;
	snprintf(service, sizeof(service), "%u", port);
	if ((rc = getaddrinfo(host, service, &hints, &found)))
		return error_set(err, EINVAL, "listen on %s: %s", room->config.address,
				 gai_strerror(rc));
	rc = bind_all(room, found);
	freeaddrinfo(found);
	return rc < 0 ? error_set(err, -rc, "listen on %s: %s", room->config.address, strerror(-rc))
		      : 0;
}

int front_room_new(struct loop *loop, const struct front_room_config *config,
		   struct front_room **out, struct error *err)
{
	OWNED(front_room_free)
	struct front_room *room =
		xcalloc(1, sizeof(*room) + config->count * sizeof(room->fronts[0]));

	room->loop = loop;
	room->config = *config;
	room->out = BUF_LIMIT(PACKET_MAX);
	room->certificate = BUF_LIMIT(PACKET_MAX);
	for (unsigned i = 0; i < config->count; i++) {
		struct front *f = &room->fronts[i];

		f->room = room;
		f->number = i;
		f->listener = -1;
		f->again = loop_timer_new(loop, start, f);
	}
	int rc = bind_room(room, err);
	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < config->count; i++)
		start(&room->fronts[i]);
	*out = STEAL(room);
	return 0;
}

void front_room_free(struct front_room *room)
{
	if (!room)
		return;
	for (unsigned i = 0; i < room->config.count; i++) {
		struct front *f = &room->fronts[i];

		drop_exchanges(f);
		loop_timer_free(f->again);
		packet_link_free(f->link);
		if (f->listener >= 0)
			close(f->listener);
	}
	if (room->certificate.ptr)
		memory_wipe(room->certificate.ptr, room->certificate.capacity);
	buf_done(&room->certificate);
	buf_done(&room->out);
	free(room);
}
