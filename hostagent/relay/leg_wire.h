/* SPDX-License-Identifier: Apache-2.0 */
/* leg_wire.h - the socket under a leg's TLS.
 *
 * Desktops send records in bursts. They are fetched with as few calls as possible, and what one
 * call left free in the buffer is known to be all there was, without asking once more. OpenSSL's
 * own reading ahead holds one record and moves the rest to the front behind each. */
#ifndef GENKAN_RELAY_LEG_WIRE_H
#define GENKAN_RELAY_LEG_WIRE_H

#include <openssl/bio.h>
#include <stdbool.h>
#include <stdint.h>

#define LEG_WIRE_SIZE (64 * 1024)

struct leg_wire {
	int fd;
	bool drained;   /* by the last call: nothing is asked of the socket until the next turn */
	bool more;      /* to be written at once: the kernel may wait for it */
	size_t at, len; /* what was received and not yet taken, in bytes[] */
	uint8_t bytes[LEG_WIRE_SIZE];
};

/* `wire` must stay where it is while the BIO lives, and does not own the descriptor. NULL: no memory. */
BIO *leg_wire_bio_new(struct leg_wire *wire, int fd);
/* A new turn: the socket may be asked again. */
void leg_wire_arm(struct leg_wire *wire);

#endif
