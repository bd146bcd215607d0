/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/front/front.h"

#include <errno.h>
#include <uthash.h>

#include "broker/front/front_message.h"
#include "common/base/secret.h"
#include "common/sys/log.h"

#define WAITING_MAX (64 * 1024 * 1024) /* bytes for the core that it does not take */
#define BUSY_RETRY_MS 1000

/* An answer of which a part is still to come. */
struct partial {
	uint64_t id;
	struct http_answer answer;
	uint8_t *packet; /* its first, which the answer points into */
	struct buf body;
	UT_hash_handle hh;
};

struct front {
	const struct front_door *door;
	unsigned number; /* among the fronts of its door */
	struct loop *loop;
	struct packet_link *link;
	struct http_server *server;
	struct partial *partials;
	struct buf out;
	int listener; /* -1 once the server has it */
	int status;
	int (*close_in)(void *arg);
	void *arg;
};

/* ------------------------------------------------------------------------------- to the core */

static int send_packet(struct front *f)
{
	int rc = f->out.failed ? -EMSGSIZE : packet_link_send(f->link, buf_span(&f->out));

	memory_wipe(f->out.ptr, f->out.len);
	buf_reset(&f->out);
	return rc;
}

static void send_rest(struct front *f, uint64_t id, struct span rest)
{
	while (rest.len) {
		size_t sent = front_bytes_write(FRONT_BODY, id, rest, &f->out);

		(void)send_packet(f); /* room was asked for before the first */
		rest = span_of(rest.ptr + sent, rest.len - sent);
	}
}

/* What the core never hears of, it cannot log. */
static void refuse(struct http_exchange *x, int status, const char *code, int64_t retry_after_ms,
		   const char *detail)
{
	log_info("request_refused", kv_str("request", http_request_id(x)),
		 kv_str("method", http_method(x)), kv_str("source", http_peer(x)),
		 kv_int("status", status), kv_str("code", code), kv_str("detail", detail));
	http_reply_problem(x, status, code, retry_after_ms, "%s", detail);
}

static void on_request(void *arg, struct http_exchange *x)
{
	struct front *f = arg;
	struct span body = http_body_bytes(x);

	if (packet_link_waiting(f->link) + body.len > WAITING_MAX / 2) {
		refuse(x, 503, "busy", BUSY_RETRY_MS, "Too many requests wait.");
		return;
	}
	size_t sent = front_request_write(x->id, x, &f->out);
	if (send_packet(f) < 0) {
		refuse(x, 400, "bad_request", -1, "The request is too long.");
		return;
	}
	send_rest(f, x->id, span_of(body.ptr + sent, body.len - sent));
	if (x->body_len)
		memory_wipe(x->body, x->body_len); /* a password may have been in it */
}

static void partial_drop(struct front *f, uint64_t id);

static void on_gone(void *arg, struct http_exchange *x)
{
	struct front *f = arg;

	partial_drop(f, x->id);
	front_end_write(FRONT_GONE, x->id, &f->out);
	(void)send_packet(f);
}

static void on_drained(void *arg, struct http_exchange *x)
{
	struct front *f = arg;

	front_drained_write(x->id, x->streamed_bytes, &f->out);
	(void)send_packet(f);
}

/* ----------------------------------------------------------------------------- from the core */

static void partial_free(struct partial *p)
{
	free(p->packet);
	buf_done(&p->body);
	free(p);
}

static struct partial *partial_find(struct front *f, uint64_t id)
{
	struct partial *p;

	HASH_FIND(hh, f->partials, &id, sizeof(id), p);
	return p;
}

static void partial_drop(struct front *f, uint64_t id)
{
	struct partial *p = partial_find(f, id);

	if (!p)
		return;
	HASH_DEL(f->partials, p);
	partial_free(p);
}

static void partial_begin(struct front *f, struct span packet)
{
	struct partial *p = xnew(struct partial);
	struct front_message m;

	p->packet = xcalloc(1, packet.len);
	memcpy(p->packet, packet.ptr, packet.len);
	if (front_message_parse(span_of(p->packet, packet.len), &m) < 0)
		abort(); /* it was one a moment ago */
	p->id = m.id;
	p->answer = m.answer;
	p->body = BUF_LIMIT(m.body_len);
	if (!buf_reserve(&p->body, m.body_len))
		abort();
	buf_put_span(&p->body, m.bytes);
	HASH_ADD(hh, f->partials, id, sizeof(p->id), p);
}

