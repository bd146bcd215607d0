/* SPDX-License-Identifier: Apache-2.0 */
#include "hostagent/relay/leg.h"

#include <errno.h>
#include <openssl/err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include "common/base/secret.h"

/* An idle leg keeps no more write buffer than this. */
#define OUT_KEEP (64 * 1024)
#define TPKT_VERSION 3
#define TPKT_HEADER_LEN 4
#define RECORD_MAX 16384	/* bytes of ours in one TLS record */
/* One read batch may pass the high-water mark by a read buffer and what the session adds. */
#define OUT_LIMIT (LEG_HIGH_WATER + 256 * 1024)

void leg_init(struct leg *leg)
{
	leg->fd = -1;
	leg->phase = LEG_ABSENT;
	leg->drained = true;
	leg->out = BUF_LIMIT(OUT_LIMIT);
}

void leg_take_fd(struct leg *leg, int fd)
{
	leg->fd = fd;
	leg->phase = LEG_CLEAR;
}

void leg_close(struct leg *leg)
{
	SSL_free(leg->ssl);
	leg->ssl = NULL;
	if (leg->fd >= 0)
		close(leg->fd);
	leg->fd = -1;
	leg->phase = LEG_CLOSED;
}

void leg_done(struct leg *leg)
{
	leg_close(leg);
	buf_done(&leg->out);
	memory_wipe(leg->in, sizeof(leg->in));
}

size_t leg_queued(const struct leg *leg)
{
	return leg->out.len - leg->out_sent;
}

void leg_unqueue(struct leg *leg)
{
	buf_reset(&leg->out);
	leg->out_sent = 0;
}

/* The reason OpenSSL gives, as one short text without anything the peer sent. */
static int tls_failure(struct error *err, const char *doing)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return error_set(err, EPROTO, "%s: %s", doing, reason ? reason : "connection broke");
}

static ssize_t write_tls(struct leg *leg, const uint8_t *bytes, size_t len, struct error *err)
{
	leg->wire.more = len > RECORD_MAX;
	ERR_clear_error();
	int n = SSL_write(leg->ssl, bytes, (int)len);
	leg->wire.more = false;

	if (n > 0)
		return n;
	switch (SSL_get_error(leg->ssl, n)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return 0;
	default:
		return tls_failure(err, "TLS write");
	}
}

/* Whole records go out from where they are; what is left of `bytes` has to be queued. An error is
 * met again by whoever flushes it. */
static struct span write_records(struct leg *leg, struct span bytes)
{
	struct error ignored;

	while (bytes.len >= RECORD_MAX) {
		ssize_t n = write_tls(leg, bytes.ptr, bytes.len, &ignored);

		if (n <= 0)
			break;
		bytes = span_of(bytes.ptr + n, bytes.len - (size_t)n);
	}
	return bytes;
}

int leg_queue(struct leg *leg, struct span bytes)
{
	if (leg->phase == LEG_CLOSED || leg->phase == LEG_ABSENT)
		return 0;	/* nobody is there to hear it */
	if (leg->phase == LEG_OPEN && !leg_queued(leg))
		bytes = write_records(leg, bytes);
	if (leg->out_sent >= OUT_KEEP) {
		buf_consume(&leg->out, leg->out_sent);
		leg->out_sent = 0;
	}
	buf_put_span(&leg->out, bytes);
	return leg->out.failed ? -ENOBUFS : 0;
}

int leg_start_tls(struct leg *leg, SSL *ssl, struct error *err)
{
	BIO *bio = leg_wire_bio_new(&leg->wire, leg->fd);

	leg->ssl = ssl;
	if (!bio)
		return tls_failure(err, "attach the socket");
	SSL_set_bio(ssl, bio, bio);
	leg->phase = leg_queued(leg) ? LEG_FLUSHING : LEG_HANDSHAKE;
	leg->drained = false;	/* the first step waits for no event */
	return 0;
}

