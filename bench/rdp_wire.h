/* SPDX-License-Identifier: Apache-2.0 */
/* rdp_wire.h - what the load client and the load guest of bench/relay share: a TCP connection that
 * becomes TLS, whole PDUs off it, the recorded connection sequence, and the orders they exchange once
 * the desktop is on. Blocking, one thread a connection.
 *
 * Orders travel as fast-path PDUs (MS-RDPBCGR 2.2.8.1.2), which a relay passes as they are. */
#ifndef GENKAN_BENCH_RDP_WIRE_H
#define GENKAN_BENCH_RDP_WIRE_H

#include <openssl/ssl.h>
#include "common/base/buf.h"

#define WIRE_PDU_MAX 65535

struct wire {
	int fd;
	SSL *ssl;	/* NULL: in clear */
	size_t begin, end;	/* of what was read and not yet taken */
	uint8_t in[2 * WIRE_PDU_MAX];
};

struct wire *wire_new(int fd);
void wire_free(struct wire *w);
/* All of it, or false. */
bool wire_write(struct wire *w, struct span bytes);
/* Exactly `len` bytes; valid until the next call. */
bool wire_read(struct wire *w, size_t len, struct span *out);
/* One TPKT or fast-path PDU. */
bool wire_read_pdu(struct wire *w, struct span *out);
/* The first byte, without taking it. */
bool wire_peek(struct wire *w, uint8_t *out);

/* The recorded conversation between libfreerdp and freerdp-shadow, one PDU a step. */
enum { STEP_CLIENT, STEP_GUEST };
struct script {
	struct buf recording;
	size_t count;
	struct { uint8_t side; struct span pdu; } steps[64];
	struct span request;	/* the client's X.224 request, in clear */
	struct span confirm;	/* and the guest's answer */
};
void script_load(struct script *s, const char *path);
/* From MCS Connect Initial until the desktop is on: says the words of `side`, waits for the
 * other's. */
bool script_play(const struct script *s, struct wire *w, uint8_t side);

enum order_kind {
	ORDER_STREAM = 1,	/* to the guest: send PDUs of .size bytes for .for_ms */
	ORDER_STREAMED = 2,	/* to the client: that was the last one, .count bytes in all */
	ORDER_EVENT = 3,	/* to the guest: an input event of .size bytes, sent at .at_us */
	ORDER_SEEN = 4,	/* to the client: it arrived at .at_us; .count is its .at_us */
};
struct order {
	uint8_t kind;
	uint32_t size, for_ms;
	int64_t at_us, count;
};
/* A PDU of `size` bytes (0: as short as it gets) with the order in it. */
void order_encode(const struct order *order, size_t size, struct buf *out);
/* False for a PDU that has none: a picture. */
bool order_decode(struct span pdu, struct order *out);

#endif
