/* SPDX-License-Identifier: Apache-2.0 */
/* leg.h - one side of a session: a non-blocking socket, TLS over it once the session says so, the
 * bytes that were read and not yet consumed, and the bytes that are queued to be written.
 *
 * Session process only. Owns the descriptor and the SSL object. */
#ifndef GENKAN_RELAY_LEG_H
#define GENKAN_RELAY_LEG_H

#include <openssl/ssl.h>
#include "common/base/buf.h"
#include "common/base/error.h"
#include "hostagent/rdp/session.h"
#include "hostagent/relay/leg_wire.h"
#include "hostagent/relay/poll_mask.h"

struct leg {
	int fd;
	SSL *ssl;
	struct leg_wire wire;	/* under it */
	enum leg_phase phase;
	bool tls_wants_write;
	bool drained;	/* the last read found nothing more: wait for poll(2) */
	struct buf out;
	size_t out_sent;	/* of out, already written */
	size_t in_len;
	uint8_t in[RDP_PDU_MAX + 1];
};

void leg_init(struct leg *leg);
/* The leg now owns `fd`, which must be non-blocking, and speaks in clear. */
void leg_take_fd(struct leg *leg, int fd);
void leg_done(struct leg *leg);

/* -ENOBUFS when far more than the high-water mark is queued already. */
int leg_queue(struct leg *leg, struct span bytes) MUST_CHECK;
size_t leg_queued(const struct leg *leg);
/* What is queued is not to be sent. */
void leg_unqueue(struct leg *leg);

/* TLS begins when what is queued has gone out. The leg owns `ssl`. */
int leg_start_tls(struct leg *leg, SSL *ssl, struct error *err) MUST_CHECK;
/* Carries the handshake on: 1 done, 0 not yet, or a negative errno. */
int leg_handshake(struct leg *leg, struct error *err) MUST_CHECK;

/* Fills the read buffer, in clear with one PDU at most, so that what is behind it is TLS's: bytes
 * added, 0 when nothing came, -EPIPE when the peer has left, another negative errno when the
 * connection broke. */
ssize_t leg_fill(struct leg *leg, struct error *err) MUST_CHECK;
/* Drops `len` bytes from the front of the read buffer. */
void leg_consume(struct leg *leg, size_t len);
/* Writes what can be written: 0, or a negative errno when the connection broke. */
int leg_flush(struct leg *leg, struct error *err) MUST_CHECK;

/* The kernel's smoothed round trip to the peer, 0 when it does not say. */
uint32_t leg_rtt_us(const struct leg *leg);

/* Ends the reading; behind the last queued byte leg_flush() tells the peer that it was the last. */
void leg_close_softly(struct leg *leg);
/* LEG_LINGER: throws away what came; closes when the peer did. */
void leg_linger(struct leg *leg);
void leg_close(struct leg *leg);

#endif
