/* SPDX-License-Identifier: Apache-2.0 */
/* front_message.h - what a network front and the core tell each other: one packet each (see
 * common/net/packet_link.h), pure encoding and decoding. Neither end believes a length.
 *
 *	core  -> front  CERTIFICATE            the key of the door, at the start and when renewed
 *	                ANSWER (BODY...)       the answer to a request
 *	                ANSWER, PIECE..., END  one that is streamed
 *	front -> core   READY                  the certificate is in use, or why not
 *	                REQUEST (BODY...)
 *	                GONE                   the peer of a request has left
 *	                DRAINED                it has taken so many bytes of a streamed answer
 *
 * Numbers are big endian, texts and bytes have their length before them, texts a NUL behind. */
#ifndef GENKAN_FRONT_FRONT_MESSAGE_H
#define GENKAN_FRONT_FRONT_MESSAGE_H

#include "common/base/buf.h"
#include "common/net/http_exchange.h"
#include "common/net/packet_link.h"
#include "common/net/tls.h"

enum front_kind {
	FRONT_CERTIFICATE = 1,
	FRONT_ANSWER,
	FRONT_PIECE,
	FRONT_END,
	FRONT_READY,
	FRONT_REQUEST,
	FRONT_BODY,
	FRONT_GONE,
	FRONT_DRAINED,
};

enum { FRONT_BODY_MAX = 8 * 1024 * 1024 };

struct front_message {
	enum front_kind kind;
	uint64_t id;       /* of the request, given by the front; below 2^48 */
	struct span bytes; /* of ANSWER, PIECE, REQUEST, BODY: in this packet */
	size_t body_len;   /* of ANSWER, REQUEST: in all; the rest comes as BODY */
	struct http_answer answer;
	struct http_exchange request; /* texts point into the packet */
	struct tls_pem pem;
	const char *problem; /* of READY; "" none */
	uint64_t drained_bytes;
};

/* -EBADMSG: not a message. Texts and bytes point into the packet. */
int front_message_parse(struct span packet, struct front_message *out) MUST_CHECK;

/* Each writes one packet. Those with a body take as much of the body as fits and return how
 * much; the rest is written as BODY by front_bytes_write(). */
void front_certificate_write(const struct tls_pem *pem, struct buf *out);
size_t front_answer_write(uint64_t id, const struct http_answer *answer, struct buf *out);
size_t front_request_write(uint64_t id, const struct http_exchange *x, struct buf *out);
size_t front_bytes_write(enum front_kind kind, uint64_t id, struct span bytes, struct buf *out);
void front_end_write(enum front_kind kind, uint64_t id, struct buf *out); /* END, GONE */
void front_drained_write(uint64_t id, uint64_t bytes, struct buf *out);
void front_ready_write(const char *problem, struct buf *out);

#endif