static void on_answer(struct front *f, struct http_exchange *x, struct front_message *m,
		      struct span packet)
{
	if (m->bytes.len < m->body_len) {
		partial_begin(f, packet);
		return;
	}
	m->answer.body = m->bytes;
	x->carrier->answer(x, &m->answer);
}

static void on_body(struct front *f, struct http_exchange *x, const struct front_message *m)
{
	struct partial *p = partial_find(f, m->id);

	if (!p)
		return;
	buf_put_span(&p->body, m->bytes);
	if (p->body.len < p->body.limit && !p->body.failed)
		return;
	HASH_DEL(f->partials, p);
	p->answer.body = buf_span(&p->body);
	x->carrier->answer(x, &p->answer);
	partial_free(p);
}

static struct http_server_config server_config(struct front *f, const struct tls_pem *pem)
{
	return (struct http_server_config){
		.listener = steal_fd(&f->listener),
		.pem = pem,
		.client_certificate = f->door->client_certificate,
		.max_connections = f->door->max_connections,
		.max_per_source = f->door->max_per_source,
		.crowd = f->door->crowd,
		.crowd_row = f->number,
		.max_body_bytes = f->door->max_body_bytes,
		.handshake_ms = f->door->handshake_ms,
		.request_ms = f->door->request_ms,
		.idle_ms = f->door->idle_ms,
	};
}

/* Nothing is read from a stranger before the loop goes on. */
static int open_door(struct front *f, const struct tls_pem *pem, struct error *err)
{
	struct http_server_config config = server_config(f, pem);
	int rc = http_server_new(f->loop, &config, on_request, f, &f->server, err);

	if (rc < 0)
		return rc;
	http_server_on_gone(f->server, on_gone);
	http_server_on_drained(f->server, on_drained);
	return f->close_in(f->arg) < 0 ? error_set(err, EPERM, "no sandbox") : 0;
}

/* The first certificate opens the door. */
static void on_certificate(struct front *f, const struct front_message *m)
{
	bool first = !f->server;
	struct error err = { 0 };
	int rc = first ? open_door(f, &m->pem, &err) : http_server_set_pem(f->server, &m->pem, &err);

	front_ready_write(rc < 0 ? err.text : "", &f->out);
	(void)send_packet(f);
	if (first && rc < 0) {
		f->status = 1;
		loop_stop(f->loop);
	}
}

static void on_packet(void *arg, struct span packet)
{
	struct front *f = arg;
	struct front_message m;

	if (front_message_parse(packet, &m) < 0) {
		log_error("front_not_understood");
		f->status = 1;
		loop_stop(f->loop);
		return;
	}
	if (m.kind == FRONT_CERTIFICATE) {
		on_certificate(f, &m);
		return;
	}
	struct http_exchange *x = f->server ? http_exchange_find(f->server, m.id) : NULL;
	if (!x)
		return;
	switch (m.kind) {
	case FRONT_ANSWER:
		on_answer(f, x, &m, packet);
		break;
	case FRONT_BODY:
		on_body(f, x, &m);
		break;
	case FRONT_PIECE:
		if (x->streaming)
			x->carrier->piece(x, m.bytes);
		break;
	case FRONT_END:
		if (x->streaming)
			x->carrier->end(x);
		break;
	case FRONT_CERTIFICATE:
	case FRONT_READY:
	case FRONT_REQUEST:
	case FRONT_GONE:
	case FRONT_DRAINED:
		break;
	}
}

static void on_link_end(void *arg)
{
	struct front *f = arg;

	loop_stop(f->loop);
}

int front_run(const struct front_door *door, unsigned number, int link, int listener,
	      int (*close_in)(void *arg), void *arg)
{
	struct front f = {
		.door = door,
		.number = number,
		.loop = loop_new_for_server(),
		.out = BUF_LIMIT(PACKET_MAX),
		.listener = listener,
		.close_in = close_in,
		.arg = arg,
	};
	struct packet_link_config config = { WAITING_MAX, on_packet, on_link_end, &f };
	struct partial *p, *next;

	f.link = packet_link_take_fd(f.loop, link, &config);
	loop_run(f.loop);
	http_server_free(f.server);
	HASH_ITER(hh, f.partials, p, next)
	{
		HASH_DEL(f.partials, p);
		partial_free(p);
	}
	packet_link_free(f.link);
	buf_done(&f.out);
	loop_free(f.loop);
	return f.status;
}