int leg_handshake(struct leg *leg, struct error *err)
{
	/* Clear bytes must never be taken for something that came through TLS. */
	if (leg->in_len)
		return error_set(err, EPROTO, "%zu bytes before TLS", leg->in_len);
	leg_wire_arm(&leg->wire);
	ERR_clear_error();
	int n = SSL_do_handshake(leg->ssl);

	if (n == 1) {
		leg->phase = LEG_OPEN;
		leg->drained = false;	/* records may have come with the last flight */
		return 1;
	}
	switch (SSL_get_error(leg->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		leg->tls_wants_write = false;
		return 0;
	case SSL_ERROR_WANT_WRITE:
		leg->tls_wants_write = true;
		return 0;
	case SSL_ERROR_SYSCALL:
		return error_set(err, EPIPE, "TLS handshake: the peer left");
	default:
		return tls_failure(err, "TLS handshake");
	}
}

/* Of the TPKT in the read buffer, what is still to come. For anything else, all there is. */
static size_t clear_wanted(const struct leg *leg)
{
	size_t length = TPKT_HEADER_LEN;

	if (leg->in_len >= TPKT_HEADER_LEN)
		length = leg->in[0] == TPKT_VERSION ? (size_t)leg->in[2] << 8 | leg->in[3]
						    : sizeof(leg->in);
	return length > leg->in_len ? length - leg->in_len : 0;
}

static ssize_t read_clear(struct leg *leg, struct error *err)
{
	size_t wanted = clear_wanted(leg);
	ssize_t n = wanted ? recv(leg->fd, leg->in + leg->in_len, wanted, 0) : 0;

	if (!wanted)
		return 0;	/* the session has something to say about it first */
	if (n > 0)
		return n;
	if (n == 0)
		return -EPIPE;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	return error_errno(err, "read");
}

static ssize_t read_tls(struct leg *leg, struct error *err)
{
	size_t room = sizeof(leg->in) - leg->in_len;

	ERR_clear_error();
	int n = SSL_read(leg->ssl, leg->in + leg->in_len, (int)room);
	if (n > 0)
		return n;
	switch (SSL_get_error(leg->ssl, n)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return 0;
	case SSL_ERROR_ZERO_RETURN:
	case SSL_ERROR_SYSCALL:
		ERR_clear_error();
		return -EPIPE;
	default:
		/* RDP peers drop the connection without close_notify; nothing is lost by it,
		 * MCS says goodbye above TLS. */
		if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
			ERR_clear_error();
			return -EPIPE;
		}
		return tls_failure(err, "TLS read");
	}
}

ssize_t leg_fill(struct leg *leg, struct error *err)
{
	size_t before = leg->in_len;

	leg->drained = false;
	leg_wire_arm(&leg->wire);
	while (leg->in_len < sizeof(leg->in)) {
		ssize_t n = leg->ssl ? read_tls(leg, err) : read_clear(leg, err);

		if (n == -EPIPE && leg->in_len > before)
			break;	/* first what was said before leaving */
		if (n < 0)
			return n;
		if (n == 0) {
			leg->drained = true;
			break;
		}
		leg->in_len += (size_t)n;
		if (!leg->ssl)
			break;
	}
	return (ssize_t)(leg->in_len - before);
}

void leg_consume(struct leg *leg, size_t len)
{
	leg->in_len -= len;
	memmove(leg->in, leg->in + len, leg->in_len);
}

static ssize_t write_clear(struct leg *leg, const uint8_t *bytes, size_t len, struct error *err)
{
	ssize_t n = send(leg->fd, bytes, len, MSG_NOSIGNAL);

	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	return error_errno(err, "write");
}

/* Everything is out: give the memory back and do what waited for it. */
static void flushed(struct leg *leg)
{
	memory_wipe(leg->out.ptr, leg->out.len);
	leg->out_sent = 0;
	if (leg->out.capacity > OUT_KEEP)
		buf_done(&leg->out), leg->out = BUF_LIMIT(OUT_LIMIT);
	else
		buf_reset(&leg->out);

	if (leg->phase == LEG_FLUSHING)
		leg->phase = LEG_HANDSHAKE;
	if (leg->phase == LEG_CLOSING) {
		if (leg->ssl)
			(void)SSL_shutdown(leg->ssl);
		ERR_clear_error();
		(void)shutdown(leg->fd, SHUT_WR);
		leg->phase = LEG_LINGER;
	}
}

int leg_flush(struct leg *leg, struct error *err)
{
	bool streaming = leg->phase == LEG_CLEAR || leg->phase == LEG_OPEN;
	bool tls = leg->ssl && leg->phase != LEG_FLUSHING;

	if (!streaming && leg->phase != LEG_FLUSHING && leg->phase != LEG_CLOSING)
		return 0;
	while (leg_queued(leg)) {
		const uint8_t *bytes = leg->out.ptr + leg->out_sent;
		ssize_t n = tls ? write_tls(leg, bytes, leg_queued(leg), err)
				: write_clear(leg, bytes, leg_queued(leg), err);

		if (n < 0)
			return (int)n;
		if (n == 0)
			return 0;
		leg->out_sent += (size_t)n;
	}
	if (leg->out.len || !streaming)
		flushed(leg);
	return 0;
}

uint32_t leg_rtt_us(const struct leg *leg)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (leg->fd < 0 || getsockopt(leg->fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return 0;
	return info.tcpi_rtt;
}

void leg_linger(struct leg *leg)
{
	ssize_t n;

	do {
		n = recv(leg->fd, leg->in, sizeof(leg->in), 0);
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n == 0 || errno != EAGAIN)
		leg_close(leg);
}

void leg_close_softly(struct leg *leg)
{
	if (leg->phase == LEG_CLEAR || leg->phase == LEG_OPEN)
		leg->phase = LEG_CLOSING;
	else
		leg_close(leg);
}
