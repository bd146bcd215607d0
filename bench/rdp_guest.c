/* SPDX-License-Identifier: Apache-2.0 */
/* rdp_guest - a load server that stands in for a guest in bench/relay. It is no RDP server: it plays
 * the recorded half of a connection to whoever connects, then does what the orders of rdp_load say.
 *
 * usage: rdp_guest PORT CERTIFICATE KEY RECORDING
 *
 * A connection that begins with TLS, as a TLS proxy opens it, is one without X.224 before it. */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include "bench/rdp_wire.h"
#include "common/sys/clock.h"

#define STACK_BYTES (256 * 1024)

static SSL_CTX *tls;
static struct script script;

static bool open_tls(struct wire *w)
{
	uint8_t first;
	struct span request;

	if (!wire_peek(w, &first))
		return false;
	if (first == 3 && (!wire_read_pdu(w, &request) || !wire_write(w, script.confirm)))
		return false;
	w->ssl = SSL_new(tls);
	return w->ssl && SSL_set_fd(w->ssl, w->fd) == 1 && SSL_accept(w->ssl) == 1;
}

/* One TLS record a PDU, as RDP servers write them. */
static bool stream(struct wire *w, const struct order *order)
{
	static const struct order picture = { 0 };
	int64_t until_us = clock_monotonic_us() + order->for_ms * INT64_C(1000);
	struct order done = { .kind = ORDER_STREAMED };
	OWNED(buf_done) struct buf pdu = { 0 };
	bool good = true;

	order_encode(&picture, order->size, &pdu);
	for (unsigned n = 0; good && (n % 16 || clock_monotonic_us() < until_us); n++) {
		good = wire_write(w, buf_span(&pdu));
		done.count += (int64_t)pdu.len;
	}
	buf_reset(&pdu);
	order_encode(&done, 0, &pdu);
	return good && wire_write(w, buf_span(&pdu));
}

static bool answer(struct wire *w, const struct order *event)
{
	struct order seen = { .kind = ORDER_SEEN, .at_us = clock_monotonic_us(),
			      .count = event->at_us };
	OWNED(buf_done) struct buf pdu = { 0 };

	order_encode(&seen, event->size, &pdu);
	return wire_write(w, buf_span(&pdu));
}

static void *serve(void *arg)
{
	struct wire *w = arg;
	struct span pdu;
	struct order order;
	bool good = open_tls(w) && script_play(&script, w, STEP_GUEST);

	while (good && wire_read_pdu(w, &pdu)) {
		if (!order_decode(pdu, &order))
			continue;
		if (order.kind == ORDER_STREAM)
			good = stream(w, &order);
		else if (order.kind == ORDER_EVENT)
			good = answer(w, &order);
	}
	wire_free(w);
	return NULL;
}

static int listen_on(int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 1024) < 0)
		err(1, "port %d", port);
	return fd;
}

int main(int argc, char **argv)
{
	pthread_attr_t small;
	int one = 1;

	if (argc != 5)
		errx(64, "usage: rdp_guest PORT CERTIFICATE KEY RECORDING");
	signal(SIGPIPE, SIG_IGN);
	script_load(&script, argv[4]);
	tls = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_num_tickets(tls, 0);
	if (SSL_CTX_use_certificate_chain_file(tls, argv[2]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(tls, argv[3], SSL_FILETYPE_PEM) != 1)
		errx(1, "certificate %s, key %s", argv[2], argv[3]);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, STACK_BYTES);
	pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
	for (int listening = listen_on(atoi(argv[1]));;) {
		int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
		pthread_t thread;

		if (fd < 0)
			continue;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (pthread_create(&thread, &small, serve, wire_new(fd)) != 0)
			err(1, "thread");
	}
}
